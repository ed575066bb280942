"""What is to be found, picture by picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from deepmark.models.datasets.deepfashion2.annotation import UNLABELLED
from deepmark.models.evaluation.truth import ClassTruth, Truth
from deepmark.runtime.arrays import F64, Index, Mask


@dataclass(frozen=True, slots=True, eq=False)
class PictureItems:
    """The M items of one picture, by class.

    Attributes:
        class_ids: (M,) class of each item.
        boxes: (M, 4) x, y, width, height in pixels.
        areas: (M,) area in square pixels that landmarks are measured by.
        keypoints: M arrays (P, 3) x, y, v, in the class's own order.
        is_unlabelled: (M,) whether no landmark is labelled, so that landmarks need not be found.
        is_crowd: (M,) whether it need not be found, and may be many times.
    """

    class_ids: Index
    boxes: F64
    areas: F64
    keypoints: tuple[F64, ...]
    is_unlabelled: Mask
    is_crowd: Mask


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
        areas=np.array([truth.classes[class_id].areas[row] for class_id, row in rows], np.float64),
        keypoints=keypoints,
        is_unlabelled=np.array([not np.any(one[:, 2] > UNLABELLED) for one in keypoints], np.bool_),
        is_crowd=np.array([truth.classes[class_id].ignored[row] for class_id, row in rows], np.bool_),
    )


def count_items(truth: Truth) -> tuple[Index, Index]:
    """Count what is to be found, (pictures, classes): items with labelled landmarks, and boxes."""
    items, classes = by_picture(truth).values(), len(truth.schema.classes)
    labelled = [np.bincount(one.class_ids[~one.is_unlabelled & ~one.is_crowd], minlength=classes) for one in items]
    return np.array(labelled), np.array([np.bincount(one.class_ids[~one.is_crowd], minlength=classes) for one in items])


def only_pictures(truth: Truth, image_ids: Iterable[int]) -> Truth:
    """Give what is to be found in some of the pictures."""
    chosen = frozenset(image_ids)
    rows = [np.array([one in chosen for one in part.image_ids.tolist()], np.bool_) for part in truth.classes]
    classes = tuple(
        ClassTruth(
            image_ids=part.image_ids[keep],
            boxes=part.boxes[keep],
            areas=part.areas[keep],
            keypoints=part.keypoints[keep],
            attributes=part.attributes[keep],
            ignored=part.ignored[keep],
        )
        for part, keep in zip(truth.classes, rows, strict=True)
    )
    return replace(truth, image_ids=tuple(one for one in truth.image_ids if one in chosen), classes=classes)
