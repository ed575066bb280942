"""The ten figures that COCO's own evaluation gives for keypoints, and the twelve for boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepmark.models.evaluation.metric import LIMITS, NOTHING, ClassEvaluation
from deepmark.models.evaluation.truth import Kind
from deepmark.runtime.arrays import F64

SIZES: dict[Kind, str] = {"keypoints": "ml", "bbox": "sml"}  # small, medium, large: parted at 32^2 and 96^2 pixels

_AT = {"": slice(None), "50": slice(0, 1), "75": slice(5, 6)}  # of the thresholds


def coco_figures(kind: Kind, classes: Sequence[ClassEvaluation]) -> dict[str, float | None]:
    """Average over classes as COCO does.

    Args:
        kind: landmarks or boxes.
        classes: evaluations of each class.

    Returns:
        Name -> value in [0, 1], in COCO's order: AP, AP50, AP75, AP by size (APs, APm, APl: area of the item in
        pixels), then AR likewise for landmarks, and with 1, 10 and 100 detections a picture and class for boxes. None
        where nothing of a size was to be found.
    """
    precision = np.stack([one.precision for one in classes])  # (C, 10, 101, S)
    recall = np.stack([one.recall for one in classes])  # (C, 10, S, L)
    figures = {f"AP{name}": _mean(precision[:, chosen, :, 0]) for name, chosen in _AT.items()}
    figures |= {f"AP{size}": _mean(precision[..., place]) for place, size in enumerate(SIZES[kind], 1)}
    if kind == "keypoints":
        figures |= {f"AR{name}": _mean(recall[:, chosen, 0]) for name, chosen in _AT.items()}
    else:
        figures |= {f"AR{most}": _mean(recall[:, :, 0, place]) for place, most in enumerate(LIMITS[kind])}
    return figures | {f"AR{size}": _mean(recall[:, :, place, -1]) for place, size in enumerate(SIZES[kind], 1)}


def _mean(values: F64) -> float | None:
    present = values[values > NOTHING]
    return float(present.mean()) if present.size else None
