"""What the decoder finds in one image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepmark.runtime.arrays import F32, I64, Mask


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """N objects, sorted by score, best first. Positions are heatmap cells from `decode`, image pixels from `Detector`.

    Attributes:
        class_ids: (N,) int64, index into the schema's classes.
        scores: (N,) float32 final scores in [0, 1], Eq. (1), after soft-NMS if that is on.
        box_scores: (N,) float32 centre scores, blurred if technique 2 is on.
        boxes: (N, 4) float32 x1, y1, x2, y2.
        keypoints: N arrays (P, 2) float32 x, y: the class's landmarks in the class's own order.
        keypoint_scores: N arrays (P,) float32 heatmap values; 0 where a landmark was not refined.
        refined: N arrays (P,) bool: whether a landmark comes from the heatmap, not from the regression alone.
        keypoints_score: (N,) float32 mean landmark score, ``Score_kps`` of Eq. (1).
    """

    class_ids: I64
    scores: F32
    box_scores: F32
    boxes: F32
    keypoints: tuple[F32, ...]
    keypoint_scores: tuple[F32, ...]
    refined: tuple[Mask, ...]
    keypoints_score: F32

    def __len__(self) -> int:
        return len(self.scores)

    def select(self, index: I64) -> Detections:
        """Return the objects with these positions, in this order."""
        return Detections(
            class_ids=self.class_ids[index],
            scores=self.scores[index],
            box_scores=self.box_scores[index],
            boxes=self.boxes[index],
            keypoints=tuple(self.keypoints[i] for i in index),
            keypoint_scores=tuple(self.keypoint_scores[i] for i in index),
            refined=tuple(self.refined[i] for i in index),
            keypoints_score=self.keypoints_score[index],
        )

    @classmethod
    def best_first(cls, parts: Sequence[Detections]) -> Detections:
        """Join the objects of at least one part, best first; equals keep their order."""
        joined = cls(
            class_ids=np.concatenate([one.class_ids for one in parts]),
            scores=np.concatenate([one.scores for one in parts]),
            box_scores=np.concatenate([one.box_scores for one in parts]),
            boxes=np.concatenate([one.boxes for one in parts]),
            keypoints=tuple(points for one in parts for points in one.keypoints),
            keypoint_scores=tuple(scores for one in parts for scores in one.keypoint_scores),
            refined=tuple(refined for one in parts for refined in one.refined),
            keypoints_score=np.concatenate([one.keypoints_score for one in parts]),
        )
        return joined.select(np.argsort(-joined.scores, kind="stable"))
