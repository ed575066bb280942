"""How well landmarks lie on an item's, as COCO measures it; of items without labelled landmarks too."""

from __future__ import annotations

import numpy as np

from deepmark.models.datasets.deepfashion2.annotation import UNLABELLED
from deepmark.models.evaluation.landmark_layout import class_ranges, sigmas_294
from deepmark.runtime.arrays import F64
from deepmark.runtime.boxes import AREA_GUARD, landmark_similarity, oks_variances, squared_distances
from deepmark.runtime.keypoints.schema import KeypointSchema


class LandmarkSimilarity:
    """Object keypoint similarity (OKS) for the classes of a schema.

    Args:
        schema: classes and sigmas of the data set.
    """

    def __init__(self, schema: KeypointSchema) -> None:
        self._variances = tuple(oks_variances(np.array(one.sigmas)) for one in schema.classes)
        whole = oks_variances(sigmas_294(schema))
        self._others = tuple(np.delete(whole, np.r_[one]) for one in class_ranges(schema))

    def __call__(self, class_id: int, found: F64, keypoints: F64, boxes: F64, areas: F64) -> F64:
        """Compare k detections of one class with an item each.

        Args:
            class_id: index of the class, from 0.
            found: (k, P, 2) landmarks x, y in pixels.
            keypoints: (k, P, 3) the items' landmarks, x, y, v.
            boxes: (k, 4) the items' boxes, x, y, width, height.
            areas: (k,) the items' areas, in square pixels.

        Returns:
            (k,) similarities in [0, 1].
        """
        variance = self._variances[class_id]
        area = areas + AREA_GUARD
        labelled = keypoints[..., 2] > UNLABELLED  # (k, P)
        squared = squared_distances(found, keypoints[..., :2])
        near = np.where(labelled, landmark_similarity(squared, area[:, None], variance, one_by_one=True), 0)
        counts = labelled.sum(axis=1)
        similarity: F64 = near.sum(axis=1) / np.maximum(counts, 1)
        bare = counts == 0
        if bare.any():
            similarity[bare] = self._to_unlabelled(class_id, found[bare], boxes[bare], area[bare, None])
        return similarity

    def _to_unlabelled(self, class_id: int, found: F64, boxes: F64, area: F64) -> F64:
        """Compare with items that have no labelled landmark: how far all landmarks lie outside thrice the box, (k,).

        COCO does so to forgive what is found there. It compares all 294 landmarks; those of other classes are (0, 0).
        """
        own = landmark_similarity(_outside(found, boxes), area, self._variances[class_id], one_by_one=True)  # (k, P)
        origin = np.zeros((len(found), 1, 2))
        others = landmark_similarity(  # (k, 294 - P)
            _outside(origin, boxes), area, self._others[class_id], one_by_one=True
        )
        mean: F64 = np.concatenate([own, others], axis=1).mean(axis=1)
        return mean


def _outside(points: F64, boxes: F64) -> F64:
    """Give squared distances of points (k, P, 2) from a box with its width and height added on each side, (k, P)."""
    low, high = (boxes[:, :2] - boxes[:, 2:])[:, None], (boxes[:, :2] + 2 * boxes[:, 2:])[:, None]
    away = np.maximum(0, low - points) + np.maximum(0, points - high)
    squared: F64 = np.square(away).sum(axis=-1)
    return squared
