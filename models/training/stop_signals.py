"""Ctrl-C and SIGTERM end a training between two steps, with a checkpoint."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SAME_S = 1.0  # torchrun sends Ctrl-C on to processes that have it from the terminal already


class StopRequest:
    """Whether somebody asked for an end.

    Attributes:
        signal_number: number of the signal that came; 0 while none has.
    """

    def __init__(self) -> None:
        self.signal_number = 0
        self._came = 0.0

    @property
    def came(self) -> bool:
        """Whether a signal came."""
        return self.signal_number > 0

    def note(self, signal_number: int, _: FrameType | None) -> None:
        """Take note of a signal; who presses Ctrl-C once more does not want to wait for the end of the step."""
        again = self.signal_number and time.monotonic() - self._came > _SAME_S
        if again and signal_number == signal.SIGINT:
            raise KeyboardInterrupt
        if not self.signal_number:
            self.signal_number, self._came = signal_number, time.monotonic()


@contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Take note of signals that ask for an end while the block runs; in the main thread only."""
    request = StopRequest()
    before = {number: signal.signal(number, request.note) for number in _SIGNALS}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
