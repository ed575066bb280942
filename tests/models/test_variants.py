"""Recognising a checkpoint from names and shapes: what loads, and what is refused under which name."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from checkpoints import Shapes, key_shapes, places, renamed_blocks, sequential_blocks

from deepmark.errors import CheckpointError
from deepmark.models.dlav0_34 import DLAv0
from deepmark.models.mdla34 import MDLA34
from deepmark.models.variants import Layout, recognise
from deepmark.runtime.keypoints.head_names import head_channels

NODE = "dla_up.ida_0.node_1"


def recognised(shapes: Shapes, zeros: tuple[str, ...] = ()) -> Layout:
    return recognise(shapes, "net.pth", is_zero=lambda name: any(part in name for part in zeros))


def shapes_of(classes: int, groups: int, *, optional: tuple[str, ...], head_conv: int) -> Shapes:
    with torch.device("meta"):
        network = MDLA34(head_channels(classes, groups, optional=optional), head_conv=head_conv)
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def replaced(old: str, new: str) -> Shapes:
    return renamed_blocks(key_shapes("swap"), (old, new))


def dlav0() -> Shapes:
    with torch.device("meta"):
        return {name: tuple(t.shape) for name, t in DLAv0(head_channels(13, 62)).state_dict().items()}


@pytest.mark.parametrize(
    ("shapes", "variant", "architecture", "block_bias"),
    [
        (key_shapes("swap"), "A", "mdla34", True),
        (key_shapes("swap_nobias"), "B", "mdla34", False),
        (sequential_blocks(key_shapes("swap")), "C", "mdla34", True),
        (dlav0(), "D", "dlav0_34", False),
    ],
    ids="ABCD",
)
def test_the_plain_variants_are_told_apart(shapes: Shapes, variant: str, architecture: str, block_bias: bool) -> None:
    layout = recognised(shapes)

    assert (layout.variant, layout.architecture, layout.block_bias) == (variant, architecture, block_bias)
    assert (layout.classes, layout.groups, layout.head_conv) == (13, 62, 256)
    assert list(layout.heads) == ["hm", "wh", "hps", "reg", "hm_hp", "hp_offset"]


@pytest.mark.parametrize(
    ("classes", "groups", "optional", "head_conv"),
    [(1, 17, ("reg", "hm_hp", "hp_offset"), 64), (13, 294, ("hm_hp",), 256), (4, 1, (), 0), (2, 3, ("reg",), 1)],
)
def test_counts_heads_and_head_conv_are_read_from_the_shapes(
    classes: int, groups: int, optional: tuple[str, ...], head_conv: int
) -> None:
    layout = recognised(shapes_of(classes, groups, optional=optional, head_conv=head_conv))

    assert (layout.classes, layout.groups, layout.head_conv) == (classes, groups, head_conv)
    assert layout.heads == head_channels(classes, groups, optional=optional)


@pytest.mark.parametrize("optional", [("reg",), ()])
def test_a_network_of_boxes_alone_has_no_groups(optional: tuple[str, ...]) -> None:
    layout = recognised(shapes_of(80, 0, optional=optional, head_conv=256))

    assert (layout.classes, layout.groups) == (80, 0)
    assert layout.heads == {"hm": 80, "wh": 2} | dict.fromkeys(optional, 2)


def test_deformable_convolutions_that_are_all_zero_are_variant_f() -> None:
    layout = recognised(key_shapes("dcn"), zeros=("conv_offset_mask",))

    assert (layout.variant, layout.architecture, layout.block_bias) == ("F", "mdla34", True)


@pytest.mark.parametrize(
    ("shapes", "letter", "library"),
    [
        (key_shapes("dcn"), "F", "DCNv2"),
        ({name.replace("conv_offset_mask", "conv_offset"): s for name, s in key_shapes("dcn").items()}, "G", "mmcv"),
        (replaced(".conv.", ".conv.offset_conv."), "H", "torchvision"),
        (replaced(".conv.", ".conv.modulator_conv."), "H", "torchvision"),
        (replaced(".conv.", ".conv.regular_conv."), "H", "torchvision"),
        (key_shapes("swap") | {f"{NODE}.conv.offset_mask_conv.weight": (27, 256, 3, 3)}, "F, G or H", "unknown"),
        (key_shapes("swap") | {f"{NODE}.my_modulator": (9, 256, 3, 3)}, "F, G or H", "unknown"),
    ],
)
def test_trained_deformable_convolutions_are_refused_before_anything_else(
    shapes: Shapes, letter: str, library: str
) -> None:
    # A foreign head beside them: the deformable convolutions must be what the error is about.
    with pytest.raises(CheckpointError, match=rf"variant {letter}, .*{library}.*MNN cannot run") as refusal:
        recognised(shapes | {"id.0.weight": (256, 64, 3, 3)})
    assert "train it again with plain 3x3 convolutions" in str(refusal.value.hint)


def test_one_trained_offset_among_zeros_is_refused() -> None:
    zeros = tuple(f"{place}.conv.conv_offset_mask" for place in places(key_shapes("dcn")) if place != NODE)

    with pytest.raises(CheckpointError, match=r"variant F.*ida_0\.node_1"):
        recognised(key_shapes("dcn"), zeros=zeros)


def test_zero_offsets_of_one_library_do_not_excuse_trained_ones_of_another() -> None:
    shapes = key_shapes("dcn") | {"ida_up.node_2.offset_conv.weight": (18, 64, 3, 3)}

    with pytest.raises(CheckpointError, match="variant H"):
        recognised(shapes, zeros=("conv_offset_mask",))


def centertrack_nodes() -> Shapes:
    shapes = replaced(".conv.", ".conv.0.")
    return {name: (*s[:2], 1, 1) if name.endswith("conv.0.weight") else s for name, s in shapes.items()}


def bottleneck() -> Shapes:
    return key_shapes("swap") | {"base.level2.tree1.conv3.weight": (128, 64, 1, 1)}


def without(*heads: str) -> Shapes:
    return {name: shape for name, shape in key_shapes("swap").items() if name.partition(".")[0] not in heads}


def head(name: str, **shapes: tuple[int, ...]) -> Shapes:
    renamed = {
        f"{name}.{key.removeprefix('c')}.weight" if key != "one" else f"{name}.weight": s for key, s in shapes.items()
    }
    return without(name) | renamed


REFUSED: dict[str, tuple[Callable[[], Shapes], str]] = {
    "E with 3x3": (lambda: replaced(".conv.", ".conv.0."), r"where mDLA-34 has single convolutions: .*conv\.0 is 3x3"),
    "E": (centertrack_nodes, r"1x1 convolutions in the aggregation nodes \(variant E, CenterTrack"),
    "bottleneck": (bottleneck, "Bottleneck blocks .*dla60"),
    "re-identification": (lambda: key_shapes("swap") | {"id.0.weight": (256, 64, 3, 3)}, "'id' .FairMOT"),
    "tracking": (lambda: key_shapes("swap") | {"tracking.0.weight": (256, 64, 3, 3)}, "'tracking' .CenterTrack"),
    "3D": (lambda: key_shapes("swap") | {"dep.0.weight": (256, 64, 3, 3)}, "'dep' .*3D"),
    "unknown part": (lambda: key_shapes("swap") | {"fpn.0.weight": (1,)}, "the part 'fpn'"),
    "three convolutions": (
        lambda: key_shapes("swap") | {"hm.4.weight": (13, 256, 1, 1)},
        r"head 'hm' has 3 convolutions \(CenterTrack",
    ),
    "landmarks without hps": (lambda: without("hps"), r"has no head hps.*heads found: hm, wh, reg, hm_hp, hp_offset"),
    "no centres": (lambda: without("hm", "hps"), "no head hm and no head hps"),
    "no sizes": (lambda: without("wh", "hps", "hm_hp", "hp_offset"), "no head wh .*heads found: hm, reg"),
    "hps against hm_hp": (
        lambda: head("hps", c0=(256, 64, 3, 3), c2=(122, 256, 1, 1)),
        "'hps' must have 124 channels, found 122",
    ),
    "box sizes by class": (
        lambda: head("wh", c0=(256, 64, 3, 3), c2=(26, 256, 1, 1)),
        "'wh' must have 2 channels, found 26: a size for each class",
    ),
    "a third size": (lambda: head("wh", c0=(256, 64, 3, 3), c2=(3, 256, 1, 1)), "'wh' must have 2 channels, found 3"),
    "different head_conv": (lambda: head("wh", c0=(64, 64, 3, 3), c2=(2, 64, 1, 1)), "different head_conv.*'wh': 64"),
    "a 5x5 head": (lambda: head("wh", c0=(256, 64, 5, 5), c2=(2, 256, 1, 1)), r"'wh' must be .*\[256, 64, 5, 5\]"),
    "a head of one 3x3": (lambda: head("wh", one=(2, 64, 3, 3)), "'wh' must be a 3x3 and a 1x1"),
    "imagenet": (lambda: {"base_layer.0.weight": (16, 3, 7, 7), "level5.x": (1,)}, "an ImageNet backbone alone"),
    "hourglass": (lambda: {"pre.0.conv.weight": (1,), "kps.0.x": (1,)}, "an Hourglass network"),
    "resnet": (lambda: {"layer1.0.conv1.weight": (1,), "layer4.x": (1,), "hm.x": (1,)}, "a ResNet"),
    "anything": (lambda: {"encoder.weight": (1,), "decoder.weight": (1,)}, "with the parts decoder, encoder"),
    "unknown nodes": (lambda: replaced(".conv.", ".gcl."), "no known variant.*gcl"),
    "nodes of another kernel": (
        lambda: {
            n: (*s[:2], 5, 5) if n == f"{NODE}.0.weight" else s
            for n, s in sequential_blocks(key_shapes("swap")).items()
        },
        r"no known variant.*\[256, 256, 5, 5\]",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_networks_are_refused_by_name(name: str) -> None:
    make, words = REFUSED[name]
    with pytest.raises(CheckpointError, match=words) as refusal:
        recognised(make())
    assert str(refusal.value).startswith("net.pth")
