"""The measurement itself: children are loaded one after the other, then take turns, so that only one ever computes.

Contestants of the same size and number of threads form a group and take turns A-B-C-A-B-C: what changes on the
machine in the meantime changes for all of them. Groups follow one another, and the processes of a group end with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from deepmark.benchmarks.result.document import BenchPlan, ContestantResult, Failure, ProcessMemory, Round
from deepmark.benchmarks.speed.contestants import Contestant
from deepmark.benchmarks.speed.machine import CoreClock, choose_cores, frequency_mhz, usable_cores
from deepmark.benchmarks.speed.memory import MemoryWatch, Usage
from deepmark.benchmarks.speed.messages import LoadRequest, Ready, TurnRequest, TurnSamples, Waiting
from deepmark.benchmarks.speed.process import COMMAND, Child
from deepmark.errors import DeepMarkError, EngineError
from deepmark.runtime.bundle import HEADS_FILE, OpenedBundle

T = TypeVar("T")

LOAD_TIMEOUT_S = 180.0
TURN_TIMEOUT_S = 120.0  # beside the turn's own length; a large input on a slow core takes seconds a run


@dataclass(frozen=True, slots=True)
class Setup:
    """What all contestants share.

    Attributes:
        plan: how long to measure.
        pictures: file of the pictures.
        cores: ``"auto"``, or a list such as ``"0,2-3"``.
        expected: function from a size to the file of the right outputs, for rivals.
        command: command that starts a contestant's process.
    """

    plan: BenchPlan
    pictures: Path
    cores: str
    expected: Callable[[tuple[int, int]], Path]
    command: Sequence[str] = COMMAND


@dataclass(slots=True)
class _Running:
    """A contestant whose process is there."""

    contestant: Contestant
    child: Child
    watch: MemoryWatch
    cores: tuple[int, ...]
    before: Usage
    ready: Ready
    rounds: list[Round] = field(default_factory=list)
    last: TurnSamples | None = None


def steps(contestants: Sequence[Contestant], plan: BenchPlan) -> int:
    """Count the steps that `measure` will advance by."""
    return len(contestants) * (plan.rounds + 1)


def measure(
    contestants: Sequence[Contestant], setup: Setup, advance: Callable[[], None] = lambda: None
) -> tuple[list[ContestantResult], list[Failure]]:
    """Measure all contestants; one whose process fails is named, and the others go on."""
    measured: list[ContestantResult] = []
    failures: list[Failure] = []
    start = time.monotonic()
    for _, group in groupby(contestants, key=lambda one: one.contestant_group):
        with ExitStack() as children:
            running = []
            for one in group:
                try:
                    running.append(_load(one, setup, children))
                except DeepMarkError as error:
                    failures.append(_failure(one, error))
                advance()
            for _ in range(setup.plan.rounds):
                for entry in list(running):
                    try:
                        _take_turn(entry, setup.plan, start)
                    except EngineError as error:
                        failures.append(_failure(entry.contestant, error))
                        running.remove(entry)
                    advance()
            measured += [_finish(entry) for entry in running]
    return measured, failures


def _load(one: Contestant, setup: Setup, children: ExitStack) -> _Running:
    threads = min(one.threads, len(usable_cores()))
    cores = choose_cores(setup.cores, threads)
    request = LoadRequest(
        kind=one.kind,
        path=str(one.path.absolute()),
        engine=one.engine,
        height=one.size[0],
        width=one.size[1],
        threads=threads,
        cores=cores,
        threshold=setup.plan.threshold,
        pictures=str(setup.pictures),
        expected=str(setup.expected(one.size)) if one.kind == "rival" else None,
        inference=one.inference,
        compute=one.compute,
        gpu=one.gpu,
    )
    child = children.enter_context(Child(one.name, {"OMP_NUM_THREADS": str(threads)}, setup.command))
    watch = MemoryWatch(child.pid)
    child.send(request)
    _require(child.receive(LOAD_TIMEOUT_S), Waiting)
    before = watch.now() or Usage(0.0, None)
    ready = _require(child.receive(LOAD_TIMEOUT_S, watch.look), Ready)
    warm_up = TurnRequest(setup.plan.warm_up_runs, setup.plan.warm_up_s, LOAD_TIMEOUT_S, counts=False)
    child.send(warm_up)
    _require(child.receive(2 * LOAD_TIMEOUT_S, watch.look), TurnSamples)
    watch.look()
    return _Running(one, child, watch, cores, before, ready)


def _take_turn(entry: _Running, plan: BenchPlan, start: float) -> None:
    turn = TurnRequest(plan.runs_a_round, 0.0, plan.seconds_a_round, counts=True)
    clock = CoreClock.read(entry.cores)
    entry.child.send(turn)
    samples = _require(entry.child.receive(plan.seconds_a_round + TURN_TIMEOUT_S), TurnSamples)
    later = CoreClock.read(entry.cores)
    conditions = clock.until(later, samples.own_s, frequency_mhz(entry.cores))
    entry.rounds.append(Round(at_s=round(clock.at_s - start, 3), phases=samples.phases, conditions=conditions))
    entry.last = samples


def _finish(entry: _Running) -> ContestantResult:
    one, ready, manifest = entry.contestant, entry.ready, entry.contestant.model.manifest
    steady = entry.watch.now() or Usage(0.0, None)
    peak = entry.watch.peak or steady
    assert entry.last is not None
    return ContestantResult(
        name=one.name,
        kind=one.kind,
        model=manifest.name,
        sha256=ready.sha256,
        file_bytes=ready.file_bytes or _file_bytes(one.model, ready.sha256),
        engine=ready.engine,
        version=ready.version,
        device=ready.device,
        settings=ready.settings,
        precision=manifest.precision,
        layout=manifest.heads.layout,
        groups=manifest.keypoints.num_groups,
        channels=manifest.heads.heads,
        parameters=manifest.source.parameters,
        height=one.size[0],
        width=one.size[1],
        threads=ready.threads,
        threads_asked=one.threads,
        cores=entry.cores,
        objects=entry.last.objects,
        memory=ProcessMemory(
            before=entry.before.uss,
            peak_uss=max(peak.uss, steady.uss),
            peak_pss=_larger(peak.pss, steady.pss),
            peak_rss=entry.last.peak_rss_mib,
            steady_uss=steady.uss,
            steady_pss=steady.pss,
            engine=entry.last.engine_mib,
        ),
        rounds=tuple(entry.rounds),
    )


def _file_bytes(model: OpenedBundle, sha256: str) -> int:
    """Add up the files that a model is run from: the graph, and the heads that a sparse one leaves out."""
    return sum(entry.bytes for name, entry in model.entries.items() if entry.sha256 == sha256 or name == HEADS_FILE)


def _require(answer: object, kind: type[T]) -> T:
    if not isinstance(answer, kind):
        raise EngineError(f"the child process answered with {type(answer).__name__}, expected {kind.__name__}")
    return answer


def _larger(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else max(one, other)


def _failure(one: Contestant, error: DeepMarkError) -> Failure:
    return Failure(name=one.name, kind=one.kind, error=str(error), hint=error.hint)
