"""Times of what takes turns: the order, and that a run's own processor time is what is divided."""

from __future__ import annotations

import numpy as np

from deepmark.benchmarks.result.statistics import Ratio
from deepmark.benchmarks.studies.support.turn_times import TurnTimes, time_in_turns


def test_everything_runs_once_a_round_and_every_other_round_backwards() -> None:
    order: list[str] = []
    times = time_in_turns([lambda name=name: order.append(name) for name in "abc"], rounds=3)  # type: ignore[misc]
    assert "".join(order) == "abccbaabc"
    assert times.wall.shape == times.processor.shape == (3, 3)


def test_ratios_are_of_processor_time_and_the_shortest_is_of_the_clock_on_the_wall() -> None:
    times = TurnTimes(wall=np.array([[5.0, 90], [7, 80]]), processor=np.array([[3.0, 9], [1, 3]]))
    assert (times.processor_ms(1), times.shortest_ms(1)) == (6, 80)
    assert times.ratio(1, 0) == Ratio(3, 3, 3)
