"""Recognise a checkpoint from the names and shapes of its tensors alone.

CenterNet's deformable convolutions (DCN) cannot run on a phone. People replaced them in several ways, and the files
look alike: a *trained* DCN has a tensor ``conv.weight`` of exactly the name and shape that a plain convolution has, so
a loose load "works" and is wrong. Therefore DCNs are looked for first, and whatever is not known is refused by name.

| letter | how the 16 places of a DCN look (``n`` = ``dla_up.ida_0.node_1``) | verdict |
| --- | --- | --- |
| A | ``n.conv.weight`` [o, o, 3, 3] and ``n.conv.bias``: the paper's | loaded |
| B | the same without bias (FairMOT's ``dlaconv``) | loaded |
| C | ``n.0.weight`` [o, o, 3, 3]: conv, norm and ReLU in one Sequential | loaded |
| D | ``n.0.weight`` [o, 2o, 3, 3]: CenterNet's own ``dlav0_34`` | loaded |
| E | ``n.conv.0.weight`` [o, o, 1, 1]: CenterTrack ``--dla_node conv`` | refused |
| F | ``n.conv.conv_offset_mask``: DCNv2; all zero it is a plain convolution | refused, or loaded |
| G | ``n.conv.conv_offset``: mmcv's DCN | refused |
| H | ``offset_conv``, ``modulator_conv``, ``regular_conv``: torchvision's DCN | refused |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NoReturn

from deepmark.errors import CheckpointError
from deepmark.runtime.keypoints.head_names import HEAD_ORDER, LANDMARK_HEADS

Shapes = Mapping[str, tuple[int, ...]]  # tensor name -> shape

BODY = ("base", "dla_up", "ida_up")
NODE = "dla_up.ida_0.node_1"

EXPLANATIONS = {
    "A": "a plain 3x3 convolution with bias for each deformable one: the paper's mDLA-34",
    "B": "a plain 3x3 convolution without bias for each deformable one",
    "C": "a Sequential of convolution, normalisation and ReLU for each deformable block",
    "D": "CenterNet's own dlav0_34: no deformable convolution, concatenating nodes, no ida_up",
    "F": "deformable convolutions whose offsets and masks are all zero: exactly plain convolutions of half the weight",
}

OFFSETS = ".conv_offset_mask."  # in the names of DCNv2's offsets and masks; they begin with the block's name

_DEFORMABLE = (  # what is in the name of some of its tensors, letter, whose it is
    (re.compile(r"\.conv_offset_mask\.(weight|bias)$"), "F", "DCNv2"),
    (re.compile(r"\.(offset_conv|modulator_conv|regular_conv)\."), "H", "torchvision"),
    (re.compile(r"\.conv_offset\."), "G", "mmcv"),
    (re.compile(r"conv_offset|offset_mask|offset_conv|modulator"), "F, G or H", "library unknown"),
)
_FOREIGN_HEADS = {
    "id": "FairMOT's re-identification head",
    **dict.fromkeys(("tracking", "ltrb", "ltrb_amodal", "amodel_offset", "nuscenes_att", "velocity"), "CenterTrack's"),
    **dict.fromkeys(("dep", "rot", "dim"), "of CenterNet's 3D task"),
    **dict.fromkeys(("hm_t", "hm_l", "hm_b", "hm_r", "hm_c", "reg_t", "reg_l", "reg_b", "reg_r"), "of ExtremeNet"),
}
_RETRAIN = (
    "train it again with plain 3x3 convolutions in place of the deformable ones, starting from these weights;"
    " the paper's swap costs 2-3 mAP"
)


@dataclass(frozen=True, slots=True)
class Layout:
    """What the names and shapes say.

    Attributes:
        variant: letter of the table above.
        architecture: ``"mdla34"``, or ``"dlav0_34"`` for variant D.
        heads: number of channels of each head, in CenterNet's order.
        head_conv: number of channels inside the heads; 0 for heads of one convolution.
        block_bias: whether the convolutions that stand for a DCN have a bias.
    """

    variant: Literal["A", "B", "C", "D", "F"]
    architecture: Literal["mdla34", "dlav0_34"]
    heads: dict[str, int]
    head_conv: int
    block_bias: bool

    @property
    def classes(self) -> int:
        """Object classes."""
        return self.heads["hm"]

    @property
    def groups(self) -> int:
        """Landmark channels; 0 for boxes only."""
        return self.heads.get("hps", 0) // 2


def recognise(shapes: Shapes, source: str, *, is_zero: Callable[[str], bool]) -> Layout:
    """Tell what network these tensors belong to.

    Args:
        shapes: shapes of all tensors, by name without shared prefixes.
        source: name of the file in messages.
        is_zero: function that says whether all values of a tensor are 0, by its name; asked only about DCN offsets.

    Raises:
        CheckpointError: this network cannot be exported faithfully, or is not known; says which and what to do.
    """
    deformable = _refuse_trained_deformable(shapes, source, is_zero)
    _refuse_other_networks(shapes, source)
    variant = _plain_variant(shapes, source)
    heads, head_conv = _heads(shapes, source)
    return Layout(
        variant="F" if deformable else variant,
        architecture="dlav0_34" if variant == "D" else "mdla34",
        heads=heads,
        head_conv=head_conv,
        block_bias=f"{NODE}.conv.bias" in shapes or f"{NODE}.0.bias" in shapes,
    )


def _refuse_trained_deformable(shapes: Shapes, source: str, is_zero: Callable[[str], bool]) -> bool:
    """Refuse deformable convolutions; return whether there are some of DCNv2 whose offsets are all zero."""
    harmless = False
    for pattern, letter, library in _DEFORMABLE:
        found = [name for name in shapes if pattern.search(name)]
        if library == "DCNv2":
            harmless = bool(found)
            found = [name for name in found if not is_zero(name)]
        elif harmless:
            found = [name for name in found if OFFSETS not in name]
        if found:
            raise CheckpointError(
                f"{source} holds trained deformable convolutions (variant {letter}, {library}; {len(found)} tensors"
                f" such as {found[0]!r}), which MNN cannot run; without their offsets the network would be wrong",
                hint=_RETRAIN,
            )
    return harmless


def _refuse_other_networks(shapes: Shapes, source: str) -> None:
    tops = {name.partition(".")[0] for name in shapes}
    if any(name.startswith("base.") and ".conv3." in name for name in shapes):
        raise CheckpointError(
            f"{source} has a backbone of Bottleneck blocks (dla46_c, dla60, dla102 or dla169), not DLA-34's BasicBlock",
            hint="only DLA-34 is supported: train with arch dla_34",
        )
    if {"base", "dla_up"} <= tops:
        return
    if {"base_layer", "level5"} <= tops:
        what = "an ImageNet backbone alone"
    elif tops & {"kps", "cnvs"}:
        what = "an Hourglass network"
    elif {"layer1", "layer4"} <= tops:
        what = "a ResNet"
    else:
        what = f"a network with the parts {', '.join(sorted(tops)[:10])}"
    raise CheckpointError(
        f"{source} is {what}, not mDLA-34: expected tensors named base.* and dla_up.*",
        hint="give a checkpoint of CenterNet's task multi_pose or ctdet with arch dla_34",
    )


def _plain_variant(shapes: Shapes, source: str) -> Literal["A", "B", "C", "D"]:
    if f"{NODE}.conv.weight" in shapes:
        return "A" if f"{NODE}.conv.bias" in shapes else "B"
    if f"{NODE}.conv.0.weight" in shapes:
        kernel = "x".join(map(str, shapes[f"{NODE}.conv.0.weight"][2:])) or "?"
        if kernel == "3x3":
            raise CheckpointError(
                f"{source} has blocks of layers where mDLA-34 has single convolutions: {NODE}.conv.0 is 3x3, expected"
                f" {NODE}.conv",
                hint="if they are a convolution, its normalisation and ReLU, rename .conv.0 to .conv and .conv.1 to"
                " .actf.0",
            )
        raise CheckpointError(
            f"{source} has {kernel} convolutions in the aggregation nodes (variant E, CenterTrack --dla_node conv);"
            " mDLA-34 has 3x3 ones",
            hint="this is a different and weaker network: train mDLA-34 with 3x3 convolutions in place of the DCNs",
        )
    match shapes.get(f"{NODE}.0.weight"):
        case (cout, cin, 3, 3) if cin == cout and any(name.startswith("ida_up.") for name in shapes):
            return "C"
        case (cout, cin, 3, 3) if cin == 2 * cout:
            return "D"
    found = sorted(name for name in shapes if name.startswith(f"{NODE}."))[:10]
    raise CheckpointError(
        f"{source} is no known variant of mDLA-34: expected '{NODE}.conv.weight' or '{NODE}.0.weight',"
        f" found {', '.join(f'{name} {list(shapes[name])}' for name in found) or 'nothing there'}",
        hint="known are the variants A-D of `deepmark.models.variants`; rename the tensors to one of these",
    )


def _heads(shapes: Shapes, source: str) -> tuple[dict[str, int], int]:
    """Return the channels of each head in CenterNet's order, and head_conv."""
    tops = dict.fromkeys(name.partition(".")[0] for name in shapes)
    for top in tops:
        if top not in {*BODY, *HEAD_ORDER}:
            _refuse_part(top, source)
    needed = ("hm", "wh", "hps") if tops.keys() & LANDMARK_HEADS else ("hm", "wh")
    missing = [head for head in needed if head not in tops]
    if missing:
        raise CheckpointError(
            f"{source} has no head {' and no head '.join(missing)}"
            f" (heads found: {', '.join(head for head in HEAD_ORDER if head in tops) or 'none'})",
            hint="give a checkpoint of CenterNet's task multi_pose (landmarks) or ctdet (boxes only)",
        )
    heads, inner = {}, {}
    for head in HEAD_ORDER:
        if head in tops:
            heads[head], inner[head] = _head(head, shapes, source)
    if len(set(inner.values())) > 1:
        raise CheckpointError(f"{source} has heads of different head_conv: {inner}", hint="all must have the same")
    _check_channels(heads, source)
    return heads, inner["hm"]


def _head(head: str, shapes: Shapes, source: str) -> tuple[int, int]:
    """Return a head's channels and its head_conv."""
    convs = sorted(name for name in shapes if re.fullmatch(rf"{head}\.(\d+\.)?weight", name))
    match [(name, shapes[name]) for name in convs]:
        case [(_, (channels, _, 1, 1))]:
            return channels, 0
        case [(_, (head_conv, _, 3, 3)), (_, (channels, _, 1, 1))]:
            return channels, head_conv
        case [_, _, _, *_]:
            raise CheckpointError(
                f"{source}: head {head!r} has {len(convs)} convolutions (CenterTrack's heads); mDLA-34's have two",
                hint="train with heads of one 3x3 and one 1x1 convolution",
            )
    found = ", ".join(f"{name} {list(shapes[name])}" for name in convs) or "no weight"
    raise CheckpointError(
        f"{source}: head {head!r} must be a 3x3 and a 1x1 convolution, or one 1x1 convolution; found {found}"
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
                f"{source}: head {head!r} must have {channels} channels, found {heads[head]} (all heads: {dict(heads)})"
            )
    if min(heads.values()) < 1:
        raise CheckpointError(f"{source}: a head has no channels: {dict(heads)}")


def _refuse_part(top: str, source: str) -> NoReturn:
    whose = _FOREIGN_HEADS.get(top)
    what = f"the head {top!r} ({whose})" if whose else f"the part {top!r}"
    raise CheckpointError(
        f"{source} has {what}, which mDLA-34 does not have",
        hint=f"known are the heads {', '.join(HEAD_ORDER)}; if {top!r} is not needed, save the state_dict without it",
    )
