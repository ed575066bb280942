"""Whether a measurement may be believed. The limits are stated here, in ``--help`` and in docs/performance.md.

A result is unstable when a contestant drifted (it became faster or slower from the first third of its runs to the
last), when its runs spread widely, or when the cores it was pinned to worked for somebody else, were taken away by the
hypervisor, or changed their frequency. Samples are never dropped for it: an unstable result is told as one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deepmark.benchmarks.result.document import Measured, Result
from deepmark.benchmarks.result.phone_verdict import phone_reasons
from deepmark.benchmarks.result.statistics import drift, summarise

MAX_DRIFT = 0.05  # of the median, and only if the interval excludes none at all
MAX_SPREAD = 0.05  # MAD of the median
MAX_OTHERS = 0.10  # of the cores' time used by other programs
MAX_STEAL = 0.02  # of the cores' time given to other machines
MAX_FREQUENCY_LOSS = 0.10  # of the highest frequency seen
CLOCK_TICK_S = 0.01  # the kernel counts in these: over less than `LEAST_TICKS` of them shares mean nothing
LEAST_TICKS = 100


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one contestant's times may be believed, and what speaks against it."""

    name: str
    reasons: tuple[str, ...]

    @property
    def stable(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons


def judge(result: Result) -> tuple[Verdict, ...]:
    """Judge every contestant."""
    bound = () if result.phone is None or result.phone.identity.emulated else result.phone.cores
    return tuple(Verdict(one.name, (*_reasons(one), *_on_phone(one, bound))) for one in result.contestants)


def _on_phone(one: Measured, bound: tuple[int, ...]) -> Iterator[str]:
    return phone_reasons([turn.phone for turn in one.rounds if turn.phone is not None], bound)


def _reasons(one: Measured) -> Iterator[str]:
    total = one.times("total")
    moved, summary = drift(total), summarise(total)
    if abs(moved.value - 1) > MAX_DRIFT and moved.excludes_one:
        change = "slower" if moved.value > 1 else "faster"
        yield f"the last third of its runs was {abs(moved.value - 1):.0%} {change} than the first"
    if summary.mad > MAX_SPREAD * summary.median:
        yield f"its runs spread by {summary.mad / summary.median:.0%} (MAD)"
    conditions = [turn.conditions for turn in one.rounds]
    core_s = sum(turn.core_s for turn in conditions)
    if core_s >= LEAST_TICKS * CLOCK_TICK_S:
        others = sum(turn.busy_s - turn.own_s for turn in conditions) / core_s
        steal = sum(turn.steal_s for turn in conditions) / core_s
        if others > MAX_OTHERS:
            yield f"other programs used {others:.0%} of its cores' time"
        if steal > MAX_STEAL:
            yield f"other machines took {steal:.0%} of its cores' time"
    speeds = [turn.frequency_mhz for turn in conditions if turn.frequency_mhz]
    if speeds and min(speeds) < (1 - MAX_FREQUENCY_LOSS) * max(speeds):
        yield f"the frequency went between {min(speeds):.0f} and {max(speeds):.0f} MHz"
