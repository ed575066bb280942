"""Where a training runs, and in which precision."""

from __future__ import annotations

from typing import Literal

import torch

from deepmark.errors import DeviceError
from deepmark.models.training.config import Precision


def choose_device(name: Literal["auto", "cpu", "cuda"], number: int = 0) -> torch.device:
    """Return a device by name; ``"auto"`` is a GPU where there is one.

    Args:
        name: of the kind.
        number: of the GPU, where several processes have one each.

    Raises:
        DeviceError: a GPU was asked for, but there is none, or not so many.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "cpu" or (name == "auto" and not count):
        return torch.device("cpu")
    if not count:
        raise DeviceError(
            "a GPU was asked for, but torch finds none",
            hint="give --device cpu, or install a driver and a CUDA build of torch",
        )
    if number >= count:
        raise DeviceError(
            f"every process needs a GPU of its own, but there are {count}", hint="start fewer, --nproc-per-node"
        )
    return torch.device("cuda", number)


def choose_precision(name: Literal["auto"] | Precision, device: torch.device) -> Precision:
    """Return a precision by name; ``"auto"`` is bfloat16 where the device has units for it, which halves a step."""
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    units = torch.cpu.get_capabilities()
    return "bf16" if units.get("avx512_bf16") or units.get("amx_bf16") else "fp32"
