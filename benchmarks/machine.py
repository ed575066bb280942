"""What a figure was measured on, in words."""

from __future__ import annotations

import platform
from pathlib import Path


def machine_name() -> str:
    """Name the processor and the system."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.processor()}, {platform.system()} {platform.machine()}"
