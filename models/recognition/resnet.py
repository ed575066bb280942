"""Files of ResNet with CenterNet's necks, ``res_N`` and ``resdcn_N``."""

from __future__ import annotations

import re
from itertools import count

from torch import Tensor

from deepmark.errors import CheckpointError
from deepmark.models.networks import KeypointNetwork
from deepmark.models.places import Place
from deepmark.models.recognition.layout import Architecture, Family, Layout, NetworkBody, Tensors
from deepmark.models.resnet import BLOCKS, BOTTLENECKS, LIGHT_NECK, ResNet

NECK = "deconv_layers"
PLACES = tuple(f"{NECK}.{6 * step}" for step in range(len(LIGHT_NECK)))
LETTERS: dict[Place | None, str] = {None: "R", "deformable": "F", "plain": "A", "plain-nobias": "B"}
_NAME = re.compile(r"resnet(\d+)(-dcn|-plain)?")


def body(depth: int, place: Place | None) -> NetworkBody:
    """Return the body of a ResNet."""
    suffix = {None: "", "deformable": "-dcn"}.get(place, "-plain")
    return NetworkBody(f"resnet{depth}{suffix}", LETTERS[place], place)


def _read(tensors: Tensors, source: str) -> NetworkBody:
    depth = _depth(tensors, source)
    weight = tensors.get(f"{NECK}.0.weight")
    match () if weight is None else tuple(weight.shape):
        case (_, 256, 4, 4):
            return body(depth, None)
        case (256, _, 3, 3) if f"{NECK}.0.conv_offset_mask.weight" in tensors:
            return body(depth, "deformable")
        case (256, _, 3, 3):
            return body(depth, "plain" if f"{NECK}.0.bias" in tensors else "plain-nobias")
    others = sorted({name.partition(".")[0] for name in tensors} - FAMILY.parts)
    found = (
        f"{NECK}.0.weight {list(weight.shape)}"
        if weight is not None
        else f"the parts {', '.join(others[:10])}"
        if others
        else "nothing behind its layers"
    )
    raise CheckpointError(
        f"{source} is a ResNet-{depth} without one of CenterNet's necks: expected {NECK}.0.weight of [C, 256, 4, 4]"
        f" (res_{depth}) or [256, C, 3, 3] (resdcn_{depth}), found {found}",
        hint=f"give a checkpoint of CenterNet's arch res_{depth} or resdcn_{depth}",
    )


def _depth(tensors: Tensors, source: str) -> int:
    counts = tuple(_blocks(tensors, layer) for layer in range(1, 5))
    bottleneck = "layer1.0.conv3.weight" in tensors
    for depth, blocks in BLOCKS.items():
        if blocks == counts and bottleneck == (depth in BOTTLENECKS):
            return depth
    kind = "bottleneck" if bottleneck else "basic"
    raise CheckpointError(
        f"{source} has layers of {', '.join(map(str, counts))} {kind} blocks: that is no ResNet-18, 34, 50, 101 or 152",
        hint="expected are "
        + "; ".join(f"{', '.join(map(str, blocks))} for ResNet-{depth}" for depth, blocks in BLOCKS.items()),
    )


def _blocks(tensors: Tensors, layer: int) -> int:
    """Count the blocks of a layer, from the first on."""
    return next(block for block in count() if f"layer{layer}.{block}.conv1.weight" not in tensors)


def _build(layout: Layout) -> KeypointNetwork:
    found = _NAME.fullmatch(layout.architecture)
    assert found is not None
    return ResNet(int(found[1]), layout.heads, head_conv=layout.head_conv, place=layout.body.place)


def _to_ours(tensors: Tensors, _body: NetworkBody) -> dict[str, Tensor]:
    return dict(tensors)


FAMILY = Family(
    name="ResNet",
    marks=frozenset(("layer1", "layer4")),
    parts=frozenset(("conv1", "bn1", "layer1", "layer2", "layer3", "layer4", NECK)),
    places=lambda body: PLACES if body.place else (),
    read=_read,
    build=_build,
    to_ours=_to_ours,
    to_file=lambda name, _body: name,
    classifier="fc.",
)


def _architecture(depth: int, place: Place | None, centernet: str | None, neck: str) -> Architecture:
    made = body(depth, place)
    return Architecture(made.architecture, centernet, f"ResNet-{depth}, {neck}", FAMILY, made, 64, ResNet.multiple)


ARCHITECTURES = (
    *(_architecture(depth, None, f"res_{depth}", "dense transposed convolutions") for depth in BLOCKS),
    *(_architecture(depth, "deformable", f"resdcn_{depth}", "deformable convolutions") for depth in BLOCKS),
    *(_architecture(depth, "plain", None, "plain convolutions for deformable ones") for depth in BLOCKS),
)
