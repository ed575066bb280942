"""What is to be found, picture by picture, and which pictures are searched on and which the search does not see."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from deepmark.errors import DataError
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


def split_pictures(truth: Truth, check_share: float, seed: int) -> tuple[Truth, Truth]:
    """Part the pictures at random: those to search on, and those to check on.

    Args:
        truth: items of all pictures.
        check_share: share of the second part, in (0, 1); each part gets one picture at least.
        seed: seed of the split.

    Raises:
        DataError: a part would have no picture, or no garment with labelled landmarks.
    """
    pictures = len(truth.image_ids)
    if pictures < 2:
        raise DataError(
            f"a search needs at least two pictures, some to search on and some to check on; found {pictures}",
            hint="a few hundred are wanted; `deepmark synth` draws them",
        )
    checked = min(max(round(pictures * check_share), 1), pictures - 1)
    order = np.random.default_rng(seed).permutation(truth.image_ids).tolist()
    parts = only_pictures(truth, order[checked:]), only_pictures(truth, order[:checked])
    for part, purpose in zip(parts, ("search", "check"), strict=True):
        if not labelled_items(part):
            raise DataError(
                f"no garment with labelled landmarks in the pictures to {purpose} on, {len(part.image_ids):,}"
                f" of {pictures:,}",
                hint="more pictures are wanted, or another --seed or --check-share",
            )
    return parts


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


def labelled_items(truth: Truth) -> int:
    """Count the garments whose landmarks are to be found."""
    return sum(int(np.count_nonzero(~one.is_unlabelled & ~one.is_crowd)) for one in by_picture(truth).values())


def truth_sha256(truth: Truth) -> str:
    """Name a data set by what is to be found in it: sha256 (hex) of pictures' numbers, boxes, landmarks."""
    digest = hashlib.sha256(np.array(truth.image_ids, np.int64).tobytes())
    for one in truth.classes:
        for values in (one.image_ids, one.boxes, one.areas, one.keypoints, one.ignored):
            digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def count_items(truth: Truth) -> tuple[Index, Index]:
    """Count what is to be found, (pictures, classes): items with labelled landmarks, and boxes."""
    items, classes = by_picture(truth).values(), len(truth.schema.classes)
    labelled = [np.bincount(one.class_ids[~one.is_unlabelled & ~one.is_crowd], minlength=classes) for one in items]
    return np.array(labelled), np.array([np.bincount(one.class_ids[~one.is_crowd], minlength=classes) for one in items])
