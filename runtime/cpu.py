"""What the processor calls itself, and how many of its cores may be used."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path

from deepmark.errors import UsageError

MOST_THREADS_BY_DEFAULT = 4  # the big cores of a phone or a laptop; a network of this size gains little from more


def cpu_name() -> str:
    """Return the processor's name, or the best that the system tells; "unknown" where it tells nothing."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in {"model name", "Hardware"} and value.strip():
                return value.strip()
    return platform.processor() or platform.machine() or "unknown"


def usable_cores() -> int:
    """Count the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_threads() -> int:
    """Return the number of usable cores, at most `MOST_THREADS_BY_DEFAULT`."""
    return min(usable_cores(), MOST_THREADS_BY_DEFAULT)


def threads_asked(threads: int | None) -> int:
    """Return the number of threads that were asked for; None asks for `default_threads`.

    Raises:
        UsageError: it is below 1.
    """
    asked = default_threads() if threads is None else threads
    if asked < 1:
        raise UsageError(f"threads must be at least 1, found {asked}")
    return asked
