"""DeepFashion2 as the official converter writes it for COCO's tools: all annotations in one JSON file.

Landmarks stand in the layout of all classes, 294 with zeros outside the class's own range. The converter drops scale,
occlusion, zoom-in and viewpoint, so nothing by these can be evaluated from such a file. Others write the same format
one file a class: that is read too.
"""

from __future__ import annotations

import math
from itertools import accumulate

import msgspec
import numpy as np

from deepmark.errors import DataError
from deepmark.models.datasets.coco_document import CocoDocument, CocoLabels
from deepmark.models.datasets.deepfashion2.annotation import (
    Annotation,
    Item,
    check_flags,
    check_inside,
    numbers,
)
from deepmark.models.datasets.deepfashion2.coco_categories import read_categories
from deepmark.models.datasets.standard import DEEPFASHION2
from deepmark.runtime.arrays import F64
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.media.picture_size import PictureSize

_UNKNOWN = 0  # an attribute that the converter dropped


class _Entry(msgspec.Struct):
    category_id: int
    bbox: tuple[float, float, float, float]
    area: float
    iscrowd: int
    keypoints: list[float]
    num_keypoints: int
    pair_id: int | None = None
    style: int | None = 0


class CocoFile(CocoLabels):
    """The annotations of one COCO file; each is read when it is asked for.

    Raises:
        DataError: its categories are other than the schema's.
    """

    standard = DEEPFASHION2

    def __init__(self, document: CocoDocument, schema: KeypointSchema) -> None:
        super().__init__(document)
        self._schema = schema
        self._categories = read_categories(document, schema)
        ends = accumulate(len(one.groups) for one in schema.classes)
        self._ranges = [slice(end - len(one.groups), end) for one, end in zip(schema.classes, ends, strict=True)]

    def read(self, image_id: int, size: PictureSize | None) -> Annotation:
        """Read and check the annotations of a picture; ``size`` None for what the file says itself.

        Raises:
            DataError: names the annotation, the field, what it must be and what it is.
        """
        size = size or self._document.picture_size(image_id)
        items, pair_id = [], None
        for where, entry in self._document.entries(image_id, _Entry):
            items.append(self._item(entry, where, size))
            pair_id = entry.pair_id
        return Annotation(image_id, None, pair_id, tuple(items))

    def _item(self, entry: _Entry, where: str, size: PictureSize | None) -> Item:
        if not 1 <= entry.category_id <= len(self._ranges):
            raise DataError(f"{where}.category_id must be 1-{len(self._ranges)}, found {entry.category_id}")
        if entry.category_id not in self._categories:
            raise DataError(f"{where}.category_id {entry.category_id} is not among the categories")
        if entry.iscrowd != 0:
            raise DataError(f"{where}.iscrowd must be 0, as in the official files, found {entry.iscrowd}")
        return Item(
            category_id=entry.category_id,
            box=_corners(entry, where, size),
            landmarks=self._landmarks(entry, where),
            scale=_UNKNOWN,
            occlusion=_UNKNOWN,
            zoom_in=_UNKNOWN,
            viewpoint=_UNKNOWN,
            style=entry.style or 0,
        )

    def _landmarks(self, entry: _Entry, where: str) -> F64:
        """Take the class's own landmarks, (P, 3), out of the layout; all others must be zeros."""
        landmarks, one = self._schema.num_landmarks, self._schema.classes[entry.category_id - 1]
        if len(entry.keypoints) != 3 * landmarks:
            raise DataError(
                f"{where}.keypoints must hold {3 * landmarks} numbers, x, y, v for {landmarks} landmarks, found"
                f" {len(entry.keypoints)}"
            )
        check_flags(entry.keypoints, f"{where}.keypoints")
        own, points = self._ranges[entry.category_id - 1], np.array(entry.keypoints, np.float64).reshape(-1, 3)
        used = np.flatnonzero(points)
        stray = used[(used < 3 * own.start) | (used >= 3 * own.stop)]
        if stray.size:
            at = int(stray[0])
            raise DataError(
                f"{where}.keypoints[{at}] must be 0: {one.name} has landmarks {own.start + 1}-{own.stop} of"
                f" {landmarks}, found {entry.keypoints[at]:g} of landmark {at // 3 + 1}"
            )
        labelled = np.count_nonzero(points[:, 2])
        if entry.num_keypoints != labelled:
            raise DataError(
                f"{where}.num_keypoints must be the number of landmarks with v > 0, {labelled}, found"
                f" {entry.num_keypoints}"
            )
        return points[own].copy()


def _corners(entry: _Entry, where: str, size: PictureSize | None) -> tuple[float, float, float, float]:
    """Check the box; the metric takes its area, so another one in the file would be another metric."""
    x, y, width, height = entry.bbox
    if width <= 0 or height <= 0:
        raise DataError(f"{where}.bbox is empty: expected x, y, width, height, found {numbers(entry.bbox)}")
    corners = x, y, x + width, y + height
    check_inside(corners, f"{where}.bbox", size)
    if not math.isclose(entry.area, width * height, rel_tol=1e-6):
        raise DataError(f"{where}.area must be width times height of bbox, {width * height:g}, found {entry.area:g}")
    return corners
