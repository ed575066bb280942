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
INFERENCE: Final = "inference"  # in a contestant's settings: `MultiInference` in words, where it is not a single look
PHASES = ("letterbox", "network", "decode")  # of a frame, in this order; a rival has the network only

Milliseconds = Annotated[float, msgspec.Meta(ge=0)]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the document."""


class Machine(_Strict, frozen=True):
    """The computer. Two documents with the same ``identity`` count as one machine's.

    Attributes:
        cpu: name of the processor in its own words.
        cores: number of logical cores.
        usable_cores: number of cores that this process may run on.
        memory_mib: installed memory.
        system: operating system, its kernel's version and the architecture.
        virtual: whether a hypervisor says that it is there; None where nobody knows.
        governor: governor of the CPU's frequency; None where it cannot be read.
        load: mean number of running processes in the minute before; None where it cannot be read.
        python: version of Python.
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


class BenchPlan(_Strict, frozen=True):
    """How long to measure.

    Attributes:
        rounds: turns that every contestant gets.
        runs: runs of every contestant, over all rounds, unless ``seconds`` end before.
        seconds: time after which a contestant needs no more runs, over all rounds.
        warm_up_runs: least number of runs before the first round.
        warm_up_s: least number of seconds before the first round.
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


class TurnConditions(_Strict, frozen=True):
    """What the measured cores did during one turn; in seconds, of all of them together.

    Attributes:
        core_s: time of all the cores together.
        own_s: time that the contestant computed.
        busy_s: time that any program of this machine computed.
        steal_s: time that the hypervisor gave to other machines.
        frequency_mhz: frequency of the fastest of the cores, at the end; None where it cannot be read.
    """

    core_s: float
    own_s: float
    busy_s: float
    steal_s: float
    frequency_mhz: float | None


class Round(_Strict, frozen=True):
    """One turn.

    Attributes:
        at_s: beginning, in seconds from that of the measurement.
        phases: phase -> time of every run, in milliseconds.
        conditions: what the cores did during it.
        phone: how the phone was; None where none was measured on.
    """

    at_s: float
    phases: dict[Literal["letterbox", "network", "decode"], list[Milliseconds]]
    conditions: TurnConditions
    phone: PhoneTurn | None = None


class ProcessMemory(_Strict, frozen=True):
    """Memory of a contestant's process, in MiB. USS would be free without it, PSS has its part of shared pages in it.

    A phone shows no USS.

    Attributes:
        before: USS with all libraries and pictures, before the model; None on a phone.
        peak_uss: largest USS seen while the model was loaded and warmed up; None on a phone.
        peak_pss: largest PSS seen while the model was loaded and warmed up; None where the system does not show it.
        peak_rss: largest resident size, as the kernel recorded it.
        steady_uss: USS after the last round; None on a phone.
        steady_pss: PSS after the last round; None where the system does not show it.
        engine: what the engine itself says that it uses; None where it says nothing.
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


class ContestantResult(_Strict, frozen=True):
    """One contestant with all its samples.

    Attributes:
        name: short name; no two of a document are the same.
        kind: ``"model"``: whole frames; ``"rival"``: the network alone, in another engine.
        model: name of the model.
        sha256: hash of the model's file, hex.
        file_bytes: length of all files that it is run from.
        engine: library that runs it.
        version: version of the library.
        device: device that computes, in the library's words.
        settings: settings of the library.
        precision: precision of the weights.
        layout: layout of the heads: ``"dense"`` or ``"sparse"``.
        groups: number of landmark groups.
        channels: name of each head -> its channels.
        parameters: number of the network's parameters, as the paper counts them.
        height: height of the network's input, in pixels.
        width: width of the network's input, in pixels.
        threads: number of threads that compute.
        threads_asked: number of threads that were asked for.
        cores: cores that it was pinned to; empty where the system cannot pin.
        objects: objects found per picture, on average; None for a rival.
        memory: memory of its process.
        rounds: every turn.
        session: number of the measurement that its turns belong to. Contestants of one session took turns; those of
            several are compared as wholes.
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
    memory: ProcessMemory
    rounds: Annotated[tuple[Round, ...], msgspec.Meta(min_length=1)]
    session: int = 0

    @property
    def size(self) -> str:
        """Height and width of the input, as people write it."""
        return f"{self.height}x{self.width}"

    @property
    def contestant_group(self) -> tuple[int, int, int]:
        """What the contestants that took turns have in common: height, width and number of threads."""
        return self.height, self.width, self.threads_asked

    @property
    def key(self) -> tuple[object, ...]:
        """What makes it the same contestant in another document."""
        looks = self.settings.get(INFERENCE)
        compute = tuple(self.settings.get(name) for name in ("compute", "gpu_precision", "storage"))
        what = (self.kind, self.model, self.engine, self.precision, self.layout, self.groups)
        return (*what, looks, compute, *self.contestant_group)

    def times(self, phase: str) -> list[Times]:
        """Return the run times of a phase, or of ``"total"``, by rounds; nothing for a phase that it has not."""
        if phase == "total":
            return [np.sum([np.array(times) for times in one.phases.values()], axis=0) for one in self.rounds]
        return [np.array(times) for one in self.rounds for name, times in one.phases.items() if name == phase]


class Failure(_Strict, frozen=True):
    """What could not be measured, and why.

    Attributes:
        name: path of a model, or name of a contestant.
        kind: ``"model"`` or ``"rival"``.
        error: what went wrong, in a sentence.
        hint: what the user can do about it; None where nothing is known.
    """

    name: str
    kind: Literal["model", "rival"]
    error: str
    hint: str | None

    @property
    def sentence(self) -> str:
        """The error with the contestant's name before it, and a rival's hint behind it."""
        shown = self.error if self.error.startswith(self.name) else f"{self.name}: {self.error}"
        return f"{shown} ({self.hint})" if self.kind == "rival" and self.hint else shown


class PictureRecord(_Strict, frozen=True):
    """What was run on.

    Attributes:
        source: name of where the pictures come from.
        sizes: height and width of each; empty where they are not told (the app's own samples).
        sha256: hash of all their pixels, hex; empty where they are not told.
    """

    source: str
    sizes: tuple[tuple[int, int], ...]
    sha256: str


class BenchResult(_Strict, frozen=True):
    """The document.

    Attributes:
        format: `FORMAT`.
        created: date and time, UTC.
        command: command line that made it.
        program: version of this program.
        machine: computer or phone that was measured on.
        plan: how long was measured.
        pictures: pictures that were run on.
        contestants: in the order of their turns; the first is what the others are compared with.
        failures: what could not be measured.
        phone: phone that was measured on; None where it was the machine itself.
    """

    format: Literal["deepmark-bench/1"]  # `FORMAT`
    created: str
    command: str
    program: str
    machine: Machine
    plan: BenchPlan
    pictures: PictureRecord
    contestants: tuple[ContestantResult, ...]
    failures: tuple[Failure, ...]
    phone: Phone | None = None
