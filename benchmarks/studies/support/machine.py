"""What a figure was measured on, and where on it."""

from __future__ import annotations

import os
import platform

from deepmark.benchmarks.speed.machine import choose_cores
from deepmark.runtime.cpu import cpu_name


def machine_name() -> str:
    """Name the processor and the system."""
    return f"{cpu_name()}, {platform.system()} {platform.machine()}"


def stay_on_one_core() -> int:
    """Pin this process to its fastest core, the last of equal ones; return how many cores it may use from then on."""
    if not hasattr(os, "sched_setaffinity"):
        return os.cpu_count() or 1
    os.sched_setaffinity(0, choose_cores("auto", 1))
    return 1
