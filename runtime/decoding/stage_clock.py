"""Where the time of a decoding goes."""

from __future__ import annotations

import time
from typing import Literal, get_args

Stage = Literal["check", "blur hm", "centres", "candidates", "mask search", "nearest search", "collect", "suppress"]
STAGES: tuple[Stage, ...] = get_args(Stage)  # in the order of their turns; a decoding does one of the two searches


class StageClock:
    """Adds up the time of each stage over all decodings that it is given to.

    Attributes:
        spent_ns: time of each stage so far, in nanoseconds.
    """

    def __init__(self) -> None:
        self.spent_ns: dict[Stage, int] = dict.fromkeys(STAGES, 0)
        self._since = 0

    def start(self) -> None:
        """Begin a stage; what came before it belongs to none."""
        self._since = time.perf_counter_ns()

    def stop(self, stage: Stage) -> None:
        """End a stage, and begin the next."""
        now = time.perf_counter_ns()
        self.spent_ns[stage] += now - self._since
        self._since = now
