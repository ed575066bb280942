"""Begin with the weights of another network, and say exactly which.

Tensors are taken by name and shape: those of CenterNet's detection and pose networks fit wherever the heads have the
same channels; of a network with deformable convolutions (DCN) the plain 3x3 kernels fit, which is the paper's way from
DLA-34 to mDLA-34. This is no loading of a checkpoint (`deepmark.models.loading` is strict): what does not fit stays
fresh and is trained.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from deepmark.errors import CheckpointError
from deepmark.models.checkpoint import read_checkpoint
from deepmark.models.mdla34 import DEAD
from deepmark.models.recognition.recognise import COUNTERS

CLASSIFIER = "base.fc."  # ImageNet's; comes with the pre-trained backbone, no detector reads it
_OFFSETS = re.compile(r"\.conv_offset(_mask)?\.(weight|bias)$")  # DCNv2's and mmcv's
_MASK = slice(18, 27)  # channels of a 3x3 DCN's offset convolution that are its mask; the others are 9 pairs (y, x)


@dataclass(frozen=True, slots=True)
class WarmStart:
    """What was taken from a checkpoint.

    Attributes:
        file: path of the checkpoint.
        taken: number of tensors taken, by part of the network (``base``, ``dla_up``, ``ida_up``, a head).
        fresh: number of tensors of the network that stay fresh, by part.
        reasons: sentences about why something was not taken.
        deformable: deformable convolutions whose kernels were taken.
    """

    file: str
    taken: dict[str, int]
    fresh: dict[str, int]
    reasons: tuple[str, ...]
    deformable: int


def take_weights(network: nn.Module, path: Path) -> WarmStart:
    """Give a network the tensors of a checkpoint that fit.

    Raises:
        CheckpointError: the file is no checkpoint, has values that are not finite, or nothing of the backbone fits.
    """
    given = _named_like_ours(read_checkpoint(path).tensors)
    _check_finite(given, str(path))
    masks = _masks(given)
    offered = {name: tensor for name, tensor in given.items() if not _OFFSETS.search(name)}
    own = network.state_dict()
    wanted = [name for name in own if not (name.endswith(COUNTERS) or name.startswith(DEAD))]
    fitting = [name for name in wanted if name in offered and offered[name].shape == own[name].shape]
    if not any(name.startswith("base.") for name in fitting):
        raise CheckpointError(
            f"{path} has nothing that fits the backbone of mDLA-34",
            hint="begin with a checkpoint of arch dla_34, of CenterNet or of ImageNet",
        )
    with torch.no_grad():
        for name in fitting:
            own[name].copy_(offered[name].to(torch.float32) * masks.get(name, 1))
    return WarmStart(
        file=str(path),
        taken=_by_part(fitting),
        fresh=_by_part(set(wanted) - set(fitting)),
        reasons=_reasons(wanted, own, offered),
        deformable=len(masks),
    )


def _named_like_ours(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Put ``base.`` before an ImageNet backbone's names, and leave out classifier and counters."""
    if "base_layer.0.weight" in tensors:
        tensors = {f"base.{name}": tensor for name, tensor in tensors.items()}
    return {n: t for n, t in tensors.items() if not (n.startswith(CLASSIFIER) or n.endswith(COUNTERS))}


def _masks(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return what a DCN multiplies each tap of its kernel by, by the kernel's name, (1, 1, 3, 3).

    A DCN's mask is sigmoid(m + what it saw); without its input, sigmoid(m) is the best guess, with m the bias. Of a DCN
    whose offsets were never trained it is exactly 1/2.
    """
    masks = {}
    for name, tensor in tensors.items():
        if _OFFSETS.search(name) and name.endswith(".bias") and tensor.shape == (27,):
            masks[_OFFSETS.sub(".weight", name)] = tensor[_MASK].to(torch.float32).sigmoid().view(1, 1, 3, 3)
    return masks


def _check_finite(tensors: dict[str, Tensor], source: str) -> None:
    bad = [name for name, tensor in tensors.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if bad:
        raise CheckpointError(
            f"{source} has NaN or infinite values in {len(bad)} tensors, for example {bad[0]}",
            hint="the training diverged: begin with an earlier checkpoint",
        )


def _reasons(wanted: Iterable[str], own: dict[str, Tensor], offered: dict[str, Tensor]) -> tuple[str, ...]:
    """Say of every tensor that does not fit why; tensors of one part that are only absent share a sentence."""
    reasons = [
        f"{name}: {list(offered[name].shape)} in the file, {list(own[name].shape)} here"
        for name in wanted
        if name in offered and offered[name].shape != own[name].shape
    ]
    absent = _by_part(name for name in wanted if name not in offered)
    reasons += [f"{part}: the file has not {count} of its tensors" for part, count in absent.items()]
    unknown = _by_part(name for name in offered if name not in own)
    reasons += [f"{part}: {count} tensors of the file have no place here" for part, count in unknown.items()]
    return tuple(reasons)


def _by_part(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(name.partition(".")[0] for name in names).items()))
