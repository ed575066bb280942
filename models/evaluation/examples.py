"""The pictures of a data set that went worst and best, drawn: labels on the left, detections on the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from deepmark.models.datasets.deepfashion2 import Dataset
from deepmark.models.evaluation.labelled import as_detections, found_in
from deepmark.models.evaluation.results import ClassResults
from deepmark.runtime.arrays import Image8
from deepmark.runtime.decoding.params import SHOWN_SCORE
from deepmark.runtime.drawing.contact_sheet import fill_tile
from deepmark.runtime.media.picture_file import decode_picture

EACH = 6  # worst, and best
_GAP = 8  # pixels between both halves
_MOST_BYTES = 130_000  # of a JPEG: twelve of them make a page of two megabytes
_QUALITIES = (88, 78, 65, 50, 35)


@dataclass(frozen=True, slots=True)
class Example:
    """A picture with its labels and its detections.

    Attributes:
        image_id: of the picture.
        agreement: see `deepmark.models.evaluation.matching.agreement`.
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
        dataset: opened with its pictures.
        image_id: of the picture.
        results: what was found, one entry per class.
        agreement: how well the picture went.

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
