"""Precision at every threshold and recall, averaged over the classes: what mAP is the mean of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepmark.models.evaluation.metric import ClassMetric
from deepmark.models.evaluation.results import ClassResults
from deepmark.models.evaluation.truth import Truth
from deepmark.runtime.arrays import F64

THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))  # of OKS for landmarks, of IoU for boxes
RECALLS = tuple(step / 100 for step in range(101))


@dataclass(frozen=True, slots=True, eq=False)
class PrecisionCurves:
    """Precision in [0, 1], (10 `THRESHOLDS`, 101 `RECALLS`): the mean of the classes that are in the data set.

    Attributes:
        points: of landmarks; its mean is mAP_pt. None where there is nothing to be found.
        boxes: of boxes; its mean is mAP_box.
    """

    points: F64 | None
    boxes: F64 | None


def measure_curves(truth: Truth, results: Sequence[ClassResults]) -> PrecisionCurves:
    """Hold detections against the truth, as `deepmark.models.evaluation.report.measure` does.

    Raises:
        DeepMarkError: hotcoco is not installed.
    """
    points, boxes = [], []
    for index, (expected, found) in enumerate(zip(truth.classes, results, strict=True)):
        metric = ClassMetric(found, expected.image_ids, index, truth.schema)
        curves = metric.curves(expected, ("keypoints", "bbox"))
        points.append(curves["keypoints"])
        boxes.append(curves["bbox"])
    return PrecisionCurves(_mean(points), _mean(boxes))


def _mean(curves: Sequence[F64 | None]) -> F64 | None:
    present = [one for one in curves if one is not None]
    return np.mean(present, axis=0) if present else None
