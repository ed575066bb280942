"""What is timed: a whole frame through the runtime, phase by phase, as `Detector` goes through it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import msgspec

from deepmark.benchmarks.speed.messages import Phase
from deepmark.runtime.arrays import Image8
from deepmark.runtime.detector import detect_in_picture
from deepmark.runtime.engines.engine import Engine
from deepmark.runtime.multi_inference import SINGLE, MultiInference
from deepmark.runtime.placed_heads import PlacedHeads, read_heads
from deepmark.runtime.scaled_view import ScaledView


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
    Decoding includes the way back to the picture's pixels and the suppression, as a user gets it. With several looks at
    a picture a phase is the sum over all of them.
    """

    phases: tuple[Phase, ...] = ("letterbox", "network", "decode")

    def __init__(
        self,
        engine: Engine,
        pictures: Sequence[Image8],
        size: tuple[int, int],
        threshold: float,
        inference: MultiInference = SINGLE,
    ) -> None:
        self._engine, self._pictures, self._inference = engine, pictures, inference
        self._spec = msgspec.structs.replace(engine.manifest.input, height=size[0], width=size[1])
        self._schema = engine.manifest.keypoints
        self._params = replace(engine.manifest.decoder, score_threshold=threshold)
        self._found = self._runs = 0

    def run(self, number: int) -> tuple[int, ...]:
        """Detect in one picture."""
        picture = self._pictures[number % len(self._pictures)]
        inference, looks = self._inference, []
        in_letterbox = in_network = 0
        for factor in inference.scales:
            start = time.perf_counter_ns()
            view = ScaledView.of(picture.shape[:2], self._spec, factor, inference)
            image_in = view.draw(picture)
            boxed = time.perf_counter_ns()
            heads = read_heads(self._engine, image_in, flip=inference.flip)
            computed = time.perf_counter_ns()
            looks.append(PlacedHeads(heads, view.transform))
            in_letterbox += boxed - start
            in_network += computed - boxed
        start = time.perf_counter_ns()
        found = detect_in_picture(looks, self._schema, self._params)
        in_decode = time.perf_counter_ns() - start
        self._found += len(found)
        self._runs += 1
        return in_letterbox, in_network, in_decode

    @property
    def objects(self) -> float | None:
        """Return how many objects the runs so far found, on average."""
        return round(self._found / self._runs, 2) if self._runs else None
