"""Pictures of a data set with labels and detections drawn alike; the worst and the best of an evaluation.

Both become `Detections`: what people labelled (`as_detections`), and what was saved of a detector's finds (`found_in`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from deepmark.models.datasets.deepfashion2 import Dataset, Item
from deepmark.models.datasets.deepfashion2.annotation import UNLABELLED, VISIBLE
from deepmark.models.evaluation.results import ClassResults
from deepmark.runtime.arrays import F32, Image8
from deepmark.runtime.decoding.params import SHOWN_SCORE
from deepmark.runtime.detections import Detections
from deepmark.runtime.drawing.contact_sheet import fill_tile
from deepmark.runtime.media.picture_file import decode_picture

EACH = 6  # worst, and best
_GAP = 8  # pixels between both halves
_MOST_BYTES = 130_000  # of a JPEG: twelve of them make a page of two megabytes
_QUALITIES = (88, 78, 65, 50, 35)


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
    points = item.landmarks[:, :2].astype(np.float32)
    points[item.landmarks[:, 2] == UNLABELLED] = np.nan
    return points


@dataclass(frozen=True, slots=True)
class Example:
    """A picture with its labels and its detections.

    Attributes:
        image_id: number of the picture.
        agreement: mean OKS of the picture's garments, see `deepmark.models.evaluation.matching.agreement`.
        jpeg: content of a JPEG file.
    """

    image_id: int
    agreement: float
    jpeg: bytes


def choose(agreement: Mapping[int, float], each: int = EACH) -> tuple[list[int], list[int]]:
    """Pick the pictures that went worst, worst first, and those that went best, best first; none is in both."""
    ranked = sorted(agreement, key=lambda image_id: (agreement[image_id], image_id))
    worst = ranked[: min(each, len(ranked) // 2)]
    return worst, ranked[::-1][: min(each, len(ranked) - len(worst))]


def draw_example(dataset: Dataset, image_id: int, results: Sequence[ClassResults], agreement: float) -> Example:
    """Draw a picture twice.

    Args:
        dataset: data set, opened with its pictures.
        image_id: number of the picture.
        results: detections, one entry per class.
        agreement: mean OKS of the picture's garments.

    Raises:
        DataError: it cannot be read.
    """
    content, source = dataset.picture(image_id)
    image = decode_picture(content, source=source)
    halves = (as_detections(dataset.annotation(image_id).items), found_in(results, image_id, SHOWN_SCORE))
    tiles = [fill_tile(image, one, dataset.schema) for one in halves]
    return Example(image_id, agreement, _jpeg(_beside(*tiles)))


def _beside(left: Image8, right: Image8) -> Image8:
    gap = np.full((len(left), _GAP, 3), 127, np.uint8)  # neither light nor dark
    return np.hstack([left, gap, right])


def _jpeg(image: Image8) -> bytes:
    """Encode as well as `_MOST_BYTES` allow, or as small as looks fair."""
    import cv2

    content = b""
    for quality in _QUALITIES:
        content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(content) <= _MOST_BYTES:
            break
    return content
