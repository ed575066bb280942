"""What ``deepmark detect`` writes for every frame: one JSON object a line.

Positions are pixels of the frame as it is shown (after EXIF rotation), x to the right, y down, rounded to 0.01; scores
are rounded to 0.0001. A keypoint is ``[x, y, score, refined]``; they stand in the order of the class in the model's
schema, whose names ``deepmark detect --json`` and the bundle's manifest tell.
"""

from __future__ import annotations

import msgspec

from deepmark.runtime.detections import Detections
from deepmark.runtime.keypoints.schema import KeypointSchema

Keypoint = tuple[float, float, float, bool]
Box = tuple[float, float, float, float]


class ObjectRecord(msgspec.Struct, frozen=True):
    """One object.

    Attributes:
        class_name: name of the class; in JSON ``class``.
        class_id: 0-based channel of the class.
        score: final score, Eq. (1).
        box: x1, y1, x2, y2 in pixels.
        keypoints: x, y, heatmap value, and whether the heatmap confirmed it (else it is regressed only, with value 0),
            per landmark; empty where the class has none.
    """

    class_name: str = msgspec.field(name="class")
    class_id: int
    score: float
    box: Box
    keypoints: tuple[Keypoint, ...]


class FrameRecord(msgspec.Struct, frozen=True):
    """One frame.

    Attributes:
        source: input as it was given.
        frame: 0-based number of the frame; 0 for a picture.
        seconds: time of the frame since the beginning of its video, or since the first one of a camera, rounded to
            0.001; 0 for a picture.
        width: width in pixels.
        height: height in pixels.
        output: name of the annotated file in the output folder.
        detections: objects, best first.
    """

    source: str
    frame: int
    seconds: float
    width: int
    height: int
    output: str
    detections: tuple[ObjectRecord, ...]


def object_records(detections: Detections, schema: KeypointSchema) -> tuple[ObjectRecord, ...]:
    """Turn the detections of one frame into records."""
    return tuple(
        ObjectRecord(
            class_name=schema.classes[int(detections.class_ids[one])].name,
            class_id=int(detections.class_ids[one]),
            score=round(float(detections.scores[one]), 4),
            box=_box(*detections.boxes[one].tolist()),
            keypoints=tuple(
                (round(x, 2), round(y, 2), round(score, 4), refined)
                for (x, y), score, refined in zip(
                    detections.keypoints[one].tolist(),
                    detections.keypoint_scores[one].tolist(),
                    detections.refined[one].tolist(),
                    strict=True,
                )
            ),
        )
        for one in range(len(detections))
    )


def _box(x1: float, y1: float, x2: float, y2: float) -> Box:
    return round(x1, 2), round(y1, 2), round(x2, 2), round(y2, 2)
