"""Memory of a contestant's process, seen from outside: USS, PSS and the largest resident size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Usage:
    """Memory of a process at one moment, in MiB.

    Attributes:
        uss: memory that would be free without the process.
        pss: memory with the process's part of shared pages; None where the system does not show it.
    """

    uss: float
    pss: float | None


class MemoryWatch:
    """Remembers the most that a process used.

    Looking costs the process time (the kernel walks through its pages), so it happens while the model is loaded and
    warmed up, and after the last round; never while runs are timed.
    """

    def __init__(self, pid: int) -> None:
        import psutil

        self._process = psutil.Process(pid)
        self.peak: Usage | None = None

    def look(self) -> None:
        """Take note of what the process uses now; nothing if it is gone."""
        usage = self.now()
        if usage is None:
            return
        before = self.peak or usage
        pss = None if usage.pss is None or before.pss is None else max(usage.pss, before.pss)
        self.peak = Usage(max(usage.uss, before.uss), pss)

    def now(self) -> Usage | None:
        """Return what the process uses now; None if it is gone."""
        import psutil

        try:
            return _usage(self._process.memory_full_info())
        except psutil.Error:
            return None


def _usage(info: Any) -> Usage:
    pss = getattr(info, "pss", None)
    return Usage(round(info.uss / _MIB, 1), None if pss is None else round(pss / _MIB, 1))


def peak_rss_mib() -> float:
    """Return the largest resident size that this program ever had.

    Not ``ru_maxrss`` on Linux: that begins with the size of the process which started this one.
    """
    import resource

    status = Path("/proc/self/status")
    if status.is_file():
        return round(int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MIB, 1)  # macOS counts in bytes
