"""The refiner's networks: sizes by the table, rendering and expectation by PoseFix's formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from deepmark.models.refiner.network import RefinerGraph, draw_pose, expected_cell, make_refiner

MULTIPLY_ADDS = {  # K = 17, at 256 x 192, in G: counted on PoseFix's own networks
    "resnet18": (15_430_033, 3.552),
    "resnet50": (34_053_009, 6.081),
    "resnet101": (53_045_137, 9.718),
    "resnet152": (68_688_785, 13.354),
}


def _multiply_adds(network: torch.nn.Module, hw: tuple[int, int]) -> int:
    counted: list[int] = []

    def count(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        weight = module.weight
        assert isinstance(weight, torch.Tensor)
        pixels = inputs[0] if isinstance(module, torch.nn.ConvTranspose2d) else output  # transposed: by input pixels
        counted.append(weight.numel() * pixels.shape[2] * pixels.shape[3])

    kinds = (torch.nn.Conv2d, torch.nn.ConvTranspose2d)
    hooks = [one.register_forward_hook(count) for one in network.modules() if isinstance(one, kinds)]
    with torch.device("meta"):
        network.to("meta")(torch.zeros(1, 3, *hw), torch.zeros(1, 17, 3))
    for hook in hooks:
        hook.remove()
    return sum(counted)


@pytest.mark.parametrize("backbone", MULTIPLY_ADDS)
def test_parameters_and_multiply_adds_are_posefix_s(backbone: str) -> None:
    parameters, multiply_adds = MULTIPLY_ADDS[backbone]
    with torch.device("meta"):
        network = make_refiner(backbone, 17, 7.0).eval()

    assert sum(one.numel() for one in network.parameters()) == parameters
    assert round(_multiply_adds(network, (256, 192)) / 1e9, 3) == multiply_adds


@pytest.mark.parametrize(("backbone", "millions"), [("resnet50", 34.21), ("resnet18", 15.58), ("slim", 0.39)])
def test_sixty_two_groups(backbone: str, millions: float) -> None:
    with torch.device("meta"):
        network = make_refiner(backbone, 62, 7.0)

    assert round(sum(one.numel() for one in network.parameters()) / 1e6, 2) == millions


@pytest.mark.parametrize("backbone", ["resnet18", "resnet50", "slim"])
def test_maps_have_a_quarter_of_the_size(backbone: str) -> None:
    network = make_refiner(backbone, 5, 3.0).eval()
    with torch.no_grad():
        logits = network(torch.zeros(2, 3, 96, 64), torch.zeros(2, 5, 3))

    assert logits.shape == (2, 5, 24, 16)


def test_gaussians_are_posefix_s(golden: dict[str, Any]) -> None:
    pose = np.concatenate([golden["hm_coord"], [[1], [1], [1], [0], [1]]], axis=1)[None]

    drawn = draw_pose(torch.from_numpy(pose), (384, 288), 9.0)[0].numpy()

    np.testing.assert_allclose(drawn[:, ::8, ::8].transpose(1, 2, 0), golden["hm_gauss255_small"], atol=1e-3)


def test_a_coarser_drawing_is_every_other_pixel() -> None:
    pose = torch.tensor([[[20.5, 9.0, 1.0], [3.0, 3.0, 0.0]]])

    fine, coarse = draw_pose(pose, (32, 48), 4.0), draw_pose(pose, (32, 48), 4.0, step=2)

    torch.testing.assert_close(coarse, fine[:, :, ::2, ::2])
    assert not coarse[:, 1].any()


def test_expectation_is_posefix_s(golden: dict[str, Any]) -> None:
    logits = torch.from_numpy(golden["integral_logits"].transpose(2, 0, 1)[None]).double()

    found = 4 * expected_cell(logits)[0].numpy()

    np.testing.assert_allclose(found, golden["integral_coord"], atol=1e-3)


def test_a_fresh_slim_network_leaves_landmarks_near_their_place() -> None:
    network = make_refiner("slim", 3, 4.0).eval()
    pose = torch.tensor([[[20.0, 40.0, 1.0], [44.0, 12.0, 1.0], [0.0, 0.0, 0.0]]])
    trust = network.get_parameter("trust")
    torch.nn.init.constant_(trust, 20 / 255)
    with torch.no_grad():
        found = RefinerGraph(network)(torch.full((1, 3, 64, 64), 120.0), pose)

    assert (found[0, :2] - pose[0, :2, :2]).abs().max() < 1
