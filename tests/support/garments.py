"""Detections and detectors made by hand, for tests of what comes after the network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepmark.runtime.arrays import Image8
from deepmark.runtime.detections import Detections
from deepmark.runtime.keypoints.schema import KeypointSchema

Box = tuple[float, float, float, float]

SCHEMA = KeypointSchema.deepfashion2(groups=62)


def garments(boxes: Sequence[Box], class_ids: Sequence[int] | None = None, seed: int = 0) -> Detections:
    """One object a box, with landmarks spread over it, every third one not refined; best first."""
    rng = np.random.default_rng(seed)
    classes = np.array(class_ids if class_ids is not None else [i % 13 for i in range(len(boxes))], np.int64)
    counts = [len(SCHEMA.classes[c].groups) for c in classes]
    corners = np.array(boxes, np.float32).reshape(-1, 4)
    points = [
        (box[:2] + rng.random((count, 2)) * (box[2:] - box[:2])).astype(np.float32)
        for box, count in zip(corners, counts, strict=True)
    ]
    scores = np.linspace(0.9, 0.3, len(boxes)).astype(np.float32)
    return Detections(
        class_ids=classes,
        scores=scores,
        box_scores=scores,
        boxes=corners,
        keypoints=tuple(points),
        keypoint_scores=tuple(np.where(np.arange(n) % 3, 0.5, 0.0).astype(np.float32) for n in counts),
        refined=tuple(np.arange(n) % 3 > 0 for n in counts),
        keypoints_score=scores,
    )


class OneGarment:
    """Stands for a Detector: finds one skirt in the middle of everything, and keeps what it was shown."""

    schema = SCHEMA

    def __init__(self) -> None:
        self.seen: list[Image8] = []

    def __call__(self, image: Image8) -> Detections:
        self.seen.append(image)
        height, width = image.shape[:2]
        return garments([(width / 4, height / 4, width * 3 / 4, height * 3 / 4)], [8])
