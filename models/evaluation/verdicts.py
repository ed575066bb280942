"""What becomes of every detection of an evaluation: right, wrong or forgiven, at each of COCO's thresholds.

hotcoco measures; this says of which picture each right and wrong one is, so that pictures can be drawn again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepmark.models.evaluation.assignment import CandidatePairs, assign
from deepmark.models.evaluation.average_precision import Verdicts
from deepmark.models.evaluation.landmark_similarity import LandmarkSimilarity
from deepmark.models.evaluation.metric import MOST_DETECTIONS
from deepmark.models.evaluation.results import ClassResults
from deepmark.models.evaluation.truth import ClassTruth, Kind, Truth
from deepmark.runtime.arrays import F64, Index
from deepmark.runtime.boxes import AREA_GUARD, iou_of_sizes

_AT_A_TIME = 1 << 15  # pairs whose landmarks are compared; bounds the memory


def judge(truth: Truth, results: Sequence[ClassResults], kind: Kind) -> Verdicts:
    """Hold detections against the truth.

    Args:
        truth: items to be found.
        results: a model's detections, one entry per class; each has its own class's landmarks alone.
        kind: landmarks or boxes.
    """
    similarity = LandmarkSimilarity(truth.schema) if kind == "keypoints" else None
    return Verdicts.join(
        [_judge_class(truth, at, found, kind, similarity) for at, found in enumerate(results)],
    )


def _judge_class(
    truth: Truth, class_id: int, found: ClassResults, kind: Kind, similarity: LandmarkSimilarity | None
) -> Verdicts:
    items = truth.classes[class_id]
    positions = np.array(truth.image_ids, np.int64)
    by_id = np.argsort(positions)
    pictures = by_id[np.searchsorted(positions, found.image_ids, sorter=by_id)]
    item_pictures = by_id[np.searchsorted(positions, items.image_ids, sorter=by_id)]
    rows = _counted(pictures, found.scores, MOST_DETECTIONS[kind])
    detection, item = _pairs(pictures[rows], item_pictures)
    if similarity is None:
        ignored = items.ignored
        overlap = iou_of_sizes(
            found.boxes[rows[detection]], items.boxes[item], least_union=AREA_GUARD, of_first=items.ignored[item]
        )
    else:
        ignored = items.ignored | ~np.any(items.keypoints[..., 2] > 0, axis=1)
        overlap = _similarities(similarity, class_id, found, items, rows[detection], item)
    pairs = CandidatePairs(detection, item, overlap)
    right, forgiven = assign(pairs, len(rows), item_pictures, ignored, items.ignored)
    return Verdicts(
        pictures=pictures[rows],
        class_ids=np.full(len(rows), class_id, np.intp),
        scores=found.scores[rows].astype(np.float32),
        right=right,
        forgiven=forgiven,
    )


def _counted(pictures: Index, scores: F64, most: int) -> Index:
    """Give the rows of the best detections of each picture, by picture, best first."""
    order = np.lexsort((-scores, pictures))
    number = np.arange(len(order))
    first = np.diff(pictures[order], prepend=-1) != 0
    rank = number - np.maximum.accumulate(np.where(first, number, 0))
    return order[rank < most]


def _pairs(pictures: Index, item_pictures: Index) -> tuple[Index, Index]:
    """Pair each detection, of ascending pictures, with every item of its picture."""
    by_picture = np.argsort(item_pictures, kind="stable")
    ascending = item_pictures[by_picture]
    start, stop = (np.searchsorted(ascending, pictures, side=side) for side in ("left", "right"))
    counts = stop - start
    detection = np.repeat(np.arange(len(pictures)), counts)
    within = np.arange(len(detection)) - np.repeat(counts.cumsum() - counts, counts)
    return detection, by_picture[start[detection] + within]


def _similarities(
    similarity: LandmarkSimilarity, class_id: int, found: ClassResults, items: ClassTruth, rows: Index, item: Index
) -> F64:
    """Give the OKS of every pair, some at a time."""
    parts = [np.zeros(0)]
    for start in range(0, len(rows), _AT_A_TIME):
        chosen = slice(start, start + _AT_A_TIME)
        own, theirs = rows[chosen], item[chosen]
        parts.append(
            similarity(
                class_id, found.keypoints[own], items.keypoints[theirs], items.boxes[theirs], items.areas[theirs]
            )
        )
    return np.concatenate(parts)
