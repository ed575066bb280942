"""Recognising a checkpoint from names and shapes: what loads, and what is refused under which name."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from checkpoints import Shapes, key_shapes, places, renamed_blocks, sequential_blocks

from deepmark.errors import CheckpointError
from deepmark.models.dlav0_34 import DLAv0
from deepmark.models.loading import build_network
from deepmark.models.mdla34 import MDLA34
from deepmark.models.recognition.architectures import ARCHITECTURES
from deepmark.models.recognition.deformed import MaskFactor
from deepmark.models.recognition.dla34 import PLACES
from deepmark.models.recognition.layout import Layout
from deepmark.models.recognition.recognise import recognise
from deepmark.runtime.keypoints.head_names import head_channels

NODE = "dla_up.ida_0.node_1"


def recognised(shapes: Shapes, zeros: tuple[str, ...] = (), mask: MaskFactor | None = None) -> Layout:
    """Recognise tensors that take no memory; those that have one of ``zeros`` in their name are 0, all others 1."""
    values = {name: float(not any(part in name for part in zeros)) for name in shapes}
    tensors = {name: torch.tensor(values[name]).expand(shape) for name, shape in shapes.items()}
    return recognise(tensors, "net.pth", mask=mask).layout


def shapes_of(classes: int, groups: int, *, optional: tuple[str, ...], head_conv: int) -> Shapes:
    with torch.device("meta"):
        network = MDLA34(head_channels(classes, groups, optional=optional), head_conv=head_conv)
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def replaced(old: str, new: str) -> Shapes:
    return renamed_blocks(key_shapes("swap"), (old, new))


def dlav0() -> Shapes:
    with torch.device("meta"):
        return {name: tuple(t.shape) for name, t in DLAv0(head_channels(13, 62)).state_dict().items()}


def centertrack_nodes() -> Shapes:
    shapes = renamed_blocks(key_shapes("swap_nobias"), (".conv.", ".conv.0."), (".actf.0.", ".conv.1."))
    return {name: (*s[:2], 1, 1) if name.endswith("conv.0.weight") else s for name, s in shapes.items()}


def mmcv(channels: int = 27) -> Shapes:
    """Name and size the offset branches as mmcv does: 27 channels, or 18 in version 1."""
    shapes = {name.replace("conv_offset_mask", "conv_offset"): shape for name, shape in key_shapes("dcn").items()}
    return {name: (channels, *shape[1:]) if "conv_offset" in name else shape for name, shape in shapes.items()}


def wrapper(*, mask: bool = True) -> Shapes:
    """Name the deformable convolutions as wrappers of torchvision's do."""
    shapes: Shapes = {}
    for name, shape in key_shapes("dcn").items():
        if "conv_offset_mask" in name:
            shapes[name.replace("conv_offset_mask", "offset_conv")] = (18, *shape[1:])
            if mask:
                shapes[name.replace("conv_offset_mask", "modulator_conv")] = (9, *shape[1:])
        elif name.removesuffix(".weight").removesuffix(".bias") in PLACES:
            shapes[name.replace(".conv.", ".conv.regular_conv.")] = shape
        else:
            shapes[name] = shape
    return shapes


@pytest.mark.parametrize(
    ("shapes", "variant", "architecture", "place"),
    [
        (key_shapes("swap"), "A", "mdla34", "plain"),
        (key_shapes("swap_nobias"), "B", "mdla34", "plain-nobias"),
        (sequential_blocks(key_shapes("swap")), "C", "mdla34", "plain"),
        (dlav0(), "D", "dlav0_34", None),
        (centertrack_nodes(), "E", "dla34-1x1", "pointwise"),
        (key_shapes("dcn"), "F", "dla34-dcn", "deformable"),
        (mmcv(), "G", "dla34-dcn", "deformable"),
        (mmcv(18), "G", "dla34-dcn", "deformable"),
        (wrapper(mask=False), "H", "dla34-dcn", "deformable"),
    ],
    ids=["A", "B", "C", "D", "E", "F", "G", "G-18", "H-maskless"],
)
def test_the_variants_are_told_apart(shapes: Shapes, variant: str, architecture: str, place: str | None) -> None:
    layout = recognised(shapes)

    assert (layout.variant, layout.architecture, layout.body.place) == (variant, architecture, place)
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


@pytest.mark.parametrize(
    ("shapes", "zeros", "mask"),
    [
        (key_shapes("dcn"), ("conv_offset_mask",), None),
        (mmcv(), ("conv_offset",), None),
        (wrapper(), ("offset_conv", "modulator_conv"), 2),
    ],
    ids="FGH",
)
def test_deformable_convolutions_that_are_all_zero_are_plain_ones(
    shapes: Shapes, zeros: tuple[str, ...], mask: MaskFactor | None
) -> None:
    layout = recognised(shapes, zeros, mask)

    assert (layout.architecture, layout.body.place) == ("mdla34", "plain")
    assert layout.variant in "FGH"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dla34-1x1", "dlav0_34", "dla34-dcn", "resnet34-plain", "resnet152", "hourglass104"])
def test_names_for_files_are_recognised_as_what_they_are_of(name: str) -> None:
    row = ARCHITECTURES[name]
    network = build_network(Layout(row.body, head_channels(13, 62), row.head_conv), device="meta")
    shapes = {row.family.to_file(one, row.body): tuple(t.shape) for one, t in network.state_dict().items()}

    found = recognised(shapes)

    assert (found.architecture, found.body, found.head_conv) == (name, row.body, row.head_conv)


def test_a_mask_that_the_file_does_not_describe_is_asked_for() -> None:
    with pytest.raises(CheckpointError, match=r"variant H; 16 places such as .*sigmoid\(m\) or twice that") as refusal:
        recognised(wrapper())
    assert "--dcn-mask 2" in str(refusal.value.hint)
    assert recognised(wrapper(), mask=2).architecture == "dla34-dcn"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"modulator_conv.weight": (9, 256, 1, 1)}, r"offset_conv.weight \[18, 256, 3, 3\], .* \[9, 256, 1, 1\]"),
        ({"offset_conv.weight": None}, "offset_conv.weight is missing"),
        ({"modulator_conv.weight": None}, "modulator_conv.weight is missing"),
        ({"modulator_conv.weight": None, "modulator_conv.bias": None}, "modulator_conv.weight is missing"),
        ({"offset_conv.bias": None}, "offset_conv.bias is missing"),
        ({"modulator_conv.bias": ()}, r"modulator_conv.bias \[\]"),
    ],
)
def test_an_offset_branch_that_is_not_whole_is_refused(changed: dict[str, tuple[int, ...] | None], words: str) -> None:
    shapes = wrapper() | {f"{NODE}.conv.{name}": shape for name, shape in changed.items()}

    with pytest.raises(CheckpointError, match=rf"does not fit together: .*{words}"):
        recognised({name: shape for name, shape in shapes.items() if shape is not None}, mask=2)


def test_a_bias_that_one_place_lacks_is_missing_and_not_zero() -> None:
    shapes = wrapper()
    del shapes[f"{NODE}.conv.regular_conv.bias"]

    found = recognise({name: torch.ones(()).expand(shape) for name, shape in shapes.items()}, "net.pth", mask=2)

    assert f"{NODE}.conv.bias" not in found.tensors


@pytest.mark.parametrize("shapes", [key_shapes("swap"), key_shapes("dcn"), mmcv(), wrapper(mask=False)])
def test_a_mask_s_factor_is_refused_where_there_is_nothing_to_say(shapes: Shapes) -> None:
    with pytest.raises(CheckpointError, match="has no mask whose factor must be told"):
        recognised(shapes, mask=2)


@pytest.mark.parametrize(
    "name", [f"{NODE}.conv.offset_mask_conv.weight", f"{NODE}.my_modulator", f"{NODE}.conv_offset_2.weight"]
)
def test_deformable_convolutions_of_an_unknown_library_are_refused_before_anything_else(name: str) -> None:
    # A foreign head beside them: the deformable convolutions must be what the error is about.
    shapes = key_shapes("swap") | {name: (27, 256, 3, 3), "id.0.weight": (256, 64, 3, 3)}
    with pytest.raises(CheckpointError, match="deformable convolutions of an unknown library"):
        recognised(shapes)


def test_two_libraries_in_one_file_are_refused() -> None:
    shapes = key_shapes("dcn") | {
        "ida_up.node_2.conv.offset_conv.weight": (18, 64, 3, 3),
        "ida_up.node_2.conv.regular_conv.weight": (64, 64, 3, 3),
    }
    with pytest.raises(CheckpointError, match=r"several libraries: DCNv2's at .*, torchvision's at ida_up"):
        recognised(shapes)


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        (("ida_up.node_1.conv", "ida_up.proj_2.conv"), r"at 14 places .* and none at 2 others \(.*\)"),
        (("ida_up.node_1.conv",), r"at 15 places .* and none at 1 other \(.*\)"),
    ],
)
def test_a_half_trained_swap_is_refused_place_by_place(plain: tuple[str, ...], words: str) -> None:
    shapes = {
        name: shape
        for name, shape in key_shapes("dcn").items()
        if not name.startswith(tuple(f"{place}.conv_offset_mask" for place in plain))
    }
    with pytest.raises(CheckpointError, match=words) as refusal:
        recognised(shapes)
    assert all(place in str(refusal.value).partition("none at")[2] for place in plain)


def test_one_trained_offset_among_zeros_is_trained() -> None:
    zeros = tuple(f"{place}.conv.conv_offset_mask" for place in places(key_shapes("dcn")) if place != NODE)

    assert recognised(key_shapes("dcn"), zeros=zeros).architecture == "dla34-dcn"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"conv_offset_mask.weight": (54, 256, 3, 3), "conv_offset_mask.bias": (54,)}, "2 deformable groups"),
        (
            {"conv_offset_mask.weight": (75, 256, 5, 5), "weight": (256, 256, 5, 5)},
            "a kernel of 5x5 and offsets of 5x5",
        ),
        ({"conv_offset_mask.weight": (27, 256, 1, 1)}, "a kernel of 3x3 and offsets of 1x1"),
        ({"weight": (256, 64, 3, 3)}, "groups: kernels of 64 channels on a map of 256"),
        ({"conv_offset_mask.weight": (18, 256, 3, 3)}, "an offset branch of 18 channels, expected 27"),
    ],
)
def test_deformable_convolutions_of_other_kinds_are_refused(changes: Shapes, words: str) -> None:
    with pytest.raises(CheckpointError, match=rf"{NODE}\.conv has {words}"):
        recognised(key_shapes("dcn") | {f"{NODE}.conv.{name}": shape for name, shape in changes.items()})


def bottleneck() -> Shapes:
    return key_shapes("swap") | {"base.level2.tree1.conv3.weight": (128, 64, 1, 1)}


def without(*heads: str) -> Shapes:
    return {name: shape for name, shape in key_shapes("swap").items() if name.partition(".")[0] not in heads}


def head(name: str, **shapes: tuple[int, ...]) -> Shapes:
    renamed = {
        f"{name}.{key.removeprefix('c')}.weight" if key != "one" else f"{name}.weight": s for key, s in shapes.items()
    }
    return without(name) | renamed


def of_resnet(changes: Shapes, *, drop: tuple[str, ...] = ()) -> Shapes:
    return {name: s for name, s in (key_shapes("resnet18_17kp") | changes).items() if not name.startswith(drop or "-")}


def of_hourglass(changes: Shapes, *, drop: tuple[str, ...] = ()) -> Shapes:
    shapes = key_shapes("hourglass104_17kp") | changes
    return {name: s for name, s in shapes.items() if not name.startswith(drop or "-")}


REFUSED: dict[str, tuple[Callable[[], Shapes], str]] = {
    "E with 3x3": (lambda: replaced(".conv.", ".conv.0."), r"where mDLA-34 has single convolutions: .*conv\.0 is 3x3"),
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
    "a wide hourglass": (
        lambda: of_hourglass(
            {"kps.0.low2.low1.0.conv1.weight": (400, 256, 3, 3), "kps.0.low2.low2.up1.0.conv1.weight": (400, 400, 3, 3)}
        ),
        "an hourglass of widths 256, 256, 400, 384, 384, 512; Hourglass-104 has 256, 256, 384",
    ),
    "a stack cut off": (
        lambda: of_hourglass({}, drop=("kps.1.",)),
        r"parts of 2 stacks, but kps of 1: tensors are missing",
    ),
    "a stack's heads cut off": (
        lambda: of_hourglass({}, drop=("hm.1.", "cnvs.1.")),
        r"parts of 2 stacks, but cnvs of 1, hm of 1",
    ),
    "resnet of other blocks": (
        lambda: of_resnet({"layer3.2.conv1.weight": (256, 256, 3, 3)}),
        "layers of 2, 2, 3, 2 basic blocks: that is no ResNet-18, 34",
    ),
    "resnet of a foreign neck": (
        lambda: of_resnet({"fpn.0.weight": (256, 512, 1, 1)}, drop=("deconv_layers",)),
        r"a ResNet-18 without one of CenterNet's necks: expected deconv_layers.0.weight of .*, found the parts fpn",
    ),
    "resnet alone": (
        lambda: of_resnet({}, drop=("deconv_layers", "hm", "wh", "hps", "reg", "hp_offset")),
        "found nothing behind its layers",
    ),
    "resnet of another neck": (
        lambda: of_resnet({"deconv_layers.0.weight": (512, 256, 2, 2)}),
        r"without one of CenterNet's necks: .* found deconv_layers.0.weight \[512, 256, 2, 2\]",
    ),
    "a part beside a resnet": (
        lambda: of_resnet({"fpn.0.weight": (1,)}),
        "the part 'fpn', which CenterNet's ResNet does",
    ),
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
    assert refusal.value.hint
