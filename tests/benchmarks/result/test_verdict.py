"""What makes a result unstable, rule by rule."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from deepmark.benchmarks.result.document import BenchResult, ContestantResult, TurnConditions
from deepmark.benchmarks.result.verdict import judge

STEADY = [list(10 + 0.01 * np.arange(10))] * 6
QUIET = TurnConditions(core_s=1.0, own_s=0.95, busy_s=0.98, steal_s=0.0, frequency_mhz=2500.0)
Make = Callable[..., ContestantResult]
Document = Callable[..., BenchResult]


def reasons(one: ContestantResult, result: Document) -> str:
    (verdict,) = judge(result(one))
    assert verdict.stable == (not verdict.reasons)
    return "; ".join(verdict.reasons)


def test_steady_times_on_a_quiet_machine_are_stable(measured: Make, result: Document) -> None:
    assert reasons(measured("one", STEADY), result) == ""


@pytest.mark.parametrize(("last", "word"), [(20.0, "slower"), (5.0, "faster")])
def test_a_machine_that_changes_its_speed_is_found(last: float, word: str, measured: Make, result: Document) -> None:
    times = [[10.0] * 10, [10.0] * 10, [last] * 10]

    assert word in reasons(measured("one", times), result)


def test_runs_that_spread_are_found(measured: Make, result: Document) -> None:
    times = [list(10 + 5 * np.random.default_rng(seed).random(10)) for seed in range(6)]

    assert "spread" in reasons(measured("one", times), result)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"busy_s": 1.55, "core_s": 2.0}, "other programs used 30% of its cores' time"),
        ({"steal_s": 0.03}, "other machines took 3% of its cores' time"),
    ],
)
def test_cores_that_work_for_others_are_found(
    changes: dict[str, float], words: str, measured: Make, result: Document
) -> None:
    busy = msgspec.structs.replace(QUIET, **changes)

    assert reasons(measured("one", STEADY, busy), result) == words


def test_shares_of_less_time_than_the_kernel_counts_mean_nothing(measured: Make, result: Document) -> None:
    short = TurnConditions(core_s=0.1, own_s=0.01, busy_s=0.1, steal_s=0.1, frequency_mhz=None)

    assert reasons(measured("one", STEADY, short), result) == ""


def test_a_falling_frequency_is_found(measured: Make, result: Document) -> None:
    one = measured("one", STEADY)
    slow = msgspec.structs.replace(one.rounds[-1], conditions=msgspec.structs.replace(QUIET, frequency_mhz=2000.0))
    throttled = msgspec.structs.replace(one, rounds=(*one.rounds[:-1], slow))

    assert reasons(throttled, result) == "the frequency went between 2000 and 2500 MHz"
