"""When a phone is cool enough for the next turn."""

from __future__ import annotations

import pytest
from made_phones import made_state

from deepmark.benchmarks.device.rounds import Cooling, reason_to_wait


@pytest.mark.parametrize(
    ("battery", "skin", "reason"),
    [
        (30.5, 33.0, None),
        (31.5, 33.0, "its battery has 31.5 °C, at the first turn it had 30.0 °C"),
        (30.5, 36.0, "its shell has 36.0 °C, at the first turn it had 33.0 °C"),
        (None, 36.0, "its shell has 36.0 °C, at the first turn it had 33.0 °C"),
        (None, None, None),
    ],
)
def test_battery_and_shell_must_be_as_cool_as_at_the_first_turn(
    battery: float | None, skin: float | None, reason: str | None
) -> None:
    goal, now = made_state(battery_c=30.0, skin_c=33.0), made_state(battery_c=battery, skin_c=skin)

    assert reason_to_wait(now, goal, Cooling().tolerance_c) == reason
