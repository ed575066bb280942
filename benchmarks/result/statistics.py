"""Medians, spreads and ratios of run times, with intervals by bootstrap. Nothing is trimmed: every sample counts.

Run times are not normal and rounds differ more than runs do (the clock, the neighbours on the machine), so intervals
come from resampling in two levels: rounds, and runs within each round. All draws are seeded: the same samples give the
same figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from deepmark.runtime.arrays import F64, Index

Times = F64  # (runs,) milliseconds
Rounds = Sequence[Times]

DRAWS = 2000
SEED = 20200407
COVERAGE = 0.95


@dataclass(frozen=True, slots=True)
class Summary:
    """Run times of one phase, all rounds together; milliseconds.

    Attributes:
        runs: number of samples.
        median: time that half of the runs stayed below.
        low: lower end of the median's interval.
        high: upper end of the median's interval.
        p90: time that nine of ten runs stayed below.
        p99: time that 99 of a hundred runs stayed below; with fewer runs nearly the slowest.
        min: time of the fastest run.
        mad: median distance from the median.
    """

    runs: int
    median: float
    low: float
    high: float
    p90: float
    p99: float
    min: float
    mad: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """A quotient of two run times with its interval of 95 %."""

    value: float
    low: float
    high: float

    @property
    def excludes_one(self) -> bool:
        """Whether the interval says that there is a difference."""
        return self.low > 1 or self.high < 1


def summarise(rounds: Rounds) -> Summary:
    """Describe run times; at least one round with at least one run."""
    times = np.concatenate(rounds)
    median = float(np.median(times))
    low, high = _interval(np.median(_pooled_draws(rounds), axis=1))
    return Summary(
        runs=times.size,
        median=median,
        low=low,
        high=high,
        p90=float(np.percentile(times, 90)),
        p99=float(np.percentile(times, 99)),
        min=float(times.min()),
        mad=float(np.median(np.abs(times - median))),
    )


def paired_ratio(times: Rounds, reference: Rounds) -> Ratio:
    """Divide run times by those of the reference that ran in the same rounds.

    The quotient is formed round by round and averaged as logarithm, so that what slows a round down for both cancels.
    """
    random = np.random.default_rng(SEED)
    logs = np.log(_medians(times)) - np.log(_medians(reference))
    drawn = np.log(_drawn_medians(times, random)) - np.log(_drawn_medians(reference, random))  # (DRAWS, rounds)
    chosen = random.integers(0, len(logs), drawn.shape)
    low, high = _interval(np.exp(np.take_along_axis(drawn, chosen, axis=1).mean(axis=1)))
    return Ratio(float(np.exp(logs.mean())), low, high)


def unpaired_ratio(times: Rounds, reference: Rounds) -> Ratio:
    """Divide run times by those of a reference that ran at another time: their rounds are drawn independently."""
    random = np.random.default_rng(SEED)
    means = [_drawn_log_means(rounds, random) for rounds in (times, reference)]
    value = np.exp(np.log(_medians(times)).mean() - np.log(_medians(reference)).mean())
    return Ratio(float(value), *_interval(np.exp(means[0] - means[1])))


def ratio_of_medians(times: Times, reference: Times) -> Ratio:
    """Divide the median of one column of a table by that of another; the interval comes from drawing rows again.

    Args:
        times: run times, (rounds,).
        reference: run times of the reference, (rounds,), measured in the same rounds.
    """

    def quotient(drawn: Index) -> F64:
        medians: F64 = np.median(times[drawn], axis=1) / np.median(reference[drawn], axis=1)
        return medians

    return Ratio(float(np.median(times) / np.median(reference)), *bootstrap_interval(len(times), quotient))


def median_of_ratios(ratios: F64) -> Ratio:
    """Return the median of quotients of pairs of runs, (pairs,); the interval comes from drawing pairs again."""

    def median(drawn: Index) -> F64:
        medians: F64 = np.median(ratios[drawn], axis=1)
        return medians

    return Ratio(float(np.median(ratios)), *bootstrap_interval(len(ratios), median))


def bootstrap_interval(count: int, statistic: Callable[[Index], F64]) -> tuple[float, float]:
    """Return the interval of 95 % of a statistic, by drawing the samples again with replacement.

    Args:
        count: number of samples.
        statistic: function from positions of samples, (`DRAWS`, count), to the statistic of each draw, (`DRAWS`,).
    """
    return _interval(statistic(np.random.default_rng(SEED).integers(0, count, (DRAWS, count))))


def drift(rounds: Rounds) -> Ratio:
    """Divide the last third of all runs, in the order in which they ran, by the first third.

    Above 1 the machine became slower, for example because it became hot. Fewer than three runs show no drift.
    """
    times = np.concatenate(rounds)
    third = times.size // 3
    if not third:
        return Ratio(1.0, 1.0, 1.0)
    first, last = times[:third], times[-third:]
    random = np.random.default_rng(SEED)
    draws = [
        np.median(part[random.integers(0, third, (DRAWS, third))], axis=1) for part in (last, first)
    ]  # (DRAWS,) each
    return Ratio(float(np.median(last) / np.median(first)), *_interval(draws[0] / draws[1]))


def _medians(rounds: Rounds) -> Times:
    return np.array([np.median(times) for times in rounds])


def _drawn_medians(rounds: Rounds, random: np.random.Generator) -> Times:
    """Medians of resampled rounds, (DRAWS, rounds)."""
    columns = [np.median(times[random.integers(0, times.size, (DRAWS, times.size))], axis=1) for times in rounds]
    return np.stack(columns, axis=1)


def _drawn_log_means(rounds: Rounds, random: np.random.Generator) -> Times:
    drawn = np.log(_drawn_medians(rounds, random))
    chosen = random.integers(0, drawn.shape[1], drawn.shape)
    means: Times = np.take_along_axis(drawn, chosen, axis=1).mean(axis=1)
    return means


def _pooled_draws(rounds: Rounds) -> Times:
    """Resample rounds, and runs within them, as one sample each: (DRAWS, runs of the shortest round * rounds)."""
    random = np.random.default_rng(SEED)
    length = min(times.size for times in rounds)
    runs = np.stack([times[random.integers(0, times.size, (DRAWS, length))] for times in rounds], axis=1)
    chosen = random.integers(0, len(rounds), (DRAWS, len(rounds), 1))
    return np.take_along_axis(runs, chosen, axis=1).reshape(DRAWS, -1)


def _interval(draws: Times) -> tuple[float, float]:
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return float(low), float(high)
