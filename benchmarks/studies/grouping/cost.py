"""Figure 4: time and memory of a training step, 62 groups against 294 landmarks."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import numpy as np

from deepmark.benchmarks.result.statistics import ratio_of_medians
from deepmark.benchmarks.speed.memory import peak_rss_mib
from deepmark.benchmarks.studies.grouping.step import GROUPS, Arm, Regressions, Step, StepWorkload
from deepmark.runtime.arrays import F64

WARM_UP = 2  # steps of each arm that do not count
MEMORY_STEPS = 2  # the optimiser's moments exist from the first one on


@dataclass(frozen=True, slots=True)
class StepCost:
    """A step of one arm.

    Attributes:
        arm: what was measured.
        steps: number of steps that were timed.
        median_ms: median wall time of a step, in milliseconds.
        p90_ms: wall time that nine of ten steps keep, in milliseconds.
        peak_mib: largest memory of a process with nothing else, in MiB: what torch reserved on the GPU, else resident
            memory with all libraries; None where the process was killed, most often for memory.
    """

    arm: Arm
    steps: int
    median_ms: float
    p90_ms: float
    peak_mib: float | None


@dataclass(frozen=True, slots=True)
class StepComparison:
    """62 groups against 294 landmarks, all else equal.

    Attributes:
        work: what was worked on.
        regressions: how the regression heads were computed.
        grouped: cost with 62 groups.
        single: cost with 294 landmarks.
        time_ratio: median time with 62 groups, divided by that with 294 landmarks.
        time_interval: lower and upper end of the ratio's 95 % bootstrap interval over the rounds.
        memory_ratio: peak with 62 groups, divided by that with 294 landmarks; None where one is missing.
    """

    work: StepWorkload
    regressions: Regressions
    grouped: StepCost
    single: StepCost
    time_ratio: float
    time_interval: tuple[float, float]
    memory_ratio: float | None


def compare(
    work: StepWorkload,
    regressions: Sequence[Regressions] = ("sparse", "dense"),
    *,
    rounds: int,
    advance: Callable[[], None] = lambda: None,
) -> tuple[StepComparison, ...]:
    """Time all arms in turn, a step each, round after round; then weigh each in a process of its own.

    What else the machine does falls on all arms alike, so the ratios hold on a busy machine too; times do not.

    Args:
        work: what every arm works on.
        regressions: ways to compute the regression heads, each to be compared.
        rounds: number of timed steps of each arm.
        advance: called after each of `steps` steps.
    """
    arms = [Arm(groups, how) for how in regressions for groups in GROUPS]
    peaks = {}
    for arm in arms:
        peaks[arm] = _peak_in_child(arm, work)
        advance()
    times_ms = time_in_turn([Step(arm, work) for arm in arms], rounds, advance)
    costs = {
        arm: StepCost(arm, rounds, _rounded(np.median(column)), _rounded(np.percentile(column, 90)), peaks[arm])
        for arm, column in zip(arms, times_ms.T, strict=True)
    }
    comparisons = []
    for at, how in enumerate(regressions):
        ratio = ratio_of_medians(times_ms[:, 2 * at], times_ms[:, 2 * at + 1])
        grouped, single = (costs[Arm(groups, how)] for groups in GROUPS)
        memory = grouped.peak_mib / single.peak_mib if grouped.peak_mib and single.peak_mib else None
        comparisons.append(StepComparison(work, how, grouped, single, ratio.value, (ratio.low, ratio.high), memory))
    return tuple(comparisons)


def steps(regressions: Sequence[Regressions], rounds: int) -> int:
    """Count the calls of ``advance`` by `compare`."""
    return len(regressions) * len(GROUPS) + WARM_UP + rounds


def time_in_turn(arms: Sequence[Callable[[], object]], rounds: int, advance: Callable[[], None] = lambda: None) -> F64:
    """Call all in turn, A B A B ..., and return the wall times in milliseconds, (rounds, arms)."""
    times_ns = np.zeros((WARM_UP + rounds, len(arms)))
    for one_round in times_ns:
        for at, arm in enumerate(arms):
            start = time.perf_counter_ns()
            arm()
            one_round[at] = time.perf_counter_ns() - start
        advance()
    return times_ns[WARM_UP:] / 1e6


def _peak_in_child(arm: Arm, work: StepWorkload) -> float | None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(peak_mib, arm, work).result()
        except BrokenProcessPool:
            return None


def peak_mib(arm: Arm, work: StepWorkload) -> float:
    """Do a few steps and return the most memory that this process ever took, in MiB: of the GPU, or resident."""
    import torch

    step = Step(arm, work)
    for _ in range(MEMORY_STEPS):
        step()
    if work.device == "cuda":
        return _rounded(torch.cuda.max_memory_reserved() / 2**20)
    return peak_rss_mib()


def _rounded(value: float | np.floating) -> float:
    return round(float(value), 1)
