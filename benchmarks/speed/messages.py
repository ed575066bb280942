"""What a measurement and its child processes say to each other: one JSON document a line.

The parent sends a `Job`, then a `Turn` as often as it likes; the child answers each with one of `Ready`, `Samples` or
`Refusal`. The end of its input ends the child.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Phase = Literal["letterbox", "network", "decode"]


class Job(msgspec.Struct, frozen=True, tag=True):
    """What a child is to load.

    Attributes:
        kind: ``"model"``: whole frames through the runtime; ``"rival"``: the network alone.
        path: of the model, of the network's file, or of the checkpoint.
        engine: library; for a model None for its own choice.
        height: of the input, pixels.
        width: likewise.
        threads: to compute with.
        cores: to stay on; none for all.
        threshold: floor of an object's final score, as `deepmark detect` has it.
        pictures: file of the pictures (`deepmark.benchmarks.speed.samples`).
        expected: file of the right outputs, for a rival.
    """

    kind: Literal["model", "rival"]
    path: str
    engine: str | None
    height: int
    width: int
    threads: int
    cores: tuple[int, ...]
    threshold: float
    pictures: str
    expected: str | None = None


class Turn(msgspec.Struct, frozen=True, tag=True):
    """Run until both ``runs`` and ``at_least_s`` are reached, or ``at_most_s`` are over after two runs.

    ``counts``: whether the runs are samples; then one more goes before them, as the caches hold another's weights.
    """

    runs: int
    at_least_s: float
    at_most_s: float
    counts: bool


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The model is loaded.

    Attributes:
        engine: library that runs it.
        version: of the library.
        device: where it computes.
        threads: that it uses.
        settings: of the library.
        precision: of the arithmetic.
        sha256: of the file that was loaded, hex.
        file_bytes: its length; None for a model, whose manifest knows it.
    """

    engine: str
    version: str
    device: str
    threads: int
    settings: dict[str, str | int | float | bool]
    precision: str
    sha256: str
    file_bytes: int | None


class Samples(msgspec.Struct, frozen=True, tag=True):
    """Runs, in milliseconds.

    Attributes:
        phases: phase -> time of every run.
        own_s: seconds that the process computed, on all cores.
        objects: found per picture, on average; None for a rival.
        peak_rss_mib: of the process so far.
        engine_mib: what the engine says that it uses, or None.
    """

    phases: dict[Phase, list[float]]
    own_s: float
    objects: float | None
    peak_rss_mib: float
    engine_mib: float | None


class Waiting(msgspec.Struct, frozen=True, tag=True):
    """All libraries and pictures are there; the model comes next."""


class Refusal(msgspec.Struct, frozen=True, tag=True):
    """It cannot be done."""

    error: str
    hint: str | None


Question = Job | Turn
Answer = Waiting | Ready | Samples | Refusal
