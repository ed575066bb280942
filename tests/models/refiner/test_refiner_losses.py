"""What a refiner's maps shall be, by PoseFix's formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from deepmark.models.refiner.losses import mean_similarity, one_hot_maps, refiner_losses
from deepmark.models.refiner.samples import RefinerBatch


def _batch(truth: list[list[float]], counts: list[bool]) -> RefinerBatch:
    points = torch.tensor([truth])
    return RefinerBatch(
        image=torch.zeros(1, 3, 32, 32),
        pose=torch.cat([points, torch.ones(1, len(truth), 1)], dim=2),
        truth=points,
        counts=torch.tensor([counts]),
        radius=torch.full((1, len(truth)), 2.0),
    )


def test_one_hot_maps_are_posefix_s(golden: dict[str, Any]) -> None:
    cells = torch.from_numpy(golden["hm_coord"] / 4)[None]

    maps = one_hot_maps(cells, (96, 72))[0].numpy().transpose(1, 2, 0)

    np.testing.assert_allclose(maps, golden["hm_onehot"], atol=1e-6)


def test_the_right_map_has_no_loss_of_position_and_the_smallest_of_entropy() -> None:
    batch = _batch([[8.0, 12.0], [20.0, 4.0]], [True, True])
    right = 60 * one_hot_maps(batch.truth / 4, (8, 8))

    losses, worse = refiner_losses(right, batch), refiner_losses(right.flip(3), batch)

    assert losses["point"] < 1e-5
    assert losses["map"] < 1e-5
    assert worse["point"] > 1
    assert worse["map"] > 10


def test_what_does_not_count_has_no_gradient() -> None:
    batch = _batch([[8.0, 12.0], [20.0, 4.0]], [True, False])
    logits = torch.zeros(1, 2, 8, 8, requires_grad=True)

    losses = refiner_losses(logits, batch)
    (losses["map"] + losses["point"]).backward()  # type: ignore[no-untyped-call]

    assert logits.grad is not None
    assert logits.grad[0, 0].any()
    assert not logits.grad[0, 1].any()


def test_similarity_is_oks() -> None:
    batch = _batch([[8.0, 12.0], [20.0, 4.0]], [True, False])

    found = mean_similarity(torch.tensor([[[8.0, 14.0], [0.0, 0.0]]]), batch)

    torch.testing.assert_close(found, torch.exp(torch.tensor(-0.5)))
