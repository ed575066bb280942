"""Other networks' weights as a beginning: what fits is taken, and the account is true."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from checkpoints import Tensors, key_shapes, light_tensors, of_library

from deepmark.errors import CheckpointError
from deepmark.models import load_checkpoint
from deepmark.models.mdla34 import MDLA34
from deepmark.models.recognition.deformed import MaskFactor
from deepmark.models.training.architecture import fresh_network
from deepmark.models.training.warm_start import WarmStart, take_weights
from deepmark.runtime.keypoints.head_names import head_channels


def _start(tensors: Tensors, path: Path, groups: int = 62) -> tuple[MDLA34, WarmStart]:
    torch.save({"epoch": 1, "state_dict": tensors}, path / "given.pth")
    torch.manual_seed(0)
    network = MDLA34(head_channels(13, groups))
    return network, take_weights(network, path / "given.pth")


def _same(name: str, network: MDLA34, tensors: Tensors) -> bool:
    return torch.equal(network.state_dict()[name], tensors[name].float())


def test_a_network_of_the_same_shape_is_taken_whole(tmp_path: Path) -> None:
    tensors = light_tensors(key_shapes("swap"))
    network, account = _start(tensors, tmp_path)
    assert account.fresh == {}
    assert account.reasons == ()
    assert all(_same(name, network, tensors) for name in ("base.level5.root.conv.weight", "hps.2.bias"))
    assert account.taken["hm"] == 4


@pytest.mark.slow
def test_other_groups_leave_only_the_last_convolutions_of_their_heads_fresh(tmp_path: Path) -> None:
    tensors = light_tensors(key_shapes("swap"))
    network, account = _start(tensors, tmp_path, groups=294)
    assert account.fresh == {"hm_hp": 2, "hps": 2}
    assert _same("hm_hp.0.weight", network, tensors)
    assert "hm_hp.2.weight: [62, 256, 1, 1] in the file, [294, 256, 1, 1] here" in account.reasons
    assert network.state_dict()["hm_hp.2.bias"].unique().tolist() == [pytest.approx(-2.19)]


def test_a_detection_network_has_no_landmark_heads(tmp_path: Path) -> None:
    shapes = {n: s for n, s in key_shapes("swap").items() if not n.startswith(("hps.", "hm_hp.", "hp_offset."))}
    shapes |= {"hm.2.weight": (80, 256, 1, 1), "hm.2.bias": (80,)}
    _, account = _start(light_tensors(shapes), tmp_path)
    assert account.fresh == {"hm": 2, "hm_hp": 4, "hp_offset": 4, "hps": 4}
    assert "hps: the file has not 4 of its tensors" in account.reasons
    assert account.taken["wh"] == 4


@pytest.mark.slow
def test_an_untrained_dcn_gives_exactly_its_plain_convolution(tmp_path: Path) -> None:
    tensors = light_tensors(key_shapes("dcn"), torch.float32)
    for name in tensors:
        if "conv_offset_mask" in name:
            tensors[name] = torch.zeros_like(tensors[name])
    path = tmp_path / "dcn.pth"
    torch.save({"state_dict": tensors}, path)
    expected = load_checkpoint(path)
    network = MDLA34(expected.report.heads)
    account = take_weights(network, path)
    assert account.deformable == 16
    for name, weight in expected.network.state_dict().items():
        if not name.endswith("num_batches_tracked") and "project" not in name:
            assert torch.equal(network.state_dict()[name], weight), name


def test_a_trained_dcns_kernel_is_weighed_by_its_mask(tmp_path: Path) -> None:
    tensors = light_tensors(key_shapes("dcn"), torch.float32)
    bias = torch.zeros(27)
    bias[18] = 50.0  # the mask of the first tap: always open
    tensors["ida_up.node_1.conv.conv_offset_mask.bias"] = bias
    network, _ = _start(tensors, tmp_path)
    found = network.state_dict()["ida_up.node_1.conv.weight"]
    given = tensors["ida_up.node_1.conv.weight"]
    torch.testing.assert_close(found[:, :, 0, 0], given[:, :, 0, 0])
    torch.testing.assert_close(found[:, :, 1:], 0.5 * given[:, :, 1:])


@pytest.mark.slow
def test_a_network_with_deformable_convolutions_takes_trained_ones_whole_and_plain_ones_so_that_they_mean_the_same(
    tmp_path: Path,
) -> None:
    trained = light_tensors(key_shapes("dcn"), torch.float32)
    zero = {name: torch.zeros_like(t) if "offset_mask" in name else t for name, t in trained.items()}
    plain = {name: tensor for name, tensor in trained.items() if "offset_mask" not in name}
    given = trained["ida_up.node_1.conv.weight"]
    for tensors, factor in ((trained, 1), (zero, 1), (plain, 2)):
        torch.save({"state_dict": tensors}, tmp_path / "given.pth")
        network = fresh_network("dla34-dcn", 13, 62)
        account = take_weights(network, tmp_path / "given.pth", "dla34-dcn")

        assert account.deformable == 0
        assert torch.equal(network.state_dict()["ida_up.node_1.conv.weight"], factor * given)
        branch = network.state_dict()["ida_up.node_1.conv.conv_offset_mask.weight"]
        assert torch.equal(branch, trained["ida_up.node_1.conv.conv_offset_mask.weight"]) == (tensors is trained)


@pytest.mark.parametrize("mask", [1, 2])
def test_a_torchvision_wrappers_file_is_taken_when_its_masks_factor_is_told(tmp_path: Path, mask: MaskFactor) -> None:
    given = light_tensors(key_shapes("resnet18_dcn_17kp"), torch.float32)
    path = tmp_path / "given.pth"
    torch.save(of_library(given, "H", mask), path)
    network = fresh_network("resnet18-dcn", 1, 17)
    with pytest.raises(CheckpointError, match="does not say whether its mask"):
        take_weights(network, path, "resnet18-dcn")

    take_weights(network, path, "resnet18-dcn", dcn_mask=mask)

    state = network.state_dict()
    for name in ("deconv_layers.0.weight", "deconv_layers.0.conv_offset_mask.weight"):
        assert torch.equal(state[name], given[name]), name


@pytest.mark.slow
def test_an_imagenet_resnet_and_an_hourglass_are_taken_by_their_names(tmp_path: Path) -> None:
    resnet = light_tensors(
        {n: s for n, s in key_shapes("resnet18_17kp").items() if n.startswith(("conv1", "bn1", "layer"))}
    )
    torch.save(resnet | {"fc.weight": torch.zeros(1000, 512)}, tmp_path / "given.pth")
    account = take_weights(fresh_network("resnet18-dcn", 13, 62), tmp_path / "given.pth", "resnet18-dcn")
    assert set(account.taken) == {"conv1", "bn1", "layer1", "layer2", "layer3", "layer4"}
    assert not {"conv1", "layer4"} & account.fresh.keys()

    torch.save(light_tensors(key_shapes("hourglass104_17kp")), tmp_path / "given.pth")
    account = take_weights(fresh_network("hourglass104", 1, 17), tmp_path / "given.pth", "hourglass104")
    assert (account.fresh, account.reasons) == ({}, ())


def test_an_imagenet_backbone_is_taken_by_its_own_names(tmp_path: Path) -> None:
    shapes = {n.removeprefix("base."): s for n, s in key_shapes("swap").items() if n.startswith("base.")}
    tensors = light_tensors({**shapes, "fc.weight": (1000, 512, 1, 1), "fc.bias": (1000,)})
    network, account = _start(tensors, tmp_path)
    assert set(account.taken) == {"base"}
    assert torch.equal(network.state_dict()["base.level2.root.bn.bias"], tensors["level2.root.bn.bias"].float())
    assert "base" not in account.fresh


def test_a_file_without_our_backbone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nothing that fits the backbone"):
        _start({"layer1.weight": torch.zeros(3)}, tmp_path)


def test_nan_is_refused(tmp_path: Path) -> None:
    tensors = light_tensors(key_shapes("swap"))
    tensors["hm.0.bias"] = torch.full_like(tensors["hm.0.bias"], torch.nan)
    with pytest.raises(CheckpointError, match=r"hm\.0\.bias"):
        _start(tensors, tmp_path)
