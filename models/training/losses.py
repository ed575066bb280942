"""CenterNet's losses; equation numbers are those of Zhou et al., "Objects as Points" (arXiv:1904.07850)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from deepmark.models.mdla34 import MDLA34
from deepmark.models.training.batches import TrainingBatch
from deepmark.models.training.sparse_heads import gather_patches, run_head

ALPHA, BETA = 2, 4  # of the focal loss, section 3
LEAST = 1e-4  # probabilities stay in [LEAST, 1 - LEAST], or the logarithm would have no bound
WEIGHTS = {"hm": 1.0, "wh": 0.1, "hps": 1.0, "reg": 1.0, "hm_hp": 1.0, "hp_offset": 1.0}  # Eq. (4), section 5.3


class BatchLosses(nn.Module):
    """A network and its losses in one module, for `torch.nn.parallel.DistributedDataParallel`."""

    def __init__(self, network: MDLA34) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: TrainingBatch, entries: Tensor) -> dict[str, Tensor]:
        """Compute `batch_losses`."""
        return batch_losses(self.network, batch, entries)


def batch_losses(network: MDLA34, batch: TrainingBatch, entries: Tensor | None = None) -> dict[str, Tensor]:
    """Compute the loss of each head, unweighted; the regression heads run at the labelled cells only.

    Args:
        network: with all six heads.
        batch: on the network's device.
        entries: (6,) what the sums are divided by: `count_entries` of the whole batch where this is a share of it.
    """
    features = network.features(batch.images)
    centres = gather_patches(features, batch.centres)
    landmarks = gather_patches(features, batch.landmarks)
    # In float32 from here on: under autocast the heads are bfloat16, which has no number between .996 and 1.
    hm, hm_hp = (network.get_submodule(name)(features).float() for name in ("hm", "hm_hp"))
    wh, hps, reg = (run_head(network.get_submodule(name), centres).float() for name in ("wh", "hps", "reg"))
    hp_offset = run_head(network.get_submodule("hp_offset"), landmarks).float()
    counts = dict(zip(WEIGHTS, (count_entries(batch) if entries is None else entries).unbind(), strict=True))
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
        logits: (B, C, h, w), before the sigmoid.
        target: the same shape, in [0, 1].
        count: of cells with Y = 1 in the whole batch where this is a share of it.
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
        found: (N, C).
        target: (N, C).
        known: (N, C) bool; None: everything.
        count: of what is known in the whole batch where this is a share of it.
    """
    known = torch.ones_like(target, dtype=torch.bool) if known is None else known
    count = known.sum() if count is None else count
    return ((found - target).abs() * known).sum() / count.clamp(min=1)
