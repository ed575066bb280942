"""Figures of made-up samples: known truths come out, and intervals cover them as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepmark.benchmarks.result.statistics import (
    Ratio,
    Times,
    drift,
    paired_ratio,
    ratio_of_medians,
    summarise,
    unpaired_ratio,
)

TIMES = st.lists(st.lists(st.floats(0.01, 1e5), min_size=1, max_size=6), min_size=1, max_size=4)


def noisy(median: float, rounds: int, runs: int, seed: int, *, by_round: float = 0.0) -> list[Times]:
    random = np.random.default_rng(seed)
    speeds = np.exp(by_round * random.standard_normal(rounds))
    return [median * speed * np.exp(0.02 * random.standard_normal(runs)) for speed in speeds]


def test_a_summary_is_numpy_s_own_figures_of_all_runs_together() -> None:
    rounds = [np.array([1.0, 2.0, 3.0]), np.array([4.0, 100.0])]

    found = summarise(rounds)

    assert (found.runs, found.median, found.min, found.mad) == (5, 3.0, 1.0, 1.0)
    assert found.p90 == pytest.approx(np.percentile([1, 2, 3, 4, 100], 90))
    assert found.p99 == pytest.approx(np.percentile([1, 2, 3, 4, 100], 99))


@given(TIMES)
def test_no_sample_is_dropped_and_the_order_of_the_figures_holds(rounds: list[list[float]]) -> None:
    found = summarise([np.array(times) for times in rounds])

    assert found.runs == sum(map(len, rounds))
    assert found.min <= found.low <= found.high
    assert found.min <= found.median <= found.p90 <= found.p99 <= max(map(max, rounds))


@pytest.mark.slow
@given(TIMES)
def test_anything_is_as_fast_as_itself(rounds: list[list[float]]) -> None:
    times = [np.array(one) for one in rounds]

    assert paired_ratio(times, times).value == pytest.approx(1)
    assert unpaired_ratio(times, times).value == pytest.approx(1)


@pytest.mark.slow
@given(TIMES, st.floats(0.1, 10))
def test_a_ratio_scales_with_the_times_and_turns_with_the_sides(rounds: list[list[float]], factor: float) -> None:
    times = [np.array(one) for one in rounds]
    scaled = [factor * one for one in times]

    assert paired_ratio(scaled, times).value == pytest.approx(factor)
    assert paired_ratio(times, scaled).value == pytest.approx(1 / factor)


def test_the_same_samples_give_the_same_interval() -> None:
    times, others = noisy(10, 4, 10, 0), noisy(11, 4, 10, 1)

    assert paired_ratio(times, others) == paired_ratio(times, others)


def test_what_slows_both_sides_of_a_round_down_does_not_blur_their_ratio() -> None:
    rounds = [np.full(10, 10.0 * speed) for speed in (1, 2, 1.3, 0.7)]
    others = [1.1 * times for times in rounds]

    paired, unpaired = paired_ratio(others, rounds), unpaired_ratio(others, rounds)

    assert (paired.low, paired.high) == pytest.approx((1.1, 1.1))
    assert unpaired.low < 0.9
    assert unpaired.high > 1.2


@pytest.mark.slow
def test_the_interval_of_equal_things_seldom_excludes_one() -> None:
    excluded = [
        paired_ratio(noisy(10, 6, 10, 2 * seed), noisy(10, 6, 10, 2 * seed + 1)).excludes_one for seed in range(60)
    ]

    assert sum(excluded) <= 9  # 3 are expected of intervals of 95 %; six rounds make them a little short


def test_a_difference_above_the_noise_is_found() -> None:
    found = [
        paired_ratio(noisy(11, 6, 10, 2 * seed, by_round=0.02), noisy(10, 6, 10, 2 * seed + 1, by_round=0.02))
        for seed in range(20)
    ]

    assert sum(one.low > 1 for one in found) >= 18
    assert np.mean([one.value for one in found]) == pytest.approx(1.1, abs=0.02)


def test_drift_compares_the_last_third_with_the_first() -> None:
    rising = [np.linspace(10, 12, 10), np.linspace(12, 14, 10), np.linspace(14, 16, 10)]

    found = drift(rising)

    assert found.value == pytest.approx(np.median(rising[2]) / np.median(rising[0]))
    assert found.low > 1


def test_noise_alone_is_no_drift() -> None:
    found = [drift(noisy(10, 6, 10, seed)) for seed in range(20)]

    assert all(abs(one.value - 1) < 0.05 for one in found)


def test_two_runs_show_no_drift() -> None:
    assert not drift([np.array([1.0]), np.array([9.0])]).excludes_one


def test_the_interval_of_a_ratio_of_medians_holds_it_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(100):
        above, below = 0.75 * rng.normal(100, 5, 25), rng.normal(100, 5, 25)
        ratio = ratio_of_medians(above, below)
        assert ratio.low <= ratio.value <= ratio.high
        held += ratio.low < 0.75 < ratio.high
    assert held >= 88


def test_a_slow_machine_for_all_is_no_difference() -> None:
    times = np.array([100.0, 900, 100, 500, 120])
    assert ratio_of_medians(0.5 * times, times) == Ratio(0.5, 0.5, 0.5)
