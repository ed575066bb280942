"""The heads of a file: their channels, and what is refused about them by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NoReturn

from deepmark.errors import CheckpointError
from deepmark.models.recognition.layout import Family, Tensors
from deepmark.runtime.keypoints.head_names import HEAD_ORDER, LANDMARK_HEADS

_FOREIGN_HEADS = {
    "id": "FairMOT's re-identification head",
    **dict.fromkeys(("tracking", "ltrb", "ltrb_amodal", "amodel_offset", "nuscenes_att", "velocity"), "CenterTrack's"),
    **dict.fromkeys(("dep", "rot", "dim"), "of CenterNet's 3D task"),
    **dict.fromkeys(("hm_t", "hm_l", "hm_b", "hm_r", "hm_c", "reg_t", "reg_l", "reg_b", "reg_r"), "of ExtremeNet"),
}


def read_heads(tensors: Tensors, family: Family, source: str) -> tuple[dict[str, int], int]:
    """Return the channels of each head in CenterNet's order, and head_conv.

    Args:
        tensors: tensors by the names of our networks.
        family: family that the body is of.
        source: name of the file in messages.

    Raises:
        CheckpointError: a head is missing, is not built as CenterNet's, has other channels, or is not known.
    """
    tops = dict.fromkeys(name.partition(".")[0] for name in tensors)
    classifier = family.classifier.partition(".")[0]
    for top in tops:
        if top not in {*family.parts, *HEAD_ORDER, classifier}:
            _refuse_part(top, family, source)
    _check_present(tops, source)
    heads, inner = {}, {}
    for head in HEAD_ORDER:
        if head in tops:
            heads[head], inner[head] = _head(head, tensors, source)
    if len(set(inner.values())) > 1:
        raise CheckpointError(f"{source} has heads of different head_conv: {inner}", hint="all must have the same")
    _check_channels(heads, source)
    return heads, inner["hm"]


def _check_present(tops: Mapping[str, None], source: str) -> None:
    needed = ("hm", "wh", "hps") if tops.keys() & set(LANDMARK_HEADS) else ("hm", "wh")
    missing = [head for head in needed if head not in tops]
    if missing:
        raise CheckpointError(
            f"{source} has no head {' and no head '.join(missing)}"
            f" (heads found: {', '.join(head for head in HEAD_ORDER if head in tops) or 'none'})",
            hint="give a checkpoint of CenterNet's task multi_pose (landmarks) or ctdet (boxes only)",
        )


def _head(head: str, tensors: Tensors, source: str) -> tuple[int, int]:
    """Return a head's channels and its head_conv."""
    convs = sorted(name for name in tensors if re.fullmatch(rf"{head}\.(\d+\.)?weight", name))
    match [(name, tuple(tensors[name].shape)) for name in convs]:
        case [(_, (channels, _, 1, 1))]:
            return channels, 0
        case [(_, (head_conv, _, 3, 3)), (_, (channels, _, 1, 1))]:
            return channels, head_conv
        case [_, _, _, *_]:
            raise CheckpointError(
                f"{source}: head {head!r} has {len(convs)} convolutions (CenterTrack's heads); CenterNet's have two",
                hint="train with heads of one 3x3 and one 1x1 convolution",
            )
    found = ", ".join(f"{name} {list(tensors[name].shape)}" for name in convs) or "no weight"
    raise CheckpointError(
        f"{source}: head {head!r} must be a 3x3 and a 1x1 convolution, or one 1x1 convolution; found {found}",
        hint="train with CenterNet's heads, or name the layers as it does: HEAD.0 and HEAD.2",
    )


def _check_channels(heads: Mapping[str, int], source: str) -> None:
    if heads["wh"] == 2 * heads["hm"] > 2:
        raise CheckpointError(
            f"{source}: head 'wh' must have 2 channels, found {heads['wh']}: a size for each class (--cat_spec_wh)",
            hint="train with one size for all classes, CenterNet's default",
        )
    expected = {"wh": 2, "reg": 2, "hp_offset": 2, "hps": 2 * heads.get("hm_hp", max(heads.get("hps", 0) // 2, 1))}
    for head, channels in expected.items():
        if heads.get(head, channels) != channels:
            raise CheckpointError(
                f"{source}: head {head!r} must have {channels} channels, found {heads[head]} (all heads:"
                f" {dict(heads)})",
                hint="expected are 2 for wh, reg and hp_offset, one a landmark in hm_hp, and twice that in hps",
            )
    if min(heads.values()) < 1:
        raise CheckpointError(
            f"{source}: a head has no channels: {dict(heads)}", hint="copy the checkpoint again, or train anew"
        )


def _refuse_part(top: str, family: Family, source: str) -> NoReturn:
    whose = _FOREIGN_HEADS.get(top)
    what = f"the head {top!r} ({whose})" if whose else f"the part {top!r}"
    raise CheckpointError(
        f"{source} has {what}, which CenterNet's {family.name} does not have",
        hint=f"known are the heads {', '.join(HEAD_ORDER)}; if {top!r} is not needed, save the state_dict without it",
    )
