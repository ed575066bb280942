"""What a figure was measured on, in words."""

from __future__ import annotations

import platform

from deepmark.runtime.cpu import cpu_name


def machine_name() -> str:
    """Name the processor and the system."""
    return f"{cpu_name()}, {platform.system()} {platform.machine()}"
