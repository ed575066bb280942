"""The messages between a measurement and its child processes: one JSON document a line.

The parent sends a `LoadRequest`, then a `TurnRequest` as often as it likes; the child answers each with one of `Ready`,
`TurnSamples` or `Refusal`. The end of its input ends the child.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from deepmark.runtime.engines.gpu_settings import Compute, GpuSettings
from deepmark.runtime.multi_inference import SINGLE, MultiInference

Phase = Literal["letterbox", "network", "decode"]


class LoadRequest(msgspec.Struct, frozen=True, tag=True):
    """What a child is to load.

    Attributes:
        kind: ``"model"``: whole frames through the runtime; ``"rival"``: the network alone.
        path: path of the model, of the network's file, or of the checkpoint.
        engine: name of the engine or of the rival's library; None for a model's own choice.
        height: height of the network's input, in pixels.
        width: width of the network's input, in pixels.
        threads: number of threads to compute with.
        cores: cores to stay on; empty for all.
        threshold: floor of an object's final score, as `deepmark detect` has it.
        pictures: file of the pictures (`deepmark.benchmarks.speed.samples`).
        expected: file of the right outputs; None for a model.
        inference: looks at a picture; a rival has one.
        compute: what computes a model.
        gpu: how a GPU computes; None on the CPU.
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
    inference: MultiInference = SINGLE
    compute: Compute = "cpu"
    gpu: GpuSettings | None = None


class TurnRequest(msgspec.Struct, frozen=True, tag=True):
    """Run until both ``runs`` and ``at_least_s`` are reached, or ``at_most_s`` are over after two runs.

    Attributes:
        runs: least number of runs.
        at_least_s: least time, in seconds.
        at_most_s: time after which two runs are enough, in seconds.
        counts: whether the runs are samples; one more goes before them then, as the caches hold another's weights.
    """

    runs: int
    at_least_s: float
    at_most_s: float
    counts: bool


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The model is loaded.

    Attributes:
        engine: library that runs it.
        version: version of the library.
        device: device that computes, in the library's words.
        threads: number of threads that compute.
        settings: settings of the library.
        precision: precision of the arithmetic.
        sha256: hash of the file that was loaded, hex.
        file_bytes: length of that file; None for a model, whose manifest knows it.
    """

    engine: str
    version: str
    device: str
    threads: int
    settings: dict[str, str | int | float | bool]
    precision: str
    sha256: str
    file_bytes: int | None


class TurnSamples(msgspec.Struct, frozen=True, tag=True):
    """Runs, in milliseconds.

    Attributes:
        phases: phase -> time of every run.
        own_s: time that the process computed, on all cores, in seconds.
        objects: objects found per picture, on average; None for a rival.
        peak_rss_mib: largest resident size of the process so far.
        engine_mib: what the engine says that it uses; None where it says nothing.
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


Question = LoadRequest | TurnRequest
Answer = Waiting | Ready | TurnSamples | Refusal
