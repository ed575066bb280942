"""What the processor calls itself."""

from __future__ import annotations

import platform
from contextlib import suppress
from pathlib import Path


def cpu_name() -> str:
    """Return the processor's name, or the best that the system tells; "unknown" where it tells nothing."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in {"model name", "Hardware"} and value.strip():
                return value.strip()
    return platform.processor() or platform.machine() or "unknown"
