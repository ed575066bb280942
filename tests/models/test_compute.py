"""Counting: the paper's figures, ours, and layers small enough to count by hand."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import nn

from deepmark.models.compute import NetworkPartCost, layer_costs, network_cost
from deepmark.models.dlav0_34 import DLAv0
from deepmark.models.mdla34 import MDLA34
from deepmark.models.places import Place
from deepmark.models.table6 import table6_row
from deepmark.runtime.keypoints.head_names import head_channels


@cache
def mdla34(groups: int = 62, place: Place = "plain") -> MDLA34:
    with torch.device("meta"):
        return MDLA34(head_channels(13, groups), place=place).eval()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("groups", "place", "giga"),
    [
        (62, "plain", ("2.42284", "9.69135", "38.76541")),
        (294, "plain", ("2.60600", "10.42401", "41.69605")),
        (62, "plain-nobias", ("2.42234", "9.68935", "38.75742")),
    ],
)
def test_the_paper_s_figures_come_out_at_its_three_resolutions(
    groups: int, place: Place, giga: tuple[str, ...]
) -> None:
    network = mdla34(groups, place)
    counted = [network_cost(network, (side, side)).total.paper or 0 for side in (128, 256, 512)]
    assert tuple(f"{operations / 1e9:.5f}" for operations in counted) == giga


def test_the_exported_graph_has_9_6157_billion_multiply_adds_at_256() -> None:
    assert f"{network_cost(mdla34(), (256, 256)).total.multiply_adds / 1e9:.4f}" == "9.6157"


def test_parameters_are_counted_by_part() -> None:
    cost = network_cost(mdla34(), (64, 64))

    assert {name: part.parameters for name, part in cost.parts.items()} == {
        "base": 15_270_832,
        "dla_up": 3_001_472,
        "ida_up": 300_800,
        "hm": 151_053,
        "wh": 148_226,
        "hps": 179_580,
        "reg": 148_226,
        "hm_hp": 163_646,
        "hp_offset": 148_226,
    }
    assert cost.total.parameters == 19_512_061


def test_a_head_s_3x3_convolution_costs_604_million_multiply_adds_at_256() -> None:
    layers = {layer.name: layer for layer in layer_costs(mdla34(), (256, 256))}

    assert layers["wh.0"].multiply_adds == 64 * 64 * 256 * 64 * 9 == 603_979_776


def test_the_dead_projections_count_for_the_paper_and_not_in_the_graph() -> None:
    layers = {layer.name: layer for layer in layer_costs(mdla34(), (64, 96))}

    # 64 -> 128 channels, 1x1, at stride 8; its normalisation counts 2 per element
    assert (layers["base.level3.project.0"].multiply_adds, layers["base.level3.project.0"].paper) == (
        0,
        8 * 12 * 64 * 128,
    )
    assert layers["base.level4.project.1"].paper == 2 * 4 * 6 * 256
    assert layers["base.level2.project.0"].multiply_adds > 0


def test_transposed_convolutions_count_by_input_in_the_graph_and_by_output_for_the_paper() -> None:
    layers = {layer.name: layer for layer in layer_costs(mdla34(), (64, 96))}

    # depthwise 8x8, stride 4, 64 channels, from 4x6 to 16x24 cells
    assert layers["ida_up.up_2"].multiply_adds == 4 * 6 * 64 * 8 * 8
    assert layers["ida_up.up_2"].paper == 16 * 24 * 64 * 8 * 8


def test_cost_follows_the_area_of_the_input() -> None:
    wide, square = network_cost(mdla34(), (64, 256)), network_cost(mdla34(), (128, 128))

    assert wide.total == square.total
    assert (wide.height, wide.width) == (64, 256)


def test_counting_a_real_network_leaves_it_as_it_was() -> None:
    network = MDLA34(head_channels(1, 1), head_conv=0).eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    cost = network_cost(network, (32, 32))

    assert cost.total == network_cost(network, (32, 32)).total
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())


def test_dlav0_34_is_counted_by_its_own_parts() -> None:
    with torch.device("meta"):
        network = DLAv0(head_channels(13, 62, optional=())).eval()
    cost = network_cost(network, (128, 128))

    assert list(cost.parts) == ["base", "dla_up", "hm", "wh", "hps"]
    assert cost.parts["base"] == network_cost(mdla34(), (128, 128)).parts["base"]
    assert cost.total == NetworkPartCost(
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        multiply_adds=sum(part.multiply_adds for part in cost.parts.values()),
        paper=sum(part.paper or 0 for part in cost.parts.values()),
    )


def test_every_layer_that_multiplies_is_of_a_counted_kind() -> None:
    with_weights = {type(module) for module in mdla34().modules() if list(module.parameters(recurse=False))}

    assert with_weights == {nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d}


@pytest.mark.parametrize(
    ("side", "inference", "gaussian"),
    [(128, "2.4228", "0.0007"), (256, "9.6914", "0.0028"), (512, "38.7654", "0.0111")],
)
def test_table_6_gives_the_paper_s_columns(side: int, inference: str, gaussian: str) -> None:
    row = table6_row(mdla34(), (side, side), heatmaps=13 + 62, landmarks=39)

    assert (f"{row.inference / 1e9:.4f}", f"{row.gaussian / 1e9:.4f}") == (inference, gaussian)
    assert row.gaussian == 9 * 75 * (side // 4) ** 2
    assert row.total == row.inference + row.gaussian + row.other_techniques + row.decode


def test_the_decoder_costs_next_to_nothing_and_no_more_than_there_are_cells() -> None:
    tiny, normal = (table6_row(mdla34(), size, heatmaps=75, landmarks=39) for size in ((32, 32), (256, 256)))

    assert tiny.decode < normal.decode < normal.inference / 10_000  # 64 objects at most, against 100
    assert tiny.other_techniques / normal.other_techniques == pytest.approx(0.64)
