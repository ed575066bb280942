"""The deformable convolution against CenterNet's kernel, compiled for the CPU (tests/data/README.md)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  its usual name

from deepmark.models.deformable import DeformableConv2d, deformable_convolution

CASES = (
    "small",
    "wide_offsets",
    "one_column",
    "one_row",
    "integer_offsets",
    "zero_offset_mask",
    "two_groups",
    "stride2_dilation2",
    "c64",
)


@pytest.fixture(scope="module")
def golden(data: Path) -> dict[str, Tensor]:
    with np.load(data / "dcn_layer.npz") as archive:
        return {name: torch.from_numpy(archive[name]) for name in archive if archive[name].dtype.kind in "fi"}


def small_layer(cin: int = 4, cout: int = 6) -> DeformableConv2d:
    torch.manual_seed(5)
    layer = DeformableConv2d(cin, cout).eval()
    for parameter in layer.conv_offset_mask.parameters():
        torch.nn.init.normal_(parameter, 0, 0.5)
    return layer


def test_every_case_of_the_golden_data_is_known(golden: dict[str, Tensor]) -> None:
    assert {name.removesuffix("_cfg") for name in golden if name.endswith("_cfg")} == set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_it_gives_what_the_reference_gives(golden: dict[str, Tensor], case: str) -> None:
    x, weight, bias, offset, mask, expected = (
        golden[f"{case}_{name}"] for name in ("x", "weight", "bias", "offset", "mask", "y")
    )
    stride, padding, dilation, groups = golden[f"{case}_cfg"].tolist()

    found = deformable_convolution(
        x, weight, bias, offset, mask, stride=stride, padding=padding, dilation=dilation, groups=groups
    )

    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("case", [case for case in CASES if case not in {"two_groups", "stride2_dilation2"}])
def test_the_module_computes_its_own_offsets_and_mask(golden: dict[str, Tensor], case: str) -> None:
    weight = golden[f"{case}_weight"]
    layer = DeformableConv2d(weight.shape[1], weight.shape[0]).eval()
    layer.load_state_dict(
        {
            "weight": weight,
            "bias": golden[f"{case}_bias"],
            "conv_offset_mask.weight": golden[f"{case}_om_weight"],
            "conv_offset_mask.bias": golden[f"{case}_om_bias"],
        }
    )

    with torch.no_grad():
        found = layer(golden[f"{case}_x"])

    torch.testing.assert_close(found, golden[f"{case}_y"], atol=1e-5, rtol=0)


def test_a_fresh_layer_is_half_of_a_plain_convolution() -> None:
    layer = DeformableConv2d(4, 6).eval()
    x = torch.rand(1, 4, 5, 7)

    expected = F.conv2d(x, layer.weight / 2, layer.bias, padding=1)

    torch.testing.assert_close(layer(x), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("distance", [1e3, 1e20, -3e38])
def test_samples_far_outside_are_zero(distance: float) -> None:
    layer = small_layer()
    offset, mask = torch.full((1, 18, 5, 5), distance), torch.ones(1, 9, 5, 5)

    found = deformable_convolution(torch.rand(1, 4, 5, 5), layer.weight, layer.bias, offset, mask)

    torch.testing.assert_close(found, layer.bias.view(1, -1, 1, 1).expand(1, 6, 5, 5), atol=0, rtol=0)


def test_pictures_of_a_batch_do_not_mix() -> None:
    layer, x = small_layer(), torch.rand(3, 4, 6, 5)

    with torch.no_grad():
        torch.testing.assert_close(layer(x), torch.cat([layer(one[None]) for one in x]))


def test_every_weight_learns() -> None:
    layer = small_layer(cin=2, cout=3).double()
    layer.zero_grad()
    x = torch.rand(1, 2, 4, 5, dtype=torch.float64)

    layer(x).square().sum().backward()

    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        index = (0,) * parameter.dim()
        eps = 1e-6
        with torch.no_grad():
            parameter[index] += eps
            above = layer(x).square().sum()
            parameter[index] -= 2 * eps
            below = layer(x).square().sum()
        slope = (above - below) / (2 * eps)
        torch.testing.assert_close(parameter.grad[index], slope, atol=1e-4, rtol=1e-4)
