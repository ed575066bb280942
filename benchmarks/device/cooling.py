"""Wait for a phone to be cool: before the first turn, and again between rounds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from deepmark.benchmarks.device.adb import Adb
from deepmark.benchmarks.device.probe import look
from deepmark.benchmarks.result.fitness import heat
from deepmark.benchmarks.result.phone import State


@dataclass(frozen=True, slots=True)
class Cooling:
    """How to wait.

    Attributes:
        tolerance_c: the battery may be so much warmer than at the first turn.
        longest_s: after which the measurement goes on, and the result says that it was hot.
        blind_s: pause between rounds where no temperature can be read.
        look_every_s: while waiting.
        sleep: how time is passed.
    """

    tolerance_c: float = 1.0
    longest_s: float = 300.0
    blind_s: float = 10.0
    look_every_s: float = 5.0
    sleep: Callable[[float], None] = time.sleep

    def wait(self, adb: Adb, goal_c: float | None, say: Callable[[str], None]) -> tuple[State, float]:
        """Wait until the phone is cool; return its state and how long it took.

        Args:
            adb: the connection.
            goal_c: temperature of the battery at the first turn; None before that.
            say: told once a minute what is waited for.
        """
        waited = 0.0
        state = look(adb)
        if state.battery_c is None and goal_c is None and state.thermal_status is None:
            return state, waited
        while (why := _why(state, goal_c, self.tolerance_c)) and waited < self.longest_s:
            if waited % 60 < self.look_every_s:
                say(f"waiting for the phone to cool down: {why}")
            self.sleep(self.look_every_s)
            waited += self.look_every_s
            state = look(adb)
        return state, waited


def _why(state: State, goal_c: float | None, tolerance_c: float) -> str | None:
    reason = next(heat(state), None)
    if reason is None and goal_c is not None and state.battery_c is not None and state.battery_c > goal_c + tolerance_c:
        return f"its battery has {state.battery_c:.1f} °C, at the first turn it had {goal_c:.1f} °C"
    return reason
