"""mDLA-34: CenterNet's names, the paper's size, the public reference's numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoints import key_shapes
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from deepmark.models import LoadedNetwork
from deepmark.models.mdla34 import DEAD, MDLA34, upsampling
from deepmark.models.places import Place
from deepmark.runtime.keypoints.head_names import HEAD_ORDER, OPTIONAL_HEADS, head_channels
from deepmark.runtime.manifest import Preprocess

ATOL, RTOL = 1e-3, 1e-4  # the acceptance of raw heads against the public reference


def on_meta(classes: int, groups: int, place: Place) -> MDLA34:
    with torch.device("meta"):
        return MDLA34(head_channels(classes, groups), place=place)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("classes", "groups", "place", "parameters"),
    [(13, 62, "plain", 19_512_061), (13, 294, "plain", 19_690_933), (13, 62, "plain-nobias", 19_510_397)],
)
def test_it_has_as_many_parameters_as_the_paper_counts(
    classes: int, groups: int, place: Place, parameters: int
) -> None:
    assert count(on_meta(classes, groups, place)) == parameters


@pytest.mark.parametrize(("name", "place"), [("swap", "plain"), ("swap_nobias", "plain-nobias"), ("dcn", "deformable")])
def test_its_tensors_are_centernets_without_the_classifier(name: str, place: Place) -> None:
    ours = {key: tuple(tensor.shape) for key, tensor in on_meta(13, 62, place).state_dict().items()}
    theirs = {key: shape for key, shape in key_shapes(name).items() if not key.startswith("base.fc.")}
    assert ours == theirs


@pytest.mark.slow
@pytest.mark.parametrize(("fixture", "golden"), [("swap", "net_swap_128.npz"), ("swap_nobias", "net_nobias_64.npz")])
def test_its_raw_heads_are_those_of_the_public_reference(
    fixture: str, golden: str, data: Path, request: pytest.FixtureRequest
) -> None:
    loaded: LoadedNetwork = request.getfixturevalue(fixture)
    expected = np.load(data / golden)
    preprocess = Preprocess()
    normalised = (expected["image_bgr_u8"] / 255 - preprocess.mean) / preprocess.std
    image = torch.from_numpy(normalised.transpose(2, 0, 1)[None].astype(np.float32))

    heads = loaded.eval()(image)

    assert tuple(heads) == HEAD_ORDER
    for name, head in heads.items():
        np.testing.assert_allclose(head.numpy(), expected[name], atol=ATOL, rtol=RTOL, err_msg=name)


@pytest.mark.slow
@settings(deadline=None, max_examples=10)
@given(
    classes=st.integers(1, 40),
    groups=st.integers(1, 300),
    head_conv=st.sampled_from([0, 1, 64, 256]),
    optional=st.sets(st.sampled_from(OPTIONAL_HEADS)),
    cells=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_any_counts_heads_and_sizes_give_maps_at_a_quarter_of_the_resolution(
    classes: int, groups: int, head_conv: int, optional: set[str], cells: tuple[int, int]
) -> None:
    heads = head_channels(classes, groups, optional=optional)
    with torch.device("meta"):
        network = MDLA34(heads, head_conv=head_conv).eval()
        outputs = network(torch.empty(2, 3, 32 * cells[0], 32 * cells[1]))

    expected = {name: (2, channels, 8 * cells[0], 8 * cells[1]) for name, channels in heads.items()}
    assert {name: tuple(output.shape) for name, output in outputs.items()} == expected
    assert list(outputs) == [name for name in HEAD_ORDER if name in heads]


@pytest.mark.slow
def test_the_dead_projections_do_not_reach_any_head() -> None:
    network = MDLA34(head_channels(1, 1), head_conv=0).eval()
    image = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        before = network(image)
        for name, tensor in network.named_parameters():
            if name.startswith(DEAD):
                tensor.fill_(torch.nan)
        after = network(image)

    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_fresh_network_expects_empty_heatmaps() -> None:
    network = MDLA34(head_channels(2, 3), head_conv=8)
    bias = {name: network.get_parameter(f"{name}.2.bias") for name in HEAD_ORDER}

    for name, values in bias.items():
        expected = -2.19 if name in {"hm", "hm_hp"} else 0.0
        assert torch.equal(values, torch.full_like(values, expected))


@pytest.mark.parametrize("factor", [2, 4])
def test_upsampling_starts_as_bilinear_interpolation(factor: int) -> None:
    image = torch.rand(1, 2, 6, 6)
    with torch.no_grad():
        raised = upsampling(2, factor)(image)
    expected = nn.functional.interpolate(image, scale_factor=factor, mode="bilinear", align_corners=False)

    inside = slice(factor, -factor)  # at the border one extends the picture and the other fades to zero
    torch.testing.assert_close(raised[..., inside, inside], expected[..., inside, inside])
