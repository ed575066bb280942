"""What every network costs, against figures counted from CenterNet's code; and what the rows of the table build."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from deepmark.models.compute import gathered_share, network_cost
from deepmark.models.loading import build_network
from deepmark.models.recognition.architectures import ARCHITECTURES
from deepmark.models.recognition.layout import Layout
from deepmark.runtime.keypoints.head_names import head_channels

GARMENTS, PERSONS, BOXES = head_channels(13, 62), head_channels(1, 17), head_channels(1, 0)
COSTS = {  # architecture -> parameters, multiply-adds in G at 256x256 and 512x512, with the heads above
    "dla34-dcn": (
        (20_150_125, "10.1970", "40.7879"),
        (20_112_346, "10.0428", "40.1713"),
        (19_655_589, "8.1753", "32.7013"),
    ),
    "resnet18": (
        (16_270_797, "7.5227", "30.0910"),
        (16_261_242, "7.4842", "29.9368"),
        (15_815_237, "5.6584", "22.6335"),
    ),
    "resnet50": (
        (34_893_773, "10.8950", "43.5799"),
        (34_884_218, "10.8564", "43.4257"),
        (34_438_213, "9.0306", "36.1224"),
    ),
    "resnet101": (
        (53_885_901, "15.7436", "62.9743"),
        (53_876_346, "15.7050", "62.8202"),
        (53_430_341, "13.8792", "55.5169"),
    ),
    "resnet18-dcn": (
        (14_555_998, "3.8120", "15.2480"),
        (14_546_443, "3.7735", "15.0939"),
        (14_432_214, "3.3066", "13.2263"),
    ),
    "resnet50-dcn": (
        (30_799_710, "7.0319", "28.1278"),
        (30_790_155, "6.9934", "27.9736"),
        (30_675_926, "6.5265", "26.1061"),
    ),
    "resnet101-dcn": (
        (49_791_838, "11.8806", "47.5223"),
        (49_782_283, "11.8420", "47.3681"),
        (49_668_054, "11.3751", "45.5006"),
    ),
    "hourglass104": (
        (194_886_682, "73.2175", "292.8699"),
        (194_811_124, "73.0633", "292.2533"),
        (191_243_402, "65.7600", "263.0400"),
    ),
    "hourglass104 of one stack": (
        (97_256_013, "43.3128", "173.2512"),
        (97_218_234, "43.1587", "172.6347"),
        (95_434_373, "35.8553", "143.4213"),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COSTS)
def test_parameters_and_multiply_adds_are_those_counted_from_the_reference(name: str) -> None:
    row = ARCHITECTURES[name.split(maxsplit=1)[0]]
    body = replace(row.body, stacks=1) if "one stack" in name else row.body
    for heads, (parameters, *giga) in zip((GARMENTS, PERSONS, BOXES), COSTS[name], strict=True):
        network = build_network(Layout(body, heads, row.head_conv), device="meta").eval()
        total = network_cost(network, (256, 256)).total

        # A network without borders of its own: four times the cells are four times the work.
        assert [f"{area * total.multiply_adds / 1e9:.4f}" for area in (1, 4)] == giga
        assert total.parameters == parameters


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("dla34-dcn", "25 %"),
        ("resnet18", "33 %"),
        ("resnet50", "22 %"),
        ("resnet50-dcn", "9 %"),
        ("hourglass104", "13 %"),
    ],
)
def test_sparse_heads_leave_out_the_share_of_the_work_that_four_heads_have(name: str, share: str) -> None:
    row = ARCHITECTURES[name]
    network = build_network(Layout(row.body, GARMENTS, row.head_conv), device="meta").eval()

    assert f"{gathered_share(network, (128, 128)):.0%}".replace("%", " %") == share


def test_samples_of_deformable_convolutions_are_counted_apart_and_no_paper_s_figure_is_given() -> None:
    row = ARCHITECTURES["dla34-dcn"]
    network = build_network(Layout(row.body, BOXES, row.head_conv), device="meta").eval()

    total = network_cost(network, (256, 256)).total

    assert (total.samples, total.paper) == (21_528_576, None)
    assert network_cost(network, (512, 512)).total.samples == 4 * 21_528_576


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dla34-1x1", "resnet34", "resnet152", "resnet34-dcn", "resnet18-plain"])
def test_rows_build_what_they_say(name: str) -> None:
    row = ARCHITECTURES[name]
    network = build_network(Layout(row.body, BOXES, row.head_conv), device="meta").eval()
    maps = network(torch.empty(1, 3, row.multiple, 2 * row.multiple, device="meta"))

    assert (row.name, row.body.architecture) == (name, name)
    assert getattr(network, "multiple", None) == row.multiple
    assert {head: tuple(one.shape) for head, one in maps.items()} == {
        head: (1, channels, row.multiple // 4, row.multiple // 2) for head, channels in BOXES.items()
    }
