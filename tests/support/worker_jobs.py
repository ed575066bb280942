"""Jobs for tests of processes: importable, as a spawned process needs them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deepmark.errors import DataError


@dataclass(frozen=True)
class Squares:
    """Squares numbers and leaves a file for each that was begun.

    Attributes:
        folder: of these files; process ids are in them.
        deadly: this number kills its process, so many ``times``.
        bad: this number is refused.
        buggy: this number raises what nobody expects.
        pause_s: that every number takes.
    """

    folder: Path
    deadly: int | None = None
    times: int = 1
    bad: int | None = None
    buggy: int | None = None
    pause_s: float = 0

    @contextmanager
    def open(self) -> Iterator[Callable[[int], int]]:
        yield self._square

    def label(self, number: int) -> str:
        return f"the number {number}"

    def _square(self, number: int) -> int:
        attempt = len(list(self.folder.glob(f"{number}-*"))) + 1
        (self.folder / f"{number}-{attempt}").write_text(str(os.getpid()))
        time.sleep(self.pause_s)
        if number == self.deadly and attempt <= self.times:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == self.bad:
            raise DataError(f"{number} is bad", hint="take another")
        if number == self.buggy:
            raise ZeroDivisionError(number)
        return number * number
