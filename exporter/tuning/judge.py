"""Verdicts on ranked detections: which found an item, at which of COCO's thresholds.

How well a detection lies on an item of its class is OKS for landmarks and IoU for boxes, as COCO measures them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepmark.exporter.tuning.staged_picture import Positions, StagedPicture
from deepmark.models.evaluation.assignment import CandidatePairs, assign
from deepmark.models.evaluation.average_precision import Verdicts
from deepmark.models.evaluation.landmark_similarity import LandmarkSimilarity
from deepmark.models.evaluation.metric import MOST_DETECTIONS
from deepmark.models.evaluation.picture_items import PictureItems
from deepmark.models.evaluation.truth import Kind
from deepmark.runtime.arrays import F32, F64, Index, Mask
from deepmark.runtime.boxes import AREA_GUARD, iou_of_sizes
from deepmark.runtime.keypoints.schema import KeypointSchema


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """Detections of all pictures, by picture and class, and within these best first.

    Attributes:
        objects: (n,) index of each detection among the objects of the set.
        scores: (n,) float32 final score.
    """

    objects: Index
    scores: F32


class Judge:
    """Knows all items, and which object can find which: those of its picture and class.

    Args:
        pictures: pictures with their objects.
        items: items of each picture.
        schema: classes and sigmas.

    Attributes:
        candidates: indices of the objects of each picture that can find something, (m,) ascending.
    """

    def __init__(
        self, pictures: Sequence[StagedPicture], items: Sequence[PictureItems], schema: KeypointSchema
    ) -> None:
        self._schema, self._items, self._similarity = schema, items, LandmarkSimilarity(schema)
        self._picture_of = np.repeat(np.arange(len(pictures)), [len(one.class_ids) for one in pictures])
        self._class_ids = np.concatenate([one.class_ids for one in pictures])
        first_item = np.cumsum([0, *(len(one.class_ids) for one in items)])
        first_object = np.cumsum([0, *(len(one.class_ids) for one in pictures)])
        self._item_class = np.concatenate([one.class_ids for one in items])
        self._item_picture = np.repeat(np.arange(len(items)), np.diff(first_item))
        self._item_boxes = np.concatenate([one.boxes for one in items])
        self._item_areas = np.concatenate([one.areas for one in items])
        self._is_crowd = np.concatenate([one.is_crowd for one in items])
        self._is_unlabelled = np.concatenate([one.is_unlabelled for one in items])
        self._keypoints = [points for one in items for points in one.keypoints]
        self.candidates: list[Index] = []
        owners, found = [], []
        for number, (picture, here) in enumerate(zip(pictures, items, strict=True)):
            same = picture.class_ids[:, None] == here.class_ids
            self.candidates.append(np.flatnonzero(same.any(axis=1)))
            owner, item = np.nonzero(same)
            owners.append(owner + first_object[number])
            found.append(item + first_item[number])
        self._owner, self._item = np.concatenate(owners), np.concatenate(found)
        boxes = np.concatenate([one.boxes for one in pictures])[self._owner].astype(np.float64)
        boxes[:, 2:] -= boxes[:, :2]
        self._box_overlaps = iou_of_sizes(
            boxes, self._item_boxes[self._item], least_union=AREA_GUARD, of_first=self._is_crowd[self._item]
        )

    def similarities(self, positions: Sequence[Positions], gamma: float) -> F64:
        """Compare the landmarks of all `candidates` with the items that they can find.

        Args:
            positions: landmarks of each picture's candidates.
            gamma: weight of refined positions, Eq. (3).

        Returns:
            One similarity for each pair of a candidate and an item.
        """
        points = np.concatenate([one.combine(gamma) for one in positions]).astype(np.float64)
        starts = self._point_starts()
        similarity = np.zeros(len(self._owner))
        for class_id, one in enumerate(self._schema.classes):
            rows = np.flatnonzero(self._class_ids[self._owner] == class_id)
            if len(rows):
                found = points[starts[rows][:, None] + np.arange(len(one.groups))]
                keypoints = np.stack([self._keypoints[item] for item in self._item[rows]])
                boxes, areas = self._item_boxes[self._item[rows]], self._item_areas[self._item[rows]]
                similarity[rows] = self._similarity(class_id, found, keypoints, boxes, areas)
        return similarity

    def _point_starts(self) -> Index:
        """Say where the landmarks of each pair's object begin among those of all candidates."""
        lengths = np.array([len(one.groups) for one in self._schema.classes])
        owners, again = np.unique(self._owner, return_inverse=True)  # all candidates, in order
        sizes = lengths[self._class_ids[owners]]
        starts: Index = (sizes.cumsum() - sizes)[again]
        return starts

    def points(self, ranked: Ranked, similarities: F64) -> Verdicts:
        """Judge landmarks."""
        return self._verdicts(ranked, similarities, "keypoints", self._is_unlabelled | self._is_crowd)

    def boxes(self, ranked: Ranked) -> Verdicts:
        """Judge boxes."""
        return self._verdicts(ranked, self._box_overlaps, "bbox", self._is_crowd)

    def _verdicts(self, ranked: Ranked, overlaps: F64, kind: Kind, ignored: Mask) -> Verdicts:
        pictures, class_ids = self._picture_of[ranked.objects], self._class_ids[ranked.objects]
        classes = len(self._schema.classes)
        cell = pictures * classes + class_ids
        number = np.arange(len(cell))
        rank = number - np.maximum.accumulate(np.where(np.diff(cell, prepend=-1) != 0, number, 0))
        counted = rank < MOST_DETECTIONS[kind]
        detection_of = np.full(len(self._picture_of), -1, np.intp)
        detection_of[ranked.objects[counted]] = np.arange(np.count_nonzero(counted))
        detection = detection_of[self._owner]
        close = np.flatnonzero((detection >= 0) & (overlaps >= 0.5))
        close = close[np.argsort(detection[close], kind="stable")]
        pairs = CandidatePairs(detection[close], self._item[close], overlaps[close])
        item_cells = self._item_picture * classes + self._item_class
        right, forgiven = assign(pairs, int(np.count_nonzero(counted)), item_cells, ignored, self._is_crowd)
        return Verdicts(pictures[counted], class_ids[counted], ranked.scores[counted], right, forgiven)
