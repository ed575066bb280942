"""What a refiner's maps shall be, and how far they are from it: PoseFix's pair of losses, coarse and fine."""

from __future__ import annotations

import torch
from torch import Tensor

from deepmark.models.refiner.network import expected_cell
from deepmark.models.refiner.samples import RefinerBatch
from deepmark.runtime.heads.maps import STRIDE


def one_hot_maps(cells: Tensor, size: tuple[int, int]) -> Tensor:
    """Spread each position over the four cells around it, bilinearly; beyond the last cell all of it is the last's.

    Args:
        cells: (B, K, 2) x, y in cells.
        size: height and width of the maps, in cells.

    Returns:
        (B, K, h, w), whose maps have the sum 1.
    """
    height, width = size
    return _tent(cells[..., 1], height)[..., None] * _tent(cells[..., 0], width)[..., None, :]


def _tent(position: Tensor, length: int) -> Tensor:
    """Return the shares (..., length) of the two cells around a position."""
    cells = torch.arange(length, dtype=position.dtype, device=position.device)
    return (1 - (position.clamp(0, length - 1)[..., None] - cells).abs()).clamp(min=0)


def refiner_losses(logits: Tensor, batch: RefinerBatch) -> dict[str, Tensor]:
    """Compute cross-entropy (``map``) and L1 in cells (``point``), means over all channels of all objects.

    A channel that does not count has no loss, but is counted, as in PoseFix.

    Args:
        logits: (B, K, h, w) of the network.
        batch: what it was asked.
    """
    counts = batch.counts.to(logits)
    cells = batch.truth / STRIDE
    wanted = one_hot_maps(cells, (int(logits.shape[2]), int(logits.shape[3])))
    entropy = -(wanted.flatten(2) * torch.log_softmax(logits.flatten(2), dim=2)).sum(dim=2)
    distance = (expected_cell(logits) - cells).abs().mean(dim=2)
    return {"map": (entropy * counts).mean(), "point": (distance * counts).mean()}


def mean_similarity(points: Tensor, batch: RefinerBatch) -> Tensor:
    """Return the mean OKS of the landmarks that count, of (B, K, 2) positions in input pixels."""
    squared = (points - batch.truth).square().sum(dim=2)
    similarity = torch.exp(-squared / (2 * batch.radius.square()))
    counts = batch.counts.to(similarity)
    return (similarity * counts).sum() / counts.sum().clamp(min=1)
