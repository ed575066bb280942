"""Deformable convolutions (DCN) in a file, whoever's names they have, under DCNv2's names.

| letter | library | tensors at a place ``n`` | mask |
| --- | --- | --- | --- |
| F | DCNv2, CenterNet's own | ``n.conv_offset_mask`` of 27 channels | sigmoid(m) |
| G | mmcv's ``ModulatedDeformConv2dPack`` | ``n.conv_offset`` of 27 channels | sigmoid(m) |
| G | mmcv's ``DeformConv2dPack``, DCN version 1 | ``n.conv_offset`` of 18 channels | 1 |
| H | torchvision wrappers | ``n.regular_conv``, ``n.offset_conv``, ``n.modulator_conv`` | 1 or 2 times sigmoid(m) |
| H | the same without a mask | ``n.regular_conv``, ``n.offset_conv`` | 1 |

All of them order offsets alike (dy, dx of each tap in turn). A constant factor on the mask is a factor on the weights,
and no mask is a mask of sigmoid(0) = 1/2 on twice the weights: both exact, as powers of two. The factor of H's mask
stands in the wrapper's code and not in the file, so it is asked for. Dilation and limits on the offsets stand in code
alone, too; no network of CenterNet's has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from deepmark.errors import CheckpointError
from deepmark.models.deformable import OFFSETS, TAPS
from deepmark.models.recognition.layout import Tensors

MaskFactor = Literal[1, 2]  # what H multiplies sigmoid(m) by

HALF = 0.5  # sigmoid(0), the mask of an offset branch of zeros
BRANCH = ".conv_offset_mask."  # in the names of DCNv2's offset branches; they begin with the place's name

_LIBRARIES = {  # letter -> whose it is, and how the names of its offset branches end
    "F": ("DCNv2", (".conv_offset_mask",)),
    "G": ("mmcv", (".conv_offset",)),
    "H": ("torchvision", (".offset_conv", ".modulator_conv")),
}
_WEIGHTS = {"F": "", "G": "", "H": ".regular_conv"}  # letter -> what stands between a place and ``.weight``
_SUSPICIOUS = re.compile(r"conv_offset|offset_mask|offset_conv|modulator|regular_conv")
_MASK_HINT = (
    "look at its forward(): give --dcn-mask 2 for `2. * torch.sigmoid(...)`, which nearly all of them have, and"
    " --dcn-mask 1 for `torch.sigmoid(...)` alone; with clamped offsets it is another network"
)


@dataclass(frozen=True, slots=True)
class Deformed:
    """Tensors of a file, deformable convolutions under DCNv2's names.

    Attributes:
        tensors: all tensors; without offset branches where all of them are zero, as such are plain convolutions.
        letter: letter of the library; None for a file without deformable convolutions.
        places: places of trained deformable convolutions, each the name of its weight without ``.weight``.
        scales: factors of weights, by name, that make the network what it was.
    """

    tensors: dict[str, Tensor]
    letter: str | None = None
    places: tuple[str, ...] = ()
    scales: dict[str, float] = field(default_factory=dict)

    @property
    def zero(self) -> bool:
        """Whether there are deformable convolutions whose offset branches are all zero."""
        return self.letter is not None and not self.places


def read_deformed(tensors: Tensors, source: str, mask: MaskFactor | None = None) -> Deformed:
    """Find the deformable convolutions of a file.

    Args:
        tensors: tensors of the file by name, without shared prefixes.
        source: name of the file in messages.
        mask: factor of H's mask; None where it is not known.

    Raises:
        CheckpointError: it is not certain what they compute, or they are of a kind that no network here has.
    """
    found = {letter: _found(tensors, letter) for letter in _LIBRARIES}
    letters = [letter for letter, places in found.items() if places]
    known = {name for letter in letters for place in found[letter] for name in _names(tensors, place, letter)}
    strange = [name for name in tensors if _SUSPICIOUS.search(name) and BRANCH not in name and name not in known]
    if strange:
        raise CheckpointError(
            f"{source} holds deformable convolutions of an unknown library ({len(strange)} tensors such as"
            f" {strange[0]!r})",
            hint="known are DCNv2's, mmcv's and torchvision wrappers' names (deepmark.models.recognition.deformed);"
            " rename the tensors to one of these",
        )
    if len(letters) > 1:
        raise CheckpointError(
            f"{source} holds deformable convolutions of several libraries: "
            + ", ".join(f"{_LIBRARIES[one][0]}'s at {found[one][0]}" for one in letters),
            hint="give a checkpoint of one network; this one was put together from several",
        )
    letter = letters[0] if letters else None
    masked = letter == "H" and _has_modulators(tensors, found["H"])
    if mask is not None and not masked:
        raise CheckpointError(
            f"{source} has no mask whose factor must be told", hint="leave --dcn-mask out: it is for variant H"
        )
    if letter is None:
        return Deformed(dict(tensors))
    if masked and mask is None:
        raise CheckpointError(
            f"{source} holds deformable convolutions of a torchvision wrapper (variant H; {len(found['H'])} places such"
            f" as {found['H'][0]!r}), and the file does not say whether its mask is sigmoid(m) or twice that",
            hint=_MASK_HINT,
        )
    return _renamed(tensors, letter, found[letter], source, mask or 1)


def _found(tensors: Tensors, letter: str) -> tuple[str, ...]:
    """List the places that have a weight and an offset branch."""
    ends = tuple(f"{branch}.weight" for branch in _LIBRARIES[letter][1])
    places = dict.fromkeys(name.removesuffix(end) for name in tensors for end in ends if name.endswith(end))
    return tuple(place for place in places if f"{place}{_WEIGHTS[letter]}.weight" in tensors)


def _names(tensors: Tensors, place: str, letter: str) -> Iterable[str]:
    inner = (*_LIBRARIES[letter][1], _WEIGHTS[letter])
    candidates = (f"{place}{part}.{kind}" for part in inner for kind in ("weight", "bias"))
    return (name for name in candidates if name in tensors)


def _renamed(tensors: Tensors, letter: str, places: tuple[str, ...], source: str, mask: MaskFactor) -> Deformed:
    theirs = {name for place in places for name in _names(tensors, place, letter)}
    ours = {name: tensor for name, tensor in tensors.items() if name not in theirs}
    scales = {}
    parts = _LIBRARIES[letter][1]
    if letter == "H" and not _has_modulators(tensors, places):
        parts = parts[:1]
    biased = any(f"{place}{_WEIGHTS[letter]}.bias" in tensors for place in places)
    zero = not any(tensors[name].any() for name in theirs if not name.startswith(_weights_of(places, letter)))
    for place in places:
        weight = tensors[f"{place}{_WEIGHTS[letter]}.weight"]
        bias = tensors.get(f"{place}{_WEIGHTS[letter]}.bias")
        branch, factor = _branch(tensors, place, parts, mask, source)
        _check_place(place, weight, branch, source)
        ours[f"{place}.weight"] = weight
        if bias is not None:
            ours[f"{place}.bias"] = bias
        elif not biased and not zero:  # where others have one, it is missing, and the strict load says so
            ours[f"{place}.bias"] = torch.zeros(weight.shape[0], dtype=weight.dtype)
        if not zero:
            ours |= {f"{place}{BRANCH}{kind}": tensor for kind, tensor in branch.items()}
        scales[f"{place}.weight"] = factor * (HALF if zero else 1)
    return Deformed(ours, letter, () if zero else places, {name: one for name, one in scales.items() if one != 1})


def _weights_of(places: tuple[str, ...], letter: str) -> tuple[str, ...]:
    """Return how the names of the kernels themselves begin."""
    return tuple(f"{place}{_WEIGHTS[letter]}.{kind}" for place in places for kind in ("weight", "bias"))


def _branch(
    tensors: Tensors, place: str, parts: tuple[str, ...], mask: MaskFactor, source: str
) -> tuple[dict[str, Tensor], float]:
    """Return an offset branch as DCNv2 has it, and the factor of the place's weights that makes up for it."""
    kinds = [kind for kind in ("weight", "bias") if any(f"{place}{part}.{kind}" in tensors for part in parts)]
    branch = {kind: _joined(tensors, [f"{place}{part}.{kind}" for part in parts], source) for kind in kinds}
    factor = float(mask)
    if parts != _LIBRARIES["F"][1] and branch["weight"].shape[0] == OFFSETS:  # no mask: sigmoid(0) of twice the weights
        branch = {
            kind: torch.cat((tensor, tensor.new_zeros(TAPS, *tensor.shape[1:]))) for kind, tensor in branch.items()
        }
        factor = 1 / HALF
    return branch, factor


def _has_modulators(tensors: Tensors, places: Iterable[str]) -> bool:
    """Whether any place of H has a mask; then all must."""
    return any(f"{place}.modulator_conv.{kind}" in tensors for place in places for kind in ("weight", "bias"))


def _joined(tensors: Tensors, names: Sequence[str], source: str) -> Tensor:
    """Join the parts of an offset branch, which must be of one kind: offsets and masks of the same cells."""
    shapes = {name: list(tensors[name].shape) if name in tensors else None for name in names}
    if any(not shape or shape[1:] != (shapes[names[0]] or [])[1:] for shape in shapes.values()):
        found = ", ".join(f"{name} {'is missing' if shape is None else shape}" for name, shape in shapes.items())
        raise CheckpointError(
            f"{source}: the offset branch of a deformable convolution does not fit together: {found}",
            hint="expected are offsets and masks of 3x3 convolutions on the same map, [18, C, 3, 3] and [9, C, 3, 3]",
        )
    return torch.cat([tensors[name] for name in names])


def _check_place(place: str, weight: Tensor, branch: dict[str, Tensor], source: str) -> None:
    """Refuse deformable convolutions of other kinds, as far as shapes show them."""
    shape, offsets = tuple(weight.shape), tuple(branch["weight"].shape)
    if len(shape) != 4 or len(offsets) != 4:
        return  # the strict check of all shapes says so
    fault = None
    if shape[2:] != (3, 3) or offsets[2:] != (3, 3):
        fault = f"a kernel of {shape[2]}x{shape[3]} and offsets of {offsets[2]}x{offsets[3]}, expected 3x3 and 3x3"
    elif shape[1] != offsets[1]:
        fault = f"groups: kernels of {shape[1]} channels on a map of {offsets[1]}"
    elif offsets[0] != OFFSETS + TAPS:
        groups, rest = divmod(offsets[0], OFFSETS + TAPS)
        fault = f"{groups} deformable groups" if not rest else f"an offset branch of {offsets[0]} channels, expected 27"
    if fault:
        raise CheckpointError(
            f"{source}: the deformable convolution {place} has {fault}",
            hint="CenterNet's networks have 3x3 kernels, no groups and one deformable group; train with these",
        )
