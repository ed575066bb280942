"""Whether two models see the same objects, measured as the data set's own metric would.

An object is kept if the other model finds one of the same class that the metric would call the same: object keypoint
similarity (OKS, with the schema's sigmas) and overlap of boxes (IoU) of at least `SAME`; where classes have no
landmarks, overlap of boxes alone. That is one rule for every
precision, in the unit that accuracy is measured in. Cells and thresholds of the decoder do not enter: in 8 bits the
centre often moves to the neighbouring cell, and the object is none the worse for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepmark.exporter.objects import SCORE_FLOOR
from deepmark.runtime.arrays import F32, F64
from deepmark.runtime.boxes import iou, landmark_similarity, oks_variances, squared_distances
from deepmark.runtime.detections import Detections
from deepmark.runtime.keypoints.schema import KeypointSchema

SAME = 0.75  # the metric's thresholds are .50 to .95; this is its stricter single one (AP75)
LEAST_EXTENT = 1e-6  # side and union of boxes, in cells


@dataclass(frozen=True, slots=True)
class Agreement:
    """Objects of a picture that two models found.

    Attributes:
        objects: number of objects of both models that score at least `SCORE_FLOOR`.
        kept: number of those that the other model found too.
        landmark_errors: distances of the landmarks of the reference's kept objects, in cells.
        box_errors: distances of the box corners of the same objects, in cells.
    """

    objects: int
    kept: int
    landmark_errors: tuple[float, ...]
    box_errors: tuple[float, ...]


def agree(reference: Detections, other: Detections, schema: KeypointSchema, top_k: int) -> Agreement:
    """Compare what two models found in one picture, both ways: what is lost counts, and what is invented.

    Args:
        reference: objects in cells, before suppression, best first; more than ``top_k``, so that a partner just below
            is seen.
        other: the other model's objects, in cells, before suppression, best first; more than ``top_k``.
        schema: classes and sigmas.
        top_k: largest number of objects that a user gets to see.
    """
    lost = [_partner(reference, i, other, schema) for i in _strong(reference, top_k)]
    invented = [_partner(other, j, reference, schema) for j in _strong(other, top_k)]
    pairs = [(i, j) for i, j in zip(_strong(reference, top_k), lost, strict=True) if j is not None]
    return Agreement(
        objects=len(lost) + len(invented),
        kept=sum(j is not None for j in (*lost, *invented)),
        landmark_errors=tuple(
            float(distance)
            for i, j in pairs
            for distance in np.linalg.norm(reference.keypoints[i] - other.keypoints[j], axis=1)
        ),
        box_errors=tuple(float(d) for i, j in pairs for d in np.abs(reference.boxes[i] - other.boxes[j])),
    )


def _strong(detections: Detections, top_k: int) -> list[int]:
    return [int(i) for i in np.flatnonzero(detections.scores[:top_k] >= SCORE_FLOOR)]


def _partner(one: Detections, i: int, others: Detections, schema: KeypointSchema) -> int | None:
    """Return the object of the same class with the largest OKS, if it is the same one."""
    class_id = int(one.class_ids[i])
    candidates = np.flatnonzero(others.class_ids == class_id)
    if not len(candidates):
        return None
    sigmas = np.array(schema.classes[class_id].sigmas)
    similar = _oks(one.keypoints[i], np.stack([others.keypoints[j] for j in candidates]), one.boxes[i], sigmas)
    boxes = others.boxes[candidates].astype(np.float64)
    similar = np.minimum(similar, iou(one.boxes[i].astype(np.float64), boxes, least_union=LEAST_EXTENT))
    best = int(similar.argmax())
    return int(candidates[best]) if similar[best] >= SAME else None


def _oks(points: F32, others: F32, box: F32, sigmas: F64) -> F64:
    """Return OKS of (P, 2) landmarks with (N, P, 2) others, (N,), as COCO defines it; the area is the box's.

    1 where there are no landmarks to differ.
    """
    if not len(points):
        return np.ones(len(others))
    width, height = np.maximum(box[2:].astype(np.float64) - box[:2], LEAST_EXTENT)
    squared = squared_distances(others.astype(np.float64), points.astype(np.float64))
    similarity: F64 = landmark_similarity(squared, width * height, oks_variances(sigmas)).mean(axis=-1)
    return similarity
