"""Which garment each detection stands for, across classes: what is confused with what, and how well a picture went.

The metric never compares two classes. Here a picture's detections choose in the order of their scores, each the free
garment of any class with which its box overlaps most, by an IoU of at least .5. What stands for none and lies in a
crowd, which is ignored, is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from deepmark.models.evaluation.results import ClassResults
from deepmark.models.evaluation.truth import Truth
from deepmark.runtime.arrays import F64, I64, Mask
from deepmark.runtime.boxes import AREA_GUARD, iou_of_sizes, landmark_similarity, oks_variances, squared_distances
from deepmark.runtime.decoding.params import SHOWN_SCORE

LOWEST_IOU = 0.5


@dataclass(frozen=True, slots=True)
class ItemIndex:
    """A garment of the truth, or a detection.

    Attributes:
        class_index: 0-based number of the class.
        row: row in the arrays of that class.
    """

    class_index: int
    row: int


@dataclass(frozen=True, slots=True)
class Match:
    """A garment and the detection that stands for it.

    Attributes:
        image_id: number of the picture that both are in.
        expected: the garment; None where a detection stands for none.
        found: the detection; None where a garment was missed.
    """

    image_id: int
    expected: ItemIndex | None
    found: ItemIndex | None


def match(truth: Truth, results: Sequence[ClassResults], *, lowest_score: float = SHOWN_SCORE) -> tuple[Match, ...]:
    """Pair the garments of all pictures with detections.

    Args:
        truth: garments to be found.
        results: detections, one entry per class.
        lowest_score: lowest score of the detections to look at.

    Returns:
        Pictures in order; every garment and every such detection once.
    """
    garments = _by_image((one.image_ids, ~one.ignored) for one in truth.classes)
    detections = _by_image((one.image_ids, one.scores >= lowest_score) for one in results)
    pairs: list[Match] = []
    for image_id in truth.image_ids:
        expected, found = garments.get(image_id, []), detections.get(image_id, [])
        found.sort(key=lambda one: -results[one.class_index].scores[one.row])
        boxes = np.array([results[one.class_index].boxes[one.row] for one in found], np.float64).reshape(-1, 4)
        overlaps = iou_of_sizes(
            np.array([truth.classes[one.class_index].boxes[one.row] for one in expected]).reshape(-1, 1, 4),
            boxes,
        )
        crowds = np.concatenate([one.boxes[one.ignored & (one.image_ids == image_id)] for one in truth.classes])
        everywhere = np.ones((len(found), len(crowds)), np.bool_)
        shares = iou_of_sizes(boxes[:, None], crowds, of_first=everywhere)
        pairs += _match_picture(image_id, expected, found, overlaps, np.any(shares >= LOWEST_IOU, axis=1))
    return tuple(pairs)


def confusion(pairs: Sequence[Match], classes: int) -> I64:
    """Count pairs by class.

    Returns:
        (classes + 1, classes + 1): row = class of the garment, column = class of the detection; the last column counts
        garments that were missed, the last row detections where there is no garment.
    """
    counts = np.zeros((classes + 1, classes + 1), np.int64)
    for pair in pairs:
        row = classes if pair.expected is None else pair.expected.class_index
        column = classes if pair.found is None else pair.found.class_index
        counts[row, column] += 1
    return counts


def agreement(pairs: Sequence[Match], truth: Truth, results: Sequence[ClassResults]) -> dict[int, float]:
    """Tell how well each picture went: mean OKS over its pairs, where a miss, an extra and a wrong class count 0.

    Returns:
        Image id -> [0, 1], for pictures with anything in them; garments without any labelled landmark do not count.
    """
    values: dict[int, list[float]] = {}
    for pair in pairs:
        value = 0.0
        if pair.expected is not None:
            expected = truth.classes[pair.expected.class_index]
            keypoints = expected.keypoints[pair.expected.row]
            if not np.any(keypoints[:, 2] > 0):
                continue
            if pair.found is not None and pair.found.class_index == pair.expected.class_index:
                found = results[pair.found.class_index].keypoints[pair.found.row]
                area = float(expected.areas[pair.expected.row])
                sigmas = np.array(truth.schema.classes[pair.expected.class_index].sigmas)
                value = _oks(keypoints, found.astype(np.float64), area, sigmas)
        values.setdefault(pair.image_id, []).append(value)
    return {image_id: float(np.mean(found)) for image_id, found in values.items()}


def _oks(expected: F64, found: F64, area: float, sigmas: F64) -> float:
    """Compute COCO's OKS of a garment (P, 3) x, y, v with a labelled landmark and a detection's landmarks (P, 2)."""
    labelled = expected[:, 2] > 0
    squared = squared_distances(expected[labelled, :2], found[labelled])
    return float(np.mean(landmark_similarity(squared, area + AREA_GUARD, oks_variances(sigmas[labelled]))))


def _by_image(classes: Iterator[tuple[I64, Mask]]) -> dict[int, list[ItemIndex]]:
    """Sort the chosen rows of all classes by picture: (image ids, chosen) per class."""
    found: dict[int, list[ItemIndex]] = {}
    for index, (image_ids, chosen) in enumerate(classes):
        for row in np.flatnonzero(chosen).tolist():
            found.setdefault(int(image_ids[row]), []).append(ItemIndex(index, row))
    return found


def _match_picture(
    image_id: int, expected: list[ItemIndex], found: list[ItemIndex], overlaps: F64, in_crowd: Mask
) -> Iterator[Match]:
    free = np.ones(len(expected), np.bool_)
    for at, one in enumerate(found):
        reach = np.where(free, overlaps[:, at], -1)
        best = int(reach.argmax()) if len(expected) else -1
        if best >= 0 and reach[best] >= LOWEST_IOU:
            free[best] = False
            yield Match(image_id, expected[best], one)
        elif not in_crowd[at]:
            yield Match(image_id, None, one)
    for at in np.flatnonzero(free).tolist():
        yield Match(image_id, expected[at], None)
