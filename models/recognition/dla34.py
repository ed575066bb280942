"""Files of DLA-34: CenterNet's with deformable convolutions, the paper's mDLA-34, and others' without them."""

from __future__ import annotations

import re

from torch import Tensor

from deepmark.errors import CheckpointError
from deepmark.models.dlav0_34 import DLAv0
from deepmark.models.mdla34 import DEAD, MDLA34
from deepmark.models.networks import KeypointNetwork
from deepmark.models.recognition.layout import Architecture, Family, Layout, NetworkBody, Tensors

NODE = "dla_up.ida_0.node_1"
STEPS = {"dla_up.ida_0": 1, "dla_up.ida_1": 2, "dla_up.ida_2": 3, "ida_up": 2}  # steps of each aggregation
PLACES = tuple(
    f"{part}.{kind}_{step}.conv"
    for part, steps in STEPS.items()
    for step in range(1, steps + 1)
    for kind in ("proj", "node")
)

MDLA34_BODY = NetworkBody("mdla34", "A", "plain")
NO_BIAS = NetworkBody("mdla34", "B", "plain-nobias")
SEQUENTIAL = NetworkBody("mdla34", "C", "plain-nobias")
DLAV0_BODY = NetworkBody("dlav0_34", "D", None)
POINTWISE = NetworkBody("dla34-1x1", "E", "pointwise")
DEFORMABLE = NetworkBody("dla34-dcn", "F", "deformable")

_BLOCK = re.compile(r"((?:dla_up\.ida_\d|ida_up)\.(?:proj|node)_\d)\.(conv\.)?([01])\.")
_PARTS = {"0": "conv", "1": "actf.0"}  # a Sequential's convolution and normalisation -> their names in mDLA-34


def _read(tensors: Tensors, source: str) -> NetworkBody:
    if any(name.startswith("base.") and ".conv3." in name for name in tensors):
        raise CheckpointError(
            f"{source} has a backbone of Bottleneck blocks (dla46_c, dla60, dla102 or dla169), not DLA-34's BasicBlock",
            hint="of the DLA networks only DLA-34 is supported: train with arch dla_34",
        )
    if f"{NODE}.conv.conv_offset_mask.weight" in tensors:
        return DEFORMABLE
    if f"{NODE}.conv.weight" in tensors:
        return MDLA34_BODY if f"{NODE}.conv.bias" in tensors else NO_BIAS
    if f"{NODE}.conv.0.weight" in tensors:
        kernel = "x".join(map(str, tensors[f"{NODE}.conv.0.weight"].shape[2:])) or "?"
        if kernel == "1x1":
            return POINTWISE
        raise CheckpointError(
            f"{source} has blocks of layers where mDLA-34 has single convolutions: {NODE}.conv.0 is {kernel}, expected"
            f" {NODE}.conv",
            hint="if they are a convolution, its normalisation and ReLU, rename .conv.0 to .conv and .conv.1 to"
            " .actf.0",
        )
    found = tensors.get(f"{NODE}.0.weight")
    match () if found is None else tuple(found.shape):
        case (cout, cin, 3, 3) if cin == cout and any(name.startswith("ida_up.") for name in tensors):
            return SEQUENTIAL if f"{NODE}.0.bias" not in tensors else NetworkBody("mdla34", "C", "plain")
        case (cout, cin, 3, 3) if cin == 2 * cout:
            return DLAV0_BODY
    listed = [f"{name} {list(tensors[name].shape)}" for name in sorted(tensors) if name.startswith(f"{NODE}.")][:10]
    raise CheckpointError(
        f"{source} is no known variant of DLA-34: expected '{NODE}.conv.weight' or '{NODE}.0.weight',"
        f" found {', '.join(listed) or 'nothing there'}",
        hint="known are the variants A-H of deepmark.models.recognition; rename the tensors to one of these",
    )


def _build(layout: Layout) -> KeypointNetwork:
    if layout.body.place is None:
        return DLAv0(layout.heads, head_conv=layout.head_conv)
    return MDLA34(layout.heads, head_conv=layout.head_conv, place=layout.body.place)


def _places(body: NetworkBody) -> tuple[str, ...]:
    return PLACES if body.place else ()


def _to_ours(tensors: Tensors, body: NetworkBody) -> dict[str, Tensor]:
    if body.variant not in ("C", "E"):
        return dict(tensors)
    return {_BLOCK.sub(lambda m: f"{m[1]}.{_PARTS[m[3]]}.", name): tensor for name, tensor in tensors.items()}


def _to_file(name: str, body: NetworkBody) -> str:
    if body.place != "pointwise" or not name.startswith(tuple(place.removesuffix("conv") for place in PLACES)):
        return name
    return name.replace(".conv.", ".conv.0.").replace(".actf.0.", ".conv.1.")


FAMILY = Family(
    name="DLA-34",
    marks=frozenset(("base", "dla_up")),
    parts=frozenset(("base", "dla_up", "ida_up")),
    places=_places,
    read=_read,
    build=_build,
    to_ours=_to_ours,
    to_file=_to_file,
    classifier="base.fc.",
    unread=DEAD,
    optional=DEAD,
)

ARCHITECTURES = (
    Architecture(
        "mdla34", None, "the paper's mDLA-34: plain 3x3 convolutions", FAMILY, MDLA34_BODY, 256, MDLA34.multiple
    ),
    Architecture(
        "dla34-dcn", "dla_34", "DLA-34 with deformable convolutions", FAMILY, DEFORMABLE, 256, MDLA34.multiple
    ),
    Architecture("dla34-1x1", None, "DLA-34 with 1x1 nodes, CenterTrack's", FAMILY, POINTWISE, 256, MDLA34.multiple),
    Architecture(
        "dlav0_34", "dlav0_34", "CenterNet's older DLA-34: concatenating", FAMILY, DLAV0_BODY, 256, DLAv0.multiple
    ),
)
