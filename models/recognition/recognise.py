"""Recognise a checkpoint from the names and shapes of its tensors alone.

CenterNet's networks have deformable convolutions (DCN) at some places. People replaced them in several ways, and the
files look alike: a *trained* DCN has a tensor ``conv.weight`` of exactly the name and shape that a plain convolution
has, so a loose load "works" and is wrong. Therefore DCNs are looked for first, and whatever is not known is refused by
name.

| letter | how the places of a DCN look (``n`` = ``dla_up.ida_0.node_1``, or ``deconv_layers.0`` for its ``n.conv``) |
| --- | --- |
| A | ``n.conv.weight`` [o, o, 3, 3] and ``n.conv.bias``: the paper's |
| B | the same without bias (FairMOT's ``dlaconv``) |
| C | ``n.0.weight`` [o, o, 3, 3]: conv, norm and ReLU in one Sequential |
| D | ``n.0.weight`` [o, 2o, 3, 3]: CenterNet's own ``dlav0_34`` |
| E | ``n.conv.0.weight`` [o, o, 1, 1]: CenterTrack ``--dla_node conv`` |
| F | ``n.conv.conv_offset_mask``: DCNv2; all zero it is a plain convolution |
| G | ``n.conv.conv_offset``: mmcv's DCN |
| H | ``offset_conv``, ``modulator_conv``, ``regular_conv``: torchvision's DCN |
| R | ``deconv_layers.0.weight`` [C, 256, 4, 4]: ``res_N``, which has no such places |
| S | ``kps.0``: Hourglass, which has no such places |
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from deepmark.errors import CheckpointError
from deepmark.models.recognition.architectures import FAMILIES
from deepmark.models.recognition.deformed import Deformed, MaskFactor, read_deformed
from deepmark.models.recognition.heads import read_heads
from deepmark.models.recognition.layout import Family, Layout, NetworkBody, Tensors

ZERO = "deformable convolutions whose offsets and masks are all zero: exactly plain convolutions of half the weight"
EXPLANATIONS = {
    "A": "a plain 3x3 convolution with bias for each deformable one, as in the paper's mDLA-34",
    "B": "a plain 3x3 convolution without bias for each deformable one",
    "C": "a Sequential of convolution, normalisation and ReLU for each deformable block",
    "D": "CenterNet's own dlav0_34: no deformable convolution, concatenating nodes, no ida_up",
    "E": "a 1x1 convolution for each deformable one: CenterTrack's --dla_node conv",
    "F": "trained deformable convolutions, DCNv2",
    "G": "trained deformable convolutions, mmcv's",
    "H": "trained deformable convolutions, a torchvision wrapper's",
    "R": "CenterNet's own res_N: dense transposed convolutions, no deformable ones",
    "S": "CenterNet's own Hourglass-104: no deformable convolutions",
}
COUNTERS = ".num_batches_tracked"  # batch normalisation's training counters


@dataclass(frozen=True, slots=True)
class Recognised:
    """A file's network.

    Attributes:
        layout: the network.
        family: family that it belongs to.
        explanation: the variant in words.
        tensors: the file's tensors by the names of our network; without counters and the backbone's classifier.
        scales: factors of weights, by name, that make the network what it was.
        unread: names in the file of tensors that no forward pass reads; training counters are not listed.
    """

    layout: Layout
    family: Family
    explanation: str
    tensors: dict[str, Tensor]
    scales: dict[str, float]
    unread: tuple[str, ...]

    def file_name(self, name: str) -> str:
        """Return the name that CenterNet's files have for a tensor of our network."""
        return self.family.to_file(name, self.layout.body)


def recognise(tensors: Tensors, source: str, *, mask: MaskFactor | None = None) -> Recognised:
    """Tell what network these tensors belong to.

    Args:
        tensors: all tensors by name, without shared prefixes.
        source: name of the file in messages.
        mask: factor of the mask of a torchvision wrapper's DCN; None where it is not known.

    Raises:
        CheckpointError: this network cannot be exported faithfully, or is not known; says which and what to do.
    """
    deformed = read_deformed(tensors, source, mask)
    family = _family(deformed.tensors, source)
    body = family.read(deformed.tensors, source)
    _check_places(deformed, family, body, source)
    ours = family.to_ours(deformed.tensors, body)
    heads, head_conv = read_heads(ours, family, source)
    if deformed.letter and (deformed.places or body.place):
        body = replace(body, variant=deformed.letter)
    layout = Layout(body, heads, head_conv)
    unread = (family.classifier, *family.unread)
    return Recognised(
        layout=layout,
        family=family,
        explanation=ZERO if deformed.zero else EXPLANATIONS[body.variant],
        tensors={n: t for n, t in ours.items() if not (n.startswith(family.classifier) or n.endswith(COUNTERS))},
        scales=deformed.scales,
        unread=tuple(
            family.to_file(name, body) for name in ours if name.startswith(unread) and not name.endswith(COUNTERS)
        ),
    )


def _family(tensors: Tensors, source: str) -> Family:
    tops = {name.partition(".")[0] for name in tensors}
    for family in FAMILIES:
        if family.marks <= tops:
            return family
    what = f"a network with the parts {', '.join(sorted(tops)[:10])}"
    if {"base_layer", "level5"} <= tops:
        what = "an ImageNet backbone alone"
    raise CheckpointError(
        f"{source} is {what}: expected tensors named "
        + " or ".join(", ".join(f"{mark}.*" for mark in sorted(family.marks)) for family in FAMILIES),
        hint="give a checkpoint of CenterNet's task multi_pose or ctdet, of arch dla_34, res_N, resdcn_N or hourglass",
    )


def _check_places(deformed: Deformed, family: Family, body: NetworkBody, source: str) -> None:
    """Refuse a network of which only some places are deformable: half of its training is missing."""
    plain = [place for place in family.places(body) if place not in deformed.places]
    if deformed.places and plain:
        raise CheckpointError(
            f"{source} has trained deformable convolutions at {len(deformed.places)} places"
            f" ({', '.join(deformed.places)}) and none at {len(plain)} other{'s' * (len(plain) > 1)}"
            f" ({', '.join(plain)})",
            hint="give the checkpoint from before places were exchanged, or train it to the end with all of them",
        )
