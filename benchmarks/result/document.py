"""The document of a measurement: every sample, what was measured, and on what.

It is strict: an unknown field or another version is an error, not a guess.
"""

from __future__ import annotations

import math
from typing import Annotated, Final, Literal

import msgspec
import numpy as np

from deepmark.benchmarks.result.phone import Phone, PhoneTurn
from deepmark.benchmarks.result.statistics import Times

FORMAT: Final = "deepmark-bench/1"
PHASES = ("letterbox", "network", "decode")  # of a frame, in this order; a rival has the network only

Milliseconds = Annotated[float, msgspec.Meta(ge=0)]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the document."""


class Machine(_Strict, frozen=True):
    """The computer. Two documents with the same ``identity`` count as one machine's.

    Attributes:
        cpu: as it calls itself.
        cores: logical ones.
        usable_cores: those that this process may run on.
        memory_mib: installed.
        system: operating system, its kernel's version and the architecture.
        virtual: whether a hypervisor says that it is there; None where nobody knows.
        governor: of the CPU's frequency, or None.
        load: mean number of running processes in the minute before, or None.
        python: version.
        versions: library -> version.
    """

    cpu: str
    cores: int
    usable_cores: int
    memory_mib: int
    system: str
    virtual: bool | None
    governor: str | None
    load: float | None
    python: str
    versions: dict[str, str]

    @property
    def identity(self) -> tuple[str, int, str]:
        """What must be equal for times to be comparable."""
        name, *_, architecture = self.system.split()
        return self.cpu, self.cores, f"{name} {architecture}"


class Plan(_Strict, frozen=True):
    """How long to measure.

    Attributes:
        rounds: turns that every contestant gets.
        runs: of every contestant, over all rounds, unless ``seconds`` end before.
        seconds: after which a contestant needs no more runs, over all rounds.
        warm_up_runs: before the first round, and
        warm_up_s: at least as many seconds.
        threshold: floor of an object's final score; those that cannot reach it are skipped, exactly.
    """

    rounds: Annotated[int, msgspec.Meta(ge=1)] = 6
    runs: Annotated[int, msgspec.Meta(ge=1)] = 60
    seconds: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    warm_up_runs: Annotated[int, msgspec.Meta(ge=1)] = 5
    warm_up_s: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    threshold: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0

    @property
    def runs_a_round(self) -> int:
        """Runs of one turn."""
        return math.ceil(self.runs / self.rounds)

    @property
    def seconds_a_round(self) -> float:
        """Time after which a turn ends early."""
        return self.seconds / self.rounds


class Conditions(_Strict, frozen=True):
    """What the measured cores did during one turn; in seconds, of all of them together.

    Attributes:
        core_s: that there were.
        own_s: that the contestant computed.
        busy_s: that anybody of this machine computed.
        steal_s: that the hypervisor gave to other machines.
        frequency_mhz: of the fastest of the cores, at the end; None where it cannot be read.
    """

    core_s: float
    own_s: float
    busy_s: float
    steal_s: float
    frequency_mhz: float | None


class Round(_Strict, frozen=True):
    """One turn.

    Attributes:
        at_s: its beginning, in seconds from that of the measurement.
        phases: phase -> time of every run, in milliseconds.
        conditions: of the machine.
        phone: how the phone was, where it ran on one.
    """

    at_s: float
    phases: dict[Literal["letterbox", "network", "decode"], list[Milliseconds]]
    conditions: Conditions
    phone: PhoneTurn | None = None


class Memory(_Strict, frozen=True):
    """Of the contestant's process, in MiB. USS: what would be free without it; PSS: with its part of shared pages.

    A phone tells no USS.

    Attributes:
        before: USS with all libraries and pictures, before the model.
        peak_uss: largest USS seen while it was loaded and warmed up.
        peak_pss: likewise; None where the system does not tell.
        peak_rss: largest resident size, as the kernel recorded it.
        steady_uss: USS after the last round.
        steady_pss: likewise.
        engine: what the engine itself says that it uses, or None.
    """

    before: float | None
    peak_uss: float | None
    peak_pss: float | None
    peak_rss: float
    steady_uss: float | None
    steady_pss: float | None
    engine: float | None

    @property
    def peak(self) -> float:
        """The peak to show where one number must do: USS, on a phone the resident size."""
        return self.peak_rss if self.peak_uss is None else self.peak_uss


class Measured(_Strict, frozen=True):
    """One contestant with all its samples.

    Attributes:
        name: short, no two of a document are the same.
        kind: ``"model"``: whole frames; ``"rival"``: the network alone, in another engine.
        model: name of the model.
        sha256: of its file, hex.
        file_bytes: of all files that it is run from.
        engine: library that runs it.
        version: of the library.
        device: where it computes, in the library's words.
        settings: of the library.
        precision: of the weights.
        layout: of the heads.
        groups: of landmarks.
        channels: name of each head -> its channels.
        parameters: of the network, as the paper counts them.
        height: of the input, pixels.
        width: likewise.
        threads: that compute.
        threads_asked: likewise.
        cores: it was pinned to; empty where the system cannot pin.
        objects: found per picture, on average; None for a rival.
        memory: of its process.
        rounds: every turn.
    """

    name: str
    kind: Literal["model", "rival"]
    model: str
    sha256: str
    file_bytes: int
    engine: str
    version: str
    device: str
    settings: dict[str, str | int | float | bool]
    precision: str
    layout: str
    groups: int
    channels: dict[str, int]
    parameters: int
    height: int
    width: int
    threads: int
    threads_asked: int
    cores: tuple[int, ...]
    objects: float | None
    memory: Memory
    rounds: Annotated[tuple[Round, ...], msgspec.Meta(min_length=1)]

    @property
    def size(self) -> str:
        """Height and width of the input, as people write it."""
        return f"{self.height}x{self.width}"

    @property
    def heat(self) -> tuple[int, int, int]:
        """Contestants with the same took turns."""
        return self.height, self.width, self.threads_asked

    @property
    def key(self) -> tuple[object, ...]:
        """What makes it the same contestant in another document."""
        return (self.kind, self.model, self.engine, self.precision, self.layout, self.groups, *self.heat)

    def times(self, phase: str) -> list[Times]:
        """Return the run times of a phase, or of ``"total"``, by rounds; nothing for a phase that it has not."""
        if phase == "total":
            return [np.sum([np.array(times) for times in one.phases.values()], axis=0) for one in self.rounds]
        return [np.array(times) for one in self.rounds for name, times in one.phases.items() if name == phase]


class Failure(_Strict, frozen=True):
    """What could not be measured, and why; ``name`` is a path or a contestant's."""

    name: str
    kind: Literal["model", "rival"]
    error: str
    hint: str | None


class Pictures(_Strict, frozen=True):
    """What was run on: where the pictures come from, their sizes (height, width) and the sha256 of all their pixels."""

    source: str
    sizes: tuple[tuple[int, int], ...]
    sha256: str


class Result(_Strict, frozen=True):
    """The document.

    Attributes:
        format: `FORMAT`.
        created: date and time, UTC.
        command: that made it, as it was called.
        program: version of this program.
        machine: that it ran on.
        plan: how long was measured.
        pictures: that were run on.
        contestants: in the order of their turns; the first is what the others are compared with.
        failures: what could not be measured.
        phone: that was measured on; None: on the machine itself.
    """

    format: Literal["deepmark-bench/1"]  # `FORMAT`
    created: str
    command: str
    program: str
    machine: Machine
    plan: Plan
    pictures: Pictures
    contestants: tuple[Measured, ...]
    failures: tuple[Failure, ...]
    phone: Phone | None = None
