"""Strict loading: what is in the file is in the network, or there is no network."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from checkpoints import Tensors, key_shapes, light_tensors, of_library, places, sequential_blocks
from safetensors.torch import save_file

from deepmark.errors import CheckpointError
from deepmark.models import LoadedNetwork, load_checkpoint
from deepmark.models.dlav0_34 import DLAv0
from deepmark.models.mdla34 import DEAD, MDLA34
from deepmark.models.recognition.deformed import MaskFactor
from deepmark.runtime.keypoints.head_names import head_channels
from deepmark.runtime.keypoints.schema import KeypointSchema

pytestmark = pytest.mark.slow

NODE = "dla_up.ida_0.node_1"


@pytest.fixture
def light() -> Tensors:
    """Variant A with cheap values."""
    return light_tensors(key_shapes("swap"))


def assert_same_weights(loaded: LoadedNetwork, tensors: Tensors) -> None:
    """Every tensor that the network reads is that of the file."""
    state = loaded.network.state_dict()
    for name, tensor in tensors.items():
        if not name.startswith("base.fc.") and not name.endswith("num_batches_tracked"):
            assert torch.equal(state[name], tensor.float()), name


def test_the_report_says_what_is_in_the_file(swap: LoadedNetwork, swap_checkpoint: Path) -> None:
    report = swap.report

    assert report.file == str(swap_checkpoint)
    assert report.sha256 == hashlib.sha256(swap_checkpoint.read_bytes()).hexdigest()
    assert (report.architecture, report.variant, report.parameters) == ("mdla34", "A", 19_512_061)
    assert (report.classes, report.groups, report.head_conv, report.dtype) == (13, 62, 256, "float32")
    assert report.heads == head_channels(13, 62)
    assert report.besides == ("epoch",)
    assert {name.rpartition(".")[0] for name in report.unused} == {
        "base.fc",
        *(f"base.level{level}.project.{layer}" for level in (3, 4) for layer in (0, 1)),
    }


def test_the_network_is_ready_for_inference(swap: LoadedNetwork) -> None:
    assert swap.eval() is swap.network
    assert not any(module.training for module in swap.network.modules())
    assert not any(parameter.requires_grad for parameter in swap.network.parameters())


def test_the_demo_network_loads_from_float16(demo_checkpoint: Path) -> None:
    loaded = load_checkpoint(demo_checkpoint)

    assert loaded.report.dtype == "float16"
    assert {tensor.dtype for tensor in loaded.network.parameters()} == {torch.float32}
    assert loaded.schema == KeypointSchema.deepfashion2(62)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_every_float_type_becomes_float32(dtype: torch.dtype, tmp_path: Path) -> None:
    tensors = light_tensors(key_shapes("swap"), dtype)
    torch.save(tensors, tmp_path / "net.pth")

    loaded = load_checkpoint(tmp_path / "net.pth")

    assert loaded.report.dtype == str(dtype).removeprefix("torch.")
    assert_same_weights(loaded, tensors)


def test_nested_prefixes_legacy_pickles_and_optimizers_change_nothing(light: Tensors, tmp_path: Path) -> None:
    document = {
        "state_dict": {f"module.model._orig_mod.{name}": tensor for name, tensor in light.items()},
        "epoch": 140,
        "optimizer": {"state": {0: {"step": 5, "exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-4}]},
    }
    torch.save(document, tmp_path / "net.pth", _use_new_zipfile_serialization=False)

    loaded = load_checkpoint(tmp_path / "net.pth")

    assert_same_weights(loaded, light)
    assert loaded.report.besides == ("epoch", "optimizer")


def test_safetensors_load_like_pytorch_files(light: Tensors, tmp_path: Path) -> None:
    save_file({name: tensor.clone() for name, tensor in light.items()}, tmp_path / "net.safetensors")

    assert_same_weights(load_checkpoint(tmp_path / "net.safetensors"), light)


def test_what_no_forward_pass_reads_may_be_absent(light: Tensors, tmp_path: Path) -> None:
    kept = {
        name: tensor
        for name, tensor in light.items()
        if not name.startswith(("base.fc.", *DEAD)) and not name.endswith("num_batches_tracked")
    }
    torch.save(kept, tmp_path / "net.pth")

    loaded = load_checkpoint(tmp_path / "net.pth")

    assert loaded.report.unused == ()
    assert loaded.report.parameters == 19_512_061
    assert not any(tensor.is_meta for tensor in loaded.network.state_dict().values())


def test_variant_b_has_no_bias_in_the_blocks(swap_nobias: LoadedNetwork) -> None:
    assert (swap_nobias.report.variant, swap_nobias.report.parameters) == ("B", 19_510_397)


def test_variant_c_gives_the_network_of_variant_a(light: Tensors, tmp_path: Path) -> None:
    torch.save(sequential_blocks(light), tmp_path / "net.pth")

    loaded = load_checkpoint(tmp_path / "net.pth")

    assert loaded.report.variant == "C"
    assert_same_weights(loaded, light)


def test_variant_d_is_the_second_architecture(tmp_path: Path) -> None:
    with torch.device("meta"):
        shapes = {n: tuple(t.shape) for n, t in DLAv0(head_channels(1, 17), head_conv=64).state_dict().items()}
    tensors = light_tensors(shapes | {"base.fc.weight": (10, 512, 1, 1), "base.fc.bias": (10,)})
    torch.save({"state_dict": tensors}, tmp_path / "net.pth")

    loaded = load_checkpoint(tmp_path / "net.pth")

    assert isinstance(loaded.network, DLAv0)
    assert (loaded.report.architecture, loaded.report.variant) == ("dlav0_34", "D")
    assert loaded.schema == KeypointSchema.coco_person()
    assert_same_weights(loaded, tensors)


def test_deformable_convolutions_of_zero_offset_become_half_their_convolution(light: Tensors, tmp_path: Path) -> None:
    zeros = {name: torch.zeros(shape) for name, shape in key_shapes("dcn").items() if "conv_offset_mask" in name}
    assert len(zeros) == 32
    torch.save(light | zeros, tmp_path / "net.pth")

    state = load_checkpoint(tmp_path / "net.pth").network.state_dict()

    for place in places(light):  # DCNv2: sum of weight * (sample * sigmoid(mask)) + bias, with every mask 0
        assert torch.equal(state[f"{place}.conv.weight"], 0.5 * light[f"{place}.conv.weight"].float())
        assert torch.equal(state[f"{place}.conv.bias"], light[f"{place}.conv.bias"].float())
    assert torch.equal(state["hm.0.weight"], light["hm.0.weight"].float())


def test_only_blocks_that_were_deformable_are_halved(light: Tensors, tmp_path: Path) -> None:
    offsets = {f"{NODE}.conv.conv_offset_mask.weight": torch.zeros(27, 256, 3, 3)}
    torch.save(light | offsets, tmp_path / "net.pth")

    loaded = load_checkpoint(tmp_path / "net.pth")
    state = loaded.network.state_dict()

    assert loaded.report.variant == "F"
    assert torch.equal(state[f"{NODE}.conv.weight"], 0.5 * light[f"{NODE}.conv.weight"].float())
    assert torch.equal(state["ida_up.node_1.conv.weight"], light["ida_up.node_1.conv.weight"].float())


def test_zero_offsets_that_belong_to_nothing_are_not_swallowed(light: Tensors, tmp_path: Path) -> None:
    torch.save(light | {"base.strange.conv_offset_mask.weight": torch.zeros(27, 4, 3, 3)}, tmp_path / "net.pth")

    with pytest.raises(CheckpointError, match=r"1 unexpected: base\.strange\.conv_offset_mask\.weight"):
        load_checkpoint(tmp_path / "net.pth")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_offsets_that_are_not_finite_are_refused(value: float, tmp_path: Path) -> None:
    tensors = light_tensors(key_shapes("dcn"), torch.float32)
    tensors[f"{NODE}.conv.conv_offset_mask.bias"] = torch.full((27,), value)
    torch.save(tensors, tmp_path / "net.pth")

    with pytest.raises(CheckpointError, match=rf"NaN or infinite values in 1 of .*: {NODE}.conv.conv_offset_mask.bias"):
        load_checkpoint(tmp_path / "net.pth")


def test_huge_offsets_are_samples_outside_the_map_and_no_error(tmp_path: Path) -> None:
    tensors = light_tensors(key_shapes("dcn"), torch.float32)
    tensors |= {name: torch.full_like(t, 1e20) for name, t in tensors.items() if name.endswith("offset_mask.bias")}
    torch.save(tensors, tmp_path / "net.pth")

    heads = load_checkpoint(tmp_path / "net.pth").network(torch.zeros(1, 3, 32, 32))

    assert all(head.isfinite().all() for head in heads.values())


@pytest.mark.parametrize(("letter", "mask"), [("G", None), ("H", 1), ("H", 2)])
def test_other_libraries_deformable_convolutions_are_dcnv2(
    letter: str, mask: MaskFactor | None, tmp_path: Path
) -> None:
    tensors = light_tensors(key_shapes("resnet18_dcn_17kp"), torch.float32)
    torch.save(tensors, tmp_path / "dcnv2.pth")
    torch.save(of_library(tensors, letter, mask or 1), tmp_path / "other.pth")

    expected = load_checkpoint(tmp_path / "dcnv2.pth")
    loaded = load_checkpoint(tmp_path / "other.pth", dcn_mask=mask)

    assert (expected.report.variant, loaded.report.variant) == ("F", letter)
    state = loaded.network.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in expected.network.state_dict().items())


def test_a_version_without_mask_is_one_of_half_a_mask_on_twice_the_weights(tmp_path: Path) -> None:
    tensors = light_tensors(key_shapes("resnet18_dcn_17kp"), torch.float32)
    offsets = {name: tensor for name, tensor in tensors.items() if "conv_offset_mask" in name}
    mmcv = {name: tensor for name, tensor in tensors.items() if name not in offsets}
    mmcv |= {name.replace("_mask", ""): tensor[:18] for name, tensor in offsets.items()}
    torch.save(mmcv, tmp_path / "net.pth")

    state = load_checkpoint(tmp_path / "net.pth").network.state_dict()

    branch = state["deconv_layers.6.conv_offset_mask.weight"]
    assert torch.equal(branch[:18], offsets["deconv_layers.6.conv_offset_mask.weight"][:18])
    assert not branch[18:].any()
    assert torch.equal(state["deconv_layers.6.weight"], 2 * tensors["deconv_layers.6.weight"])


@pytest.mark.parametrize(("bias", "variant"), [(True, "A"), (False, "B")])
def test_a_swapped_resdcn_loads(bias: bool, variant: str, tmp_path: Path) -> None:
    dropped = ("conv_offset_mask", *(() if bias else (".bias",)))
    swapped = {
        name: tensor
        for name, tensor in light_tensors(key_shapes("resnet18_dcn_17kp")).items()
        if not (
            name.startswith(("deconv_layers.0.", "deconv_layers.6.", "deconv_layers.12.")) and name.endswith(dropped)
        )
        and "conv_offset_mask" not in name
    }
    torch.save({"state_dict": swapped}, tmp_path / "net.pth")

    loaded = load_checkpoint(tmp_path / "net.pth")

    assert (loaded.report.architecture, loaded.report.variant) == ("resnet18-plain", variant)
    assert_same_weights(loaded, swapped)


def test_the_first_stack_s_heads_of_an_hourglass_are_told_as_unused_and_faults_by_the_file_s_names(
    tmp_path: Path,
) -> None:
    tensors = light_tensors(key_shapes("hourglass104_17kp"))
    torch.save(tensors, tmp_path / "net.pth")

    report = load_checkpoint(tmp_path / "net.pth").report
    assert len(report.unused) == 6 * 4
    assert {name.split(".")[1] for name in report.unused} == {"0"}

    del tensors["hm.1.0.conv.bias"]
    torch.save(tensors, tmp_path / "net.pth")
    with pytest.raises(CheckpointError, match=r"does not fit hourglass104 .*: 1 missing: hm\.1\.0\.conv\.bias$"):
        load_checkpoint(tmp_path / "net.pth")


@pytest.mark.parametrize(
    ("classes", "groups", "head_conv", "optional", "schema"),
    [
        (13, 294, 256, ("reg", "hm_hp", "hp_offset"), "deepfashion2-294"),
        (1, 17, 64, ("reg", "hm_hp", "hp_offset"), "coco-person-17"),
        (13, 62, 0, ("reg",), "deepfashion2-62"),
        (5, 9, 32, (), None),
    ],
)
def test_other_counts_head_convs_and_head_sets_load(
    classes: int, groups: int, head_conv: int, optional: tuple[str, ...], schema: str | None, tmp_path: Path
) -> None:
    heads = head_channels(classes, groups, optional=optional)
    with torch.device("meta"):
        shapes = {n: tuple(t.shape) for n, t in MDLA34(heads, head_conv=head_conv).state_dict().items()}
    torch.save(light_tensors(shapes), tmp_path / "net.pth")

    loaded = load_checkpoint(tmp_path / "net.pth")
    outputs = loaded.eval()(torch.zeros(1, 3, 32, 32))

    assert {name: output.shape[1] for name, output in outputs.items()} == heads
    assert (loaded.schema.name if loaded.schema else None) == schema


@pytest.mark.parametrize("optional", [("reg",), ()])
def test_a_network_of_boxes_alone_loads_with_a_table_of_classes(optional: tuple[str, ...], tmp_path: Path) -> None:
    heads = head_channels(80, 0, optional=optional)
    with torch.device("meta"):
        shapes = {n: tuple(t.shape) for n, t in MDLA34(heads).state_dict().items()}
    torch.save(light_tensors(shapes), tmp_path / "ctdet.pth")

    loaded = load_checkpoint(tmp_path / "ctdet.pth")

    assert loaded.schema == KeypointSchema.coco()
    assert (loaded.report.classes, loaded.report.groups, loaded.report.heads) == (80, 0, heads)
    with pytest.raises(CheckpointError, match=r"80 classes and no landmarks, but .* 13 classes and 62 landmark groups"):
        load_checkpoint(tmp_path / "ctdet.pth", KeypointSchema.deepfashion2())


def test_landmarks_do_not_load_with_a_table_of_classes(light: Tensors, tmp_path: Path) -> None:
    torch.save(light, tmp_path / "net.pth")

    with pytest.raises(
        CheckpointError, match="62 landmark groups, but the schema 'coco-80' has 80 classes and no landm"
    ):
        load_checkpoint(tmp_path / "net.pth", KeypointSchema.coco())


def test_missing_unexpected_and_misshaped_tensors_are_all_listed(light: Tensors, tmp_path: Path) -> None:
    light["base.level2.tree1.conv1.weight"] = torch.zeros(64, 32, 5, 5)
    light["base.level0.7.weight"] = torch.zeros(1)
    del light["base.level1.0.weight"], light["ida_up.up_2.weight"]
    torch.save(light, tmp_path / "net.pth")

    with pytest.raises(CheckpointError) as refusal:
        load_checkpoint(tmp_path / "net.pth")

    message = str(refusal.value)
    assert "2 missing: base.level1.0.weight, ida_up.up_2.weight;" in message
    assert "1 unexpected: base.level0.7.weight;" in message
    assert "1 of another shape: base.level2.tree1.conv1.weight [64, 32, 5, 5] instead of [64, 32, 3, 3]" in message


def test_of_many_faults_the_first_ten_and_the_count_are_told(light: Tensors, tmp_path: Path) -> None:
    torch.save({name: t for name, t in light.items() if not name.startswith("base.level5.")}, tmp_path / "net.pth")

    with pytest.raises(CheckpointError, match=r"30 missing: (base\.level5\.\S+, ){9}base\.level5\.\S+ and 20 more"):
        load_checkpoint(tmp_path / "net.pth")


@pytest.mark.parametrize(
    "name", ["base.fc.weight2", "base.level0.1.num_batches", "base.level3.project.2.weight", "base.fcx.weight"]
)
def test_only_the_named_tensors_are_ignored(name: str, light: Tensors, tmp_path: Path) -> None:
    torch.save(light | {name: torch.zeros(2)}, tmp_path / "net.pth")

    if name.startswith("base.fc."):
        load_checkpoint(tmp_path / "net.pth")
        return
    with pytest.raises(CheckpointError, match="1 unexpected"):
        load_checkpoint(tmp_path / "net.pth")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_values_that_are_not_finite_are_refused_with_their_tensors(
    value: float, light: Tensors, tmp_path: Path
) -> None:
    for name in ("hm.2.bias", "base.level5.root.conv.weight"):
        light[name] = light[name].clone()
        light[name].view(-1)[-1] = value
    torch.save(light, tmp_path / "net.pth")

    with pytest.raises(CheckpointError, match=r"in 2 of \d+ tensors: base\.level5\.root\.conv\.weight, hm\.2\.bias"):
        load_checkpoint(tmp_path / "net.pth")


def test_a_float64_that_float32_cannot_hold_is_refused(tmp_path: Path) -> None:
    tensors = light_tensors(key_shapes("swap"), torch.float64)
    tensors["wh.2.bias"] = torch.tensor([1e300, 0], dtype=torch.float64)
    torch.save(tensors, tmp_path / "net.pth")

    with pytest.raises(CheckpointError, match=r"NaN or infinite values in 1 of \d+ tensors: wh\.2\.bias"):
        load_checkpoint(tmp_path / "net.pth")


def test_negative_variances_are_refused(light: Tensors, tmp_path: Path) -> None:
    light["ida_up.node_1.actf.0.running_var"] = torch.full((64,), -1.0)
    torch.save(light, tmp_path / "net.pth")

    with pytest.raises(CheckpointError, match=r"negative variances in 1 tensors: ida_up\.node_1\.actf\.0\.running_var"):
        load_checkpoint(tmp_path / "net.pth")


@pytest.mark.parametrize("dtype", [torch.int8, torch.float8_e4m3fn])
def test_weights_of_other_types_are_refused(dtype: torch.dtype, light: Tensors, tmp_path: Path) -> None:
    light["wh.2.bias"] = torch.zeros(2, dtype=dtype)
    torch.save(light, tmp_path / "net.pth")

    with pytest.raises(CheckpointError, match=r"must hold float32, .* or float64, found (int8|float8_e4m3fn)"):
        load_checkpoint(tmp_path / "net.pth")


def test_a_given_schema_is_used(swap_checkpoint: Path) -> None:
    schema = KeypointSchema.deepfashion2(62)

    assert load_checkpoint(swap_checkpoint, schema).schema is schema


def test_a_schema_of_other_counts_is_refused_with_both_counts(swap_checkpoint: Path) -> None:
    with pytest.raises(
        CheckpointError,
        match=r"13 classes and 62 landmark groups, but .*'coco-person-17' has 1 class and 17 landmark",
    ):
        load_checkpoint(swap_checkpoint, KeypointSchema.coco_person())
