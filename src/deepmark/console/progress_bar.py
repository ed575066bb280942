"""Progress of long work where nobody looks at a bar: a line with speed and time left every ten seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from deepmark.console import progress, say

EVERY_S = 10.0


class Advance(Protocol):
    """Takes note of steps that were done."""

    def __call__(self, count: int = 1, /) -> None:
        """Take note of so many."""
        ...


@contextmanager
def progress_with_eta(label: str, total: int, unit: str = "pictures") -> Iterator[Advance]:
    """Show a bar on a terminal, and elsewhere a line now and then; yields a function to call after steps.

    Args:
        label: what is done.
        total: number of steps.
        unit: what a step is.
    """
    with progress(label, total) as advance:
        yield _drawing(advance) if sys.stderr.isatty() else _telling(label, total, unit)


def _drawing(advance: Callable[[], None]) -> Advance:
    def step(count: int = 1, /) -> None:
        for _ in range(count):
            advance()

    return step


def _telling(label: str, total: int, unit: str) -> Advance:
    start = said = time.monotonic()
    done = 0

    def step(count: int = 1, /) -> None:
        nonlocal said, done
        done += count
        now = time.monotonic()
        if now - said >= EVERY_S and done < total:
            said = now
            rate = done / (now - start)
            say(f"{label}: {done:,} of {total:,} {unit}, {rate:.1f} {unit}/s, {_duration((total - done) / rate)} left")

    return step


def _duration(seconds: float) -> str:
    """Write a time for a person.

    >>> _duration(42.4), _duration(600), _duration(9000)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
