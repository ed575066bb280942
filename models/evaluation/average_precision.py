"""Average precision from what became of each detection; of resampled pictures too, a thousand at a time.

hotcoco measures one set of detections in seconds; a search asks for hundreds and a bootstrap for thousands. This is
the same figure: ten thresholds, 101 recalls, mean over the classes that occur. Tests hold it to hotcoco's within 1e-6,
and what is reported in the end is hotcoco's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepmark.models.evaluation.assignment import THRESHOLDS, BitArray
from deepmark.runtime.arrays import F32, F64, Index

_RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True, slots=True, eq=False)
class Verdicts:
    """What became of n detections; pictures ascend, and within a picture and class the best comes first.

    Attributes:
        pictures: (n,) position of the picture.
        class_ids: (n,) class.
        scores: (n,) float32 score.
        right: (n,) thresholds at which it found an item, as bits; see `assign`.
        forgiven: (n,) thresholds at which it found an item that is ignored, as bits.
    """

    pictures: Index
    class_ids: Index
    scores: F32
    right: BitArray
    forgiven: BitArray

    @classmethod
    def join(cls, parts: Sequence[Verdicts]) -> Verdicts:
        """Put the verdicts of different pictures together."""
        pictures = np.concatenate([one.pictures for one in parts])
        order = np.argsort(pictures, kind="stable")
        return cls(
            pictures=pictures[order],
            class_ids=np.concatenate([one.class_ids for one in parts])[order],
            scores=np.concatenate([one.scores for one in parts])[order],
            right=np.concatenate([one.right for one in parts])[order],
            forgiven=np.concatenate([one.forgiven for one in parts])[order],
        )


def mean_average_precision(verdicts: Verdicts, items: Index, weights: F64 | None = None) -> F64:
    """Compute mAP.

    Args:
        verdicts: verdicts on all detections.
        items: (pictures, classes) number of items to be found.
        weights: (B, pictures) how often each of B resamplings holds each picture; None for every picture once.

    Returns:
        (B,) mean over the classes that occur; NaN where none does.
    """
    if weights is None:
        weights = np.ones((1, len(items)))
    classes = range(items.shape[1])
    per_class = np.stack([_class_mean(verdicts, class_id, items[:, class_id], weights) for class_id in classes])
    present = ~np.isnan(per_class)
    counts = present.sum(axis=0)
    sums = np.where(present, per_class, 0).sum(axis=0)
    return np.where(counts, sums / np.maximum(counts, 1), np.nan)


def _class_mean(verdicts: Verdicts, class_id: int, items: Index, weights: F64) -> F64:
    """Compute the average precision of a class, (B,); NaN where a drawing has none of it to be found."""
    rows = np.flatnonzero(verdicts.class_ids == class_id)
    rows = rows[np.argsort(-verdicts.scores[rows], kind="stable")]
    total = weights @ items.astype(np.float64)
    weight = weights[:, verdicts.pictures[rows]]  # (B, n)
    right, forgiven = verdicts.right[rows], verdicts.forgiven[rows]
    seen = weight.cumsum(axis=1)
    sums = np.zeros(len(weights))
    for threshold in range(len(THRESHOLDS)):
        found = np.flatnonzero(right >> threshold & 1)
        pardons = forgiven >> threshold & 1
        counted = (weight * (1 - pardons)).cumsum(axis=1) if pardons.any() else seen
        sums += _area(weight[:, found].cumsum(axis=1), counted[:, found], total)
    return np.where(total > 0, sums / len(THRESHOLDS), np.nan)


def _area(found: F64, seen: F64, total: F64) -> F64:
    """Average the precision over COCO's recalls, (B,).

    Only right detections can raise recall, so precision is looked at behind each of them and nowhere else.

    Args:
        found: (B, m) number of right detections up to and with the m-th.
        seen: (B, m) number of all detections up to and with the m-th right one.
        total: (B,) number of items to be found.
    """
    share_right = found / np.maximum(seen, 1)
    best_from_here = np.maximum.accumulate(share_right[:, ::-1], axis=1)[:, ::-1]
    reached = np.searchsorted(_RECALLS, found / np.maximum(total, 1)[:, None], side="right")
    steps = np.diff(reached, axis=1, prepend=0)
    area: F64 = (best_from_here * steps).sum(axis=1) / len(_RECALLS)
    return area
