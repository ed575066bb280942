"""Begin with the weights of another network, and say exactly which.

Tensors are taken by name and shape: those of CenterNet's detection and pose networks fit wherever the heads have the
same channels. Where the file has a deformable convolution (DCN) and the network a plain one, its 3x3 kernel fits, which
is the paper's way from DLA-34 to mDLA-34; where both have one, all of it. This is no loading of a checkpoint
(`deepmark.models.loading` is strict): what does not fit stays fresh and is trained.
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
from deepmark.models.recognition.architectures import ARCHITECTURES
from deepmark.models.recognition.deformed import BRANCH, HALF, MaskFactor, read_deformed
from deepmark.models.recognition.recognise import COUNTERS
from deepmark.runtime.keypoints.head_names import HEAD_ORDER

_HEAD = re.compile(rf"(earlier\.\d+\.)?({'|'.join(HEAD_ORDER)})\.")
_MASK = slice(18, 27)  # channels of a 3x3 DCN's offset convolution that are its mask; the others are 9 pairs (y, x)


@dataclass(frozen=True, slots=True)
class WarmStart:
    """What was taken from a checkpoint.

    Attributes:
        file: path of the checkpoint.
        taken: number of tensors taken, by part of the network (``base``, ``dla_up``, ``layer1``, a head).
        fresh: number of tensors of the network that stay fresh, by part.
        reasons: sentences about why something was not taken.
        deformable: deformable convolutions whose kernels were taken for plain ones.
    """

    file: str
    taken: dict[str, int]
    fresh: dict[str, int]
    reasons: tuple[str, ...]
    deformable: int


def take_weights(
    network: nn.Module, path: Path, arch: str = "mdla34", *, dcn_mask: MaskFactor | None = None
) -> WarmStart:
    """Give a network the tensors of a checkpoint that fit.

    Args:
        network: network of the architecture, with fresh weights.
        path: path of the checkpoint.
        arch: name of `ARCHITECTURES`.
        dcn_mask: factor of the mask of variant H (`deepmark.models.loading.load_checkpoint`); None for every other
            file.

    Raises:
        CheckpointError: the file is no checkpoint, has values that are not finite, nothing of the backbone fits, or it
            is of variant H and the factor is not given.
    """
    given, scales = _named_like_ours(read_checkpoint(path).tensors, arch, str(path), dcn_mask)
    _check_finite(given, str(path))
    own = network.state_dict()
    masks = _masks({name: tensor for name, tensor in given.items() if name not in own})
    begun = dict.fromkeys(_deformable(own) - _deformable(given), 1 / HALF)  # their masks begin as sigmoid(0)
    factors = {
        name: masks.get(name, 1) * scales.get(name, 1) * begun.get(name, 1) for name in {*masks, *scales, *begun}
    }
    offered = {name: tensor for name, tensor in given.items() if BRANCH not in name or name in own}
    wanted = [name for name in own if not (name.endswith(COUNTERS) or name.startswith(DEAD))]
    fitting = [name for name in wanted if name in offered and offered[name].shape == own[name].shape]
    if all(_HEAD.match(name) for name in fitting):
        raise CheckpointError(
            f"{path} has nothing that fits the backbone of {arch}",
            hint=f"begin with a checkpoint of {ARCHITECTURES[arch].family.name}, of CenterNet or of ImageNet",
        )
    with torch.no_grad():
        for name in fitting:
            own[name].copy_(offered[name].to(torch.float32) * factors.get(name, 1))
    return WarmStart(
        file=str(path),
        taken=_by_part(fitting),
        fresh=_by_part(set(wanted) - set(fitting)),
        reasons=_reasons(wanted, own, offered),
        deformable=len({*masks, *scales} - _deformable(own)),
    )


def _named_like_ours(
    tensors: dict[str, Tensor], arch: str, source: str, dcn_mask: MaskFactor | None
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """Return tensors under our names, without classifier and counters, and factors of weights by name.

    An ImageNet backbone's names lack ``base.``; DCNs of every library get DCNv2's names.
    """
    if "base_layer.0.weight" in tensors:
        tensors = {f"base.{name}": tensor for name, tensor in tensors.items()}
    row = ARCHITECTURES[arch]
    deformed = read_deformed(tensors, source, dcn_mask)
    ours = row.family.to_ours(deformed.tensors, row.body)
    kept = {n: t for n, t in ours.items() if not (n.startswith(row.family.classifier) or n.endswith(COUNTERS))}
    return kept, deformed.scales


def _deformable(tensors: Iterable[str]) -> set[str]:
    """List the weights of deformable convolutions among tensors."""
    end = f"{BRANCH}weight"
    return {f"{name.removesuffix(end)}.weight" for name in tensors if name.endswith(end)}


def _masks(branches: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return what a DCN multiplies each tap of its kernel by, by the kernel's name, (1, 1, 3, 3).

    A DCN's mask is sigmoid(m + what it saw); without its input, sigmoid(m) is the best guess, with m the bias. Of a DCN
    whose offsets were never trained it is exactly 1/2.
    """
    masks = {}
    for name, tensor in branches.items():
        if name.endswith(f"{BRANCH}bias") and tensor.shape == (27,):
            masks[f"{name.removesuffix(f'{BRANCH}bias')}.weight"] = (
                tensor[_MASK].to(torch.float32).sigmoid().view(1, 1, 3, 3)
            )
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
