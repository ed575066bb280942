"""Checkpoints of every kind, made in a moment: CenterNet's names and shapes, and values that share one storage."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import torch

KEYS = Path(__file__).resolve().parent.parent / "data" / "keys"

Shapes = dict[str, tuple[int, ...]]
Tensors = dict[str, torch.Tensor]
Value = TypeVar("Value")


def key_shapes(name: str) -> Shapes:
    """Read the names and shapes of ``swap``, ``swap_nobias`` or ``dcn`` (tests/data/README.md)."""
    document = json.loads((KEYS / f"{name}.json").read_text())
    return {key: tuple(shape) for key, shape, _ in document["tensors"]}


def light_tensors(shapes: Mapping[str, tuple[int, ...]], dtype: torch.dtype = torch.float16) -> Tensors:
    """Make tensors of these shapes with values in [0, 1) that share one storage: a file of 5 MB instead of 78."""
    largest = max(math.prod(shape) for shape in shapes.values())
    values = torch.rand(largest, generator=torch.Generator().manual_seed(7)).to(dtype)
    return {name: values[: math.prod(shape)].view(shape) for name, shape in shapes.items()}


def places(names: Iterable[str]) -> list[str]:
    """List the 16 places that CenterNet has a deformable convolution at, for example ``ida_up.node_1``."""
    return [name.removesuffix(".conv.weight") for name in names if "ida_" in name and name.endswith(".conv.weight")]


def renamed_blocks(tensors: Mapping[str, Value], *changes: tuple[str, str]) -> dict[str, Value]:
    """Replace parts of the names of the tensors at these places, and of no others."""
    blocks = tuple(f"{place}." for place in places(tensors))

    def rename(name: str) -> str:
        if name.startswith(blocks):
            for old, new in changes:
                name = name.replace(old, new)
        return name

    return {rename(name): tensor for name, tensor in tensors.items()}


def sequential_blocks(tensors: Mapping[str, Value]) -> dict[str, Value]:
    """Rename variant A to variant C: each block one Sequential of convolution, normalisation and ReLU."""
    return renamed_blocks(tensors, (".conv.", ".0."), (".actf.0.", ".1."))


def of_library(tensors: Tensors, letter: str, mask: float) -> Tensors:
    """Name DCNv2's tensors as mmcv (G) or a torchvision wrapper (H) does, whose mask is ``mask`` times a sigmoid."""
    renamed: Tensors = {}
    places = [name.removesuffix(".conv_offset_mask.weight") for name in tensors if name.endswith("offset_mask.weight")]
    for name, tensor in tensors.items():
        place, _, kind = name.rpartition(".")
        if place.removesuffix(".conv_offset_mask") not in places:
            renamed[name] = tensor
        elif letter == "G":
            renamed[name.replace("conv_offset_mask", "conv_offset")] = tensor
        elif place in places:
            renamed[f"{place}.regular_conv.{kind}"] = tensor / mask if kind == "weight" else tensor
        else:
            offsets, masks = tensor[:18], tensor[18:]
            renamed[name.replace("conv_offset_mask", "offset_conv")] = offsets
            renamed[name.replace("conv_offset_mask", "modulator_conv")] = masks
    return renamed
