"""What is to be found, picture by picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from deepmark.models.datasets.deepfashion2.annotation import UNLABELLED
from deepmark.models.evaluation.truth import ClassTruth, Truth
from deepmark.runtime.arrays import F64, Index, Mask


@dataclass(frozen=True, slots=True, eq=False)
class PictureItems:
    """The M items of one picture, by class.

    Attributes:
        class_ids: (M,).
        boxes: (M, 4) x, y, width, height in pixels.
        keypoints: M arrays (P, 3) x, y, v, in the class's own order.
        is_unlabelled: (M,) no landmark is labelled: its landmarks need not be found.
    """

    class_ids: Index
    boxes: F64
    keypoints: tuple[F64, ...]
    is_unlabelled: Mask


def by_picture(truth: Truth) -> dict[int, PictureItems]:
    """Sort what is to be found by picture; of pictures without garments too."""
    found: dict[int, list[tuple[int, int]]] = {image_id: [] for image_id in truth.image_ids}
    for class_id, one in enumerate(truth.classes):
        for row, image_id in enumerate(one.image_ids.tolist()):
            found[image_id].append((class_id, row))
    return {image_id: _items(truth, rows) for image_id, rows in found.items()}


def _items(truth: Truth, rows: list[tuple[int, int]]) -> PictureItems:
    keypoints = tuple(truth.classes[class_id].keypoints[row] for class_id, row in rows)
    return PictureItems(
        class_ids=np.array([class_id for class_id, _ in rows], np.intp),
        boxes=np.array([truth.classes[class_id].boxes[row] for class_id, row in rows]).reshape(-1, 4),
        keypoints=keypoints,
        is_unlabelled=np.array([not np.any(one[:, 2] > UNLABELLED) for one in keypoints], np.bool_),
    )


def only_pictures(truth: Truth, image_ids: Iterable[int]) -> Truth:
    """Give what is to be found in some of the pictures."""
    chosen = frozenset(image_ids)
    rows = [np.array([one in chosen for one in part.image_ids.tolist()], np.bool_) for part in truth.classes]
    classes = tuple(
        ClassTruth(
            part.image_ids[keep], part.boxes[keep], part.keypoints[keep], part.attributes[keep], part.ignored[keep]
        )
        for part, keep in zip(truth.classes, rows, strict=True)
    )
    return Truth(truth.schema, tuple(one for one in truth.image_ids if one in chosen), classes)
