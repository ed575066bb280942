"""What people labelled, and what was saved of a detector's finds, as `Detections`, to draw them alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepmark.models.datasets.deepfashion2 import Item
from deepmark.models.datasets.deepfashion2.annotation import UNLABELLED, VISIBLE
from deepmark.models.evaluation.results import ClassResults
from deepmark.runtime.arrays import F32
from deepmark.runtime.detections import Detections


def as_detections(items: Sequence[Item]) -> Detections:
    """Turn labels into detections: visible landmarks count as refined, unlabelled ones and scores are NaN."""
    unknown = np.full(len(items), np.nan, np.float32)
    return Detections(
        class_ids=np.array([item.category_id - 1 for item in items], np.int64),
        scores=unknown,
        box_scores=unknown,
        boxes=np.array([item.box for item in items], np.float32).reshape(-1, 4),
        keypoints=tuple(_labelled(item) for item in items),
        keypoint_scores=tuple(np.ones(len(item.landmarks), np.float32) for item in items),
        refined=tuple(item.landmarks[:, 2] == VISIBLE for item in items),
        keypoints_score=unknown,
    )


def found_in(results: Sequence[ClassResults], image_id: int, lowest_score: float) -> Detections:
    """Take a picture's detections with at least this score, best first; which landmarks were refined is not known."""
    chosen = [
        (float(one.scores[row]), index, row)
        for index, one in enumerate(results)
        for row in np.flatnonzero((one.image_ids == image_id) & (one.scores >= lowest_score)).tolist()
    ]
    chosen.sort(key=lambda entry: -entry[0])
    boxes = np.array([results[index].boxes[row] for _, index, row in chosen], np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    keypoints = tuple(results[index].keypoints[row].astype(np.float32) for _, index, row in chosen)
    scores = np.array([score for score, _, _ in chosen], np.float32)
    return Detections(
        class_ids=np.array([index for _, index, _ in chosen], np.int64),
        scores=scores,
        box_scores=scores,
        boxes=boxes,
        keypoints=keypoints,
        keypoint_scores=tuple(np.ones(len(points), np.float32) for points in keypoints),
        refined=tuple(np.ones(len(points), np.bool_) for points in keypoints),
        keypoints_score=scores,
    )


def _labelled(item: Item) -> F32:
    places = item.landmarks[:, :2].astype(np.float32)
    places[item.landmarks[:, 2] == UNLABELLED] = np.nan
    return places
