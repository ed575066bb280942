"""Times of what is compared, run in turns; also by the processor's clock, in which others' work does not count."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from deepmark.benchmarks.result.statistics import Ratio, ratio_of_medians
from deepmark.benchmarks.studies.support.turns import turns
from deepmark.runtime.arrays import F64


@dataclass(frozen=True, slots=True, eq=False)
class TurnTimes:
    """Times of each run.

    Attributes:
        wall: wall time in milliseconds, (rounds, compared).
        processor: time of all the process's threads in milliseconds, (rounds, compared).
    """

    wall: F64
    processor: F64

    def processor_ms(self, at: int) -> float:
        """Return the median processor time of a run, in milliseconds."""
        return float(np.median(self.processor[:, at]))

    def shortest_ms(self, at: int) -> float:
        """Return the shortest wall time of a run, in milliseconds."""
        return float(self.wall[:, at].min())

    def ratio(self, at: int, reference: int) -> Ratio:
        """Divide one's median processor time by another's; three decimals."""
        found = ratio_of_medians(self.processor[:, at], self.processor[:, reference])
        return Ratio(round(found.value, 3), round(found.low, 3), round(found.high, 3))


def time_in_turns(runs: Sequence[Callable[[], object]], rounds: int) -> TurnTimes:
    """Run everything once a round, and every other round backwards.

    Args:
        runs: what is compared; a call is one run. What a first run costs more should be paid before.
        rounds: number of rounds.
    """
    wall, processor = np.empty((2, rounds, len(runs)))
    for number in range(rounds):
        for at in turns(range(len(runs)), number):
            clocks = time.perf_counter(), time.process_time()
            runs[at]()
            wall[number, at] = 1e3 * (time.perf_counter() - clocks[0])
            processor[number, at] = 1e3 * (time.process_time() - clocks[1])
    return TurnTimes(wall, processor)
