"""What kind of processor this is: bounds of speed are of a kind, not of all."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["AVX2", "AVX-512", "other"]


@dataclass(frozen=True, slots=True)
class ShapeGoals:
    """Largest quotient of a whole frame of the picture's own shape and the fastest rival's dense network at its square.

    Attributes:
        tall: quotient for 3:4 pictures; None where no bound was set.
        wide: quotient for 16:9 pictures; None where no bound was set.
    """

    tall: float | None
    wide: float | None


GOALS: dict[Kind, ShapeGoals] = {
    "AVX2": ShapeGoals(0.62, 0.55),
    "AVX-512": ShapeGoals(0.68, 0.60),  # ONNX Runtime and OpenVINO use it, MNN's wheel does not
    "other": ShapeGoals(None, None),
}


def processor_kind(cpuinfo: str | None = None) -> Kind:
    """Name the widest vectors that this processor has, of those that engines choose by.

    Args:
        cpuinfo: text of ``/proc/cpuinfo``; None to read it.
    """
    if cpuinfo is None:
        path = Path("/proc/cpuinfo")
        cpuinfo = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    flags = next((line.split() for line in cpuinfo.splitlines() if line.startswith("flags")), [])
    if platform.machine() not in {"x86_64", "AMD64"}:
        return "other"
    return "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "other"
