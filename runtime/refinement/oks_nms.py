"""Suppression of objects whose landmarks lie where a better one's of their class do (COCO's and PoseFix's OKS-NMS)."""

from __future__ import annotations

import numpy as np

from deepmark.runtime.arrays import I64
from deepmark.runtime.boxes import landmark_similarity, oks_variances, squared_distances
from deepmark.runtime.detections import Detections
from deepmark.runtime.keypoints.schema import KeypointSchema

PERSONS = 0.9  # PoseFix's, for COCO


def oks_nms(found: Detections, schema: KeypointSchema, threshold: float) -> Detections:
    """Let the best object of a class remove those whose OKS to it is above ``threshold``, and so on.

    As in COCO's tools for results: the area of two boxes is the mean of both.

    Args:
        found: N objects, best first, in pixels.
        schema: classes and landmarks.
        threshold: similarity, in [0, 1].
    """
    left = list(range(len(found)))
    kept: list[int] = []
    areas = np.maximum(found.boxes[:, 2:] - found.boxes[:, :2], 0).astype(np.float64).prod(axis=1)
    while left:
        best, *others = left
        kept.append(best)
        left = [other for other in others if _similarity(found, schema, areas, best, other) <= threshold]
    return found.select(np.array(kept, np.int64))


def _similarity(found: Detections, schema: KeypointSchema, areas: np.ndarray, one: int, other: int) -> float:
    class_ids: I64 = found.class_ids
    if class_ids[one] != class_ids[other]:
        return 0.0
    variances = oks_variances(np.array(schema.classes[int(class_ids[one])].sigmas))
    squared = squared_distances(found.keypoints[one].astype(np.float64), found.keypoints[other].astype(np.float64))
    area = (areas[one] + areas[other]) / 2 + np.spacing(1)
    return float(landmark_similarity(squared, area, variances).mean())
