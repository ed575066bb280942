"""What the decoder finds in one image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """N objects, sorted by score, best first. Positions are heatmap cells from `decode`, image pixels from `Detector`.

    Attributes:
        class_ids: (N,) int64, index into the schema's classes.
        scores: (N,) float32 final scores in [0, 1], Eq. (1), after soft-NMS where that is on.
        box_scores: (N,) float32 centre scores, blurred where technique 2 is on.
        boxes: (N, 4) float32 x1, y1, x2, y2.
        keypoints: N arrays (P, 2) float32 x, y: the class's landmarks in the class's own order.
        keypoint_scores: N arrays (P,) float32 heatmap values; 0 where a landmark was not refined.
        refined: N arrays (P,) bool: the landmark comes from the heatmap, not from the regression alone.
        keypoints_score: (N,) float32 mean landmark score, ``Score_kps`` of Eq. (1).
    """

    class_ids: npt.NDArray[np.int64]
    scores: FloatArray
    box_scores: FloatArray
    boxes: FloatArray
    keypoints: tuple[FloatArray, ...]
    keypoint_scores: tuple[FloatArray, ...]
    refined: tuple[npt.NDArray[np.bool_], ...]
    keypoints_score: FloatArray

    def __len__(self) -> int:
        return len(self.scores)

    def select(self, index: npt.NDArray[np.int64]) -> Detections:
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
