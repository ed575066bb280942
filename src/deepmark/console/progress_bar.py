"""How far a long piece of work is: a bar on a terminal, elsewhere a line every ten seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from deepmark.console.lines import is_quiet, say

LINE_EVERY_S = 10.0


class Advance(Protocol):
    """Counts steps that were done."""

    def __call__(self, count: int = 1, /) -> None:
        """Count so many more."""
        ...


class Progress(Protocol):
    """`progress`, or what a library's function takes in its place: `no_progress`."""

    def __call__(self, label: str, total: int | None, unit: str, /) -> AbstractContextManager[Advance]:
        """Show how far a piece of work is while the block runs."""
        ...


@contextmanager
def no_progress(label: str, total: int | None, unit: str, /) -> Iterator[Advance]:  # noqa: ARG001  as `Progress`
    """Show nothing: what library functions do until they are given `progress`."""
    yield lambda count=1, /: None  # noqa: ARG005


@contextmanager
def progress(
    label: str,
    total: int | None,
    unit: str,
    /,
    *,
    detail: Callable[[], str] | None = None,
    lines_to: Callable[[str], None] | None = None,
) -> Iterator[Advance]:
    """Show how far a piece of work is while the block runs; yields a function to call with the steps that were done.

    On a terminal it is a bar on stderr, and lines of `say` go above it. Elsewhere it is a line every ten seconds, with
    rate and time left. With ``-q`` it is nothing.

    Args:
        label: what is done, for example ``"decoding"``.
        total: number of steps; None where nobody knows.
        unit: what a step is, in the plural, for example ``"pictures"``.
        detail: what else there is to say at that time, such as losses; a terminal sees it above the bar. None for
            nothing.
        lines_to: takes the lines, and there is no bar; None for stderr.
    """
    if lines_to is not None:
        yield _Steps(label, total, unit, detail, lines_to)
    elif is_quiet():
        yield lambda count=1, /: None  # noqa: ARG005
    elif not sys.stderr.isatty():
        yield _Steps(label, total, unit, detail, say)
    else:
        with _bar(label, total) as bar:
            yield _Steps(label, total, unit, detail, say, bar)


class _Steps:
    """Counts steps, moves the bar where there is one, and prints a line every ten seconds."""

    def __init__(
        self,
        label: str,
        total: int | None,
        unit: str,
        detail: Callable[[], str] | None,
        print_line: Callable[[str], None],
        bar: Callable[[int, str], None] | None = None,
    ) -> None:
        self._label, self._total, self._unit, self._detail = label, total, unit, detail
        self._print_line, self._bar = print_line, bar
        self._done = 0
        self._start = self._printed = time.monotonic()

    def __call__(self, count: int = 1, /) -> None:
        self._done += count
        now = time.monotonic()
        rate = self._done / max(now - self._start, 1e-9)
        if self._bar is not None:
            self._bar(count, _rate(rate, self._unit))
        if now - self._printed >= LINE_EVERY_S and self._done != self._total:
            self._printed = now
            if line := "; ".join(self._parts(rate)):
                self._print_line(f"{self._label}: {line}")

    def _parts(self, rate: float) -> Iterator[str]:
        if self._bar is None:
            of = "" if self._total is None else f" of {self._total:,}"
            left = "" if self._total is None else f", {_duration((self._total - self._done) / rate)} left"
            yield f"{self._done:,}{of} {self._unit}, {_rate(rate, self._unit)}{left}"
        if self._detail is not None:
            yield self._detail()


@contextmanager
def _bar(label: str, total: int | None) -> Iterator[Callable[[int, str], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False, transient=True) as bar:
        task = bar.add_task(label, total=total, rate="")

        def advance(count: int, rate: str) -> None:
            bar.update(task, advance=count, rate=rate)
            bar.refresh()

        yield advance


def _rate(rate: float, unit: str) -> str:
    return f"{rate:,.1f} {unit}/s" if rate >= 1 else f"{rate:.2g} {unit}/s"


def _duration(seconds: float) -> str:
    """Write a time for a person.

    >>> _duration(42.4), _duration(600), _duration(9000)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
