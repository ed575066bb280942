"""What is timed: a whole frame through the runtime, phase by phase, as `Detector` goes through it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from deepmark.benchmarks.speed.messages import Phase
from deepmark.runtime.arrays import Image8
from deepmark.runtime.detector import detect_in_picture
from deepmark.runtime.engines.engine import Engine
from deepmark.runtime.transform import letterbox


class TimedTask(Protocol):
    """Something that can be run and timed."""

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Return the parts of a run, in order."""
        ...

    def run(self, number: int) -> tuple[int, ...]:
        """Run on a picture, which ``number`` chooses round and round; return each phase's nanoseconds."""
        ...

    @property
    def objects(self) -> float | None:
        """Return how many objects the runs so far found, on average."""
        ...


class Frames:
    """Whole frames: letterbox, network (normalisation and graph), decoding with the model's own parameters.

    Objects below a floor of the final score are left out, as `deepmark detect` does it.
    Decoding includes the way back to the picture's pixels and the suppression, as a user gets it.
    """

    phases: tuple[Phase, ...] = ("letterbox", "network", "decode")

    def __init__(self, engine: Engine, pictures: Sequence[Image8], size: tuple[int, int], threshold: float) -> None:
        self._engine, self._pictures, self._size = engine, pictures, size
        self._schema = engine.manifest.keypoints
        self._params = replace(engine.manifest.decoder, score_threshold=threshold)
        self._found = self._runs = 0

    def run(self, number: int) -> tuple[int, ...]:
        """Detect in one picture."""
        picture = self._pictures[number % len(self._pictures)]
        start = time.perf_counter_ns()
        image_in, transform = letterbox(picture, self._size)
        boxed = time.perf_counter_ns()
        heads = self._engine.heads(image_in)
        computed = time.perf_counter_ns()
        found = detect_in_picture(heads, self._schema, self._params, transform)
        end = time.perf_counter_ns()
        self._found += len(found)
        self._runs += 1
        return boxed - start, computed - boxed, end - computed

    @property
    def objects(self) -> float | None:
        """Return how many objects the runs so far found, on average."""
        return round(self._found / self._runs, 2) if self._runs else None
