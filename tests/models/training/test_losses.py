"""The losses by their formulas, and the whole loss of a network against its dense heads."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from deepmark.models.datasets.drawings import draw
from deepmark.models.mdla34 import MDLA34
from deepmark.models.training.batch_plan import BatchPlan
from deepmark.models.training.batches import TrainingBatch, collate
from deepmark.models.training.losses import batch_losses, focal_loss, l1_loss, total_loss
from deepmark.models.training.samples import TrainingSamples
from deepmark.runtime.keypoints.head_names import HEAD_ORDER, head_channels
from deepmark.runtime.keypoints.schema import KeypointSchema

SCHEMA = KeypointSchema.deepfashion2(62)


@pytest.fixture(scope="module")
def batch() -> TrainingBatch:
    drawings = [draw(5, index, 64) for index in range(2)]
    samples = TrainingSamples(
        [(d.image_bgr_u8, d.items) for d in drawings], SCHEMA, BatchPlan.of_one_size(2, (64, 64)), augment=None
    )
    return collate([samples[0], samples[1]])


def test_the_focal_loss_is_equation_1() -> None:
    rng = np.random.default_rng(0)
    logits, target = rng.normal(0, 2, (2, 3, 4, 5)), rng.uniform(0, 0.99, (2, 3, 4, 5))
    target[0, 0, 0, 0] = target[1, 2, 3, 4] = 1
    expected = 0.0
    for x, y in zip(logits.ravel(), target.ravel(), strict=True):
        p = min(max(1 / (1 + math.exp(-x)), 1e-4), 1 - 1e-4)
        expected -= (1 - p) ** 2 * math.log(p) if y == 1 else (1 - y) ** 4 * p**2 * math.log(1 - p)
    found = focal_loss(torch.tensor(logits), torch.tensor(target))
    assert found.item() == pytest.approx(expected / 2, rel=1e-9)


def test_a_heatmap_without_objects_is_not_divided_by_zero() -> None:
    loss = focal_loss(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2))
    assert loss.item() == pytest.approx(4 * 0.25 * math.log(2))


@pytest.mark.parametrize("logit", [-200.0, 200.0])
def test_certain_answers_have_a_finite_loss(logit: float) -> None:
    logits = torch.full((1, 1, 2, 2), logit, requires_grad=True)
    target = torch.tensor([[[[0.0, 1.0], [0.5, 0.0]]]])
    loss = focal_loss(logits, target)
    torch.autograd.backward(loss)
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_l1_is_the_mean_over_what_is_known() -> None:
    found, target = torch.tensor([[1.0, 5.0], [2.0, 2.0]]), torch.zeros(2, 2)
    assert l1_loss(found, target).item() == 2.5
    assert l1_loss(found, target, torch.tensor([[True, False], [False, True]])).item() == 1.5
    assert l1_loss(found, target, torch.zeros(2, 2, dtype=torch.bool)).item() == 0
    assert l1_loss(found[:0], target[:0]).item() == 0


def _dense_losses(network: MDLA34, batch: TrainingBatch) -> dict[str, Tensor]:
    heads: dict[str, Tensor] = network(batch.images)

    def read(name: str, cells: Tensor) -> Tensor:
        picture, row, column = cells.T
        return heads[name][picture, :, row, column]

    return {
        "hm": focal_loss(heads["hm"], batch.hm),
        "wh": l1_loss(read("wh", batch.centres), batch.wh),
        "hps": l1_loss(read("hps", batch.centres), batch.hps, batch.hps_known),
        "reg": l1_loss(read("reg", batch.centres), batch.reg),
        "hm_hp": focal_loss(heads["hm_hp"], batch.hm_hp),
        "hp_offset": l1_loss(read("hp_offset", batch.landmarks), batch.hp_offset),
    }


def test_a_picture_without_garments_has_finite_losses() -> None:
    samples = TrainingSamples(
        [(draw(5, 0, 64).image_bgr_u8, ())], SCHEMA, BatchPlan.of_one_size(1, (64, 64)), augment=None
    )
    losses = batch_losses(MDLA34(head_channels(13, 62)), collate([samples[0]] * 2))
    assert losses["hm"].item() > 0
    assert [losses[name].item() for name in ("wh", "hps", "reg", "hp_offset")] == [0, 0, 0, 0]


@pytest.mark.slow
def test_the_networks_losses_and_gradients_equal_those_of_dense_heads(batch: TrainingBatch) -> None:
    torch.manual_seed(1)
    network = MDLA34(head_channels(13, 62), head_conv=32).eval()  # eval: the same statistics both times
    parameters = {name: p for name, p in network.named_parameters() if "project" not in name or "level" not in name}
    used = [p for name, p in parameters.items()]

    sparse, dense = batch_losses(network, batch), _dense_losses(network, batch)
    assert tuple(sparse) == HEAD_ORDER
    for name in HEAD_ORDER:
        torch.testing.assert_close(sparse[name], dense[name], rtol=1e-5, atol=1e-6)
    expected: tuple[Tensor | None, ...] = torch.autograd.grad(total_loss(dense), used, allow_unused=True)
    found: tuple[Tensor | None, ...] = torch.autograd.grad(total_loss(sparse), used, allow_unused=True)
    for name, ours, theirs in zip(parameters, found, expected, strict=True):
        assert (ours is None) == (theirs is None), name
        if ours is not None and theirs is not None:
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5 * max(1.0, theirs.abs().max().item()))


def test_the_first_loss_is_that_of_an_untrained_heatmap(batch: TrainingBatch) -> None:
    torch.manual_seed(0)
    network = MDLA34(head_channels(13, 62))
    losses = batch_losses(network, batch)
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert 1 < losses["hm"].item() < 60
    assert total_loss(losses).item() == pytest.approx(
        sum((0.1 if name == "wh" else 1) * loss.item() for name, loss in losses.items()), rel=1e-6
    )
