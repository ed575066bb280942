"""CenterNet's losses; equation numbers are those of Zhou et al., "Objects as Points" (arXiv:1904.07850).

``wh``, ``reg`` and ``hps`` are compared with a target at the objects' centre cells only, ``hp_offset`` at landmarks'.
A head's 3x3 convolution needs nine feature vectors for one cell: these are gathered and multiplied, and four of six
dense heads need not be computed. Values and gradients are those of the dense heads.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from deepmark.models.networks import KeypointNetwork, stacks
from deepmark.models.training.batches import TrainingBatch

ALPHA, BETA = 2, 4  # of the focal loss, section 3
LEAST = 1e-4  # probabilities stay in [LEAST, 1 - LEAST], or the logarithm would have no bound
WEIGHTS = {"hm": 1.0, "wh": 0.1, "hps": 1.0, "reg": 1.0, "hm_hp": 1.0, "hp_offset": 1.0}  # Eq. (4), section 5.3

_WINDOW = torch.tensor([(row, column) for row in range(3) for column in range(3)])  # of a 3x3 kernel, row by row


class BatchLosses(nn.Module):
    """A network and its losses in one module, for `torch.nn.parallel.DistributedDataParallel`."""

    def __init__(self, network: KeypointNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: TrainingBatch, entries: Tensor) -> dict[str, Tensor]:
        """Compute `batch_losses`."""
        return batch_losses(self.network, batch, entries)


def batch_losses(network: KeypointNetwork, batch: TrainingBatch, entries: Tensor | None = None) -> dict[str, Tensor]:
    """Compute the loss of each head, unweighted; the regression heads run at the labelled cells only.

    Of a network of several stacks every stack is compared, and a loss is their mean, as CenterNet's.

    Args:
        network: network with all six heads.
        batch: batch on the network's device.
        entries: (6,) what the sums are divided by: `count_entries` of the whole batch where this is a share of it; None
            where it is the whole.
    """
    counts = dict(zip(WEIGHTS, (count_entries(batch) if entries is None else entries).unbind(), strict=True))
    found = [stack_losses(heads, features, batch, counts) for heads, features in stacks(network, batch.images)]
    return {name: torch.stack([losses[name] for losses in found]).mean() for name in WEIGHTS}


def stack_losses(
    heads: nn.Module, features: Tensor, batch: TrainingBatch, counts: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Compute the losses of one stack.

    Args:
        heads: module with a submodule for each of the six heads.
        features: (B, F, h, w) what they read.
        batch: batch on the network's device.
        counts: name of a head -> number that its sum is divided by.
    """
    centres = gather_patches(features, batch.centres)
    landmarks = gather_patches(features, batch.landmarks)
    # In float32 from here on: under autocast the heads are bfloat16, which has no number between .996 and 1.
    hm, hm_hp = (heads.get_submodule(name)(features).float() for name in ("hm", "hm_hp"))
    wh, hps, reg = (run_head(heads.get_submodule(name), centres).float() for name in ("wh", "hps", "reg"))
    hp_offset = run_head(heads.get_submodule("hp_offset"), landmarks).float()
    return {
        "hm": focal_loss(hm, batch.hm, counts["hm"]),
        "wh": l1_loss(wh, batch.wh, count=counts["wh"]),
        "hps": l1_loss(hps, batch.hps, batch.hps_known, counts["hps"]),
        "reg": l1_loss(reg, batch.reg, count=counts["reg"]),
        "hm_hp": focal_loss(hm_hp, batch.hm_hp, counts["hm_hp"]),
        "hp_offset": l1_loss(hp_offset, batch.hp_offset, count=counts["hp_offset"]),
    }


def count_entries(batch: TrainingBatch) -> Tensor:
    """Count what each head's loss is divided by, (6,) in the order of `WEIGHTS`: objects, landmarks or coordinates."""
    counts = {
        "hm": (batch.hm == 1).sum(),
        "wh": batch.wh.numel(),
        "hps": batch.hps_known.sum(),
        "reg": batch.reg.numel(),
        "hm_hp": (batch.hm_hp == 1).sum(),
        "hp_offset": batch.hp_offset.numel(),
    }
    device = batch.images.device
    return torch.stack([torch.as_tensor(counts[name], dtype=torch.float32, device=device) for name in WEIGHTS])


def total_loss(losses: dict[str, Tensor]) -> Tensor:
    """Return the weighted sum, Eq. (4)."""
    return torch.stack([WEIGHTS[name] * loss for name, loss in losses.items()]).sum()


def focal_loss(logits: Tensor, target: Tensor, count: Tensor | None = None) -> Tensor:
    """Compute the penalty-reduced focal loss of a heatmap, Eq. (1).

    With Y the target and P the probability, summed and divided by the number of cells with Y = 1 (at least 1)::

        -(1 - P)^alpha log(P)               where Y = 1
        -(1 - Y)^beta P^alpha log(1 - P)    elsewhere

    Args:
        logits: (B, C, h, w) values before the sigmoid.
        target: (B, C, h, w) values in [0, 1].
        count: number of cells with Y = 1 in the whole batch where this is a share of it; None where it is the whole.
    """
    probability = logits.sigmoid().clamp(LEAST, 1 - LEAST)
    positive = target == 1
    right = torch.where(positive, probability, 1 - probability)  # how much the answer agrees with Y in {0, 1}
    penalty = torch.where(positive, 1.0, (1 - target) ** BETA)
    count = positive.sum() if count is None else count
    return -(penalty * (1 - right) ** ALPHA * right.log()).sum() / count.clamp(min=1)


def l1_loss(found: Tensor, target: Tensor, known: Tensor | None = None, count: Tensor | None = None) -> Tensor:
    """Compute the mean absolute difference of what is known, Eq. (2) and (3); 0 where nothing is.

    Args:
        found: (N, C) values of the network.
        target: (N, C) values to be found.
        known: (N, C) whether a value is known, bool; None where all are.
        count: number of known values in the whole batch where this is a share of it; None where it is the whole.
    """
    known = torch.ones_like(target, dtype=torch.bool) if known is None else known
    count = known.sum() if count is None else count
    return ((found - target).abs() * known).sum() / count.clamp(min=1)


def gather_patches(features: Tensor, cells: Tensor) -> Tensor:
    """Return the 3x3 feature vectors around cells, 0 beyond the map.

    Args:
        features: (B, C, h, w).
        cells: (N, 3) picture, row, column.

    Returns:
        (N, 9, C), row by row.
    """
    padded = functional.pad(features.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))  # (B, h + 2, w + 2, C)
    _, height, width, channels = padded.shape
    window = _WINDOW.to(cells.device)
    rows = cells[:, 1, None] + window[:, 0]  # (N, 9): the padding moved every cell by one
    columns = cells[:, 2, None] + window[:, 1]
    flat = (cells[:, 0, None] * height + rows) * width + columns
    return padded.reshape(-1, channels).index_select(0, flat.reshape(-1)).view(-1, 9, channels)


def run_head(head: nn.Module, patches: Tensor) -> Tensor:
    """Apply one head of `deepmark.models.heads.make_head` to the middle cells of patches.

    Args:
        head: Conv 3x3, ReLU, Conv 1x1; or a single Conv 1x1.
        patches: (N, 9, C) of `gather_patches`.

    Returns:
        (N, channels of the head).
    """
    if isinstance(head, nn.Conv2d):
        return _pointwise(head, patches[:, 4])
    assert isinstance(head, nn.Sequential)
    first, _, last = head
    assert isinstance(first, nn.Conv2d)
    assert isinstance(last, nn.Conv2d)
    kernel = first.weight.permute(0, 2, 3, 1).flatten(1)  # (head_conv, 9 * C), in the order of the patches
    hidden = functional.linear(patches.flatten(1), kernel, first.bias).relu()
    return _pointwise(last, hidden)


def _pointwise(conv: nn.Conv2d, vectors: Tensor) -> Tensor:
    """Apply a 1x1 convolution to vectors, (N, C) -> (N, channels)."""
    return functional.linear(vectors, conv.weight.flatten(1), conv.bias)
