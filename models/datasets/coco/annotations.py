"""The annotations of COCO's own files: areas of outlines, crowds, persons without a labelled point, empty boxes."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np

from deepmark.errors import DataError
from deepmark.models.datasets.coco.categories import CocoCategories
from deepmark.models.datasets.coco_document import CocoDocument, CocoLabels
from deepmark.models.datasets.deepfashion2.annotation import Annotation, Item, check_flags, check_inside, numbers
from deepmark.runtime.arrays import F64
from deepmark.runtime.media.picture_size import PictureSize

_UNKNOWN = 0  # what DeepFashion2 alone says of an item


class _BoxEntry(msgspec.Struct):
    """An annotation of ``instances_*.json``; its outline, polygons or runs (RLE), is not looked at."""

    category_id: int
    bbox: tuple[float, float, float, float]
    area: float
    iscrowd: Literal[0, 1] | bool = 0  # tools other than COCO's write false


class _PersonEntry(_BoxEntry, kw_only=True):
    """An annotation of ``person_keypoints_*.json``."""

    keypoints: list[float]
    num_keypoints: int


class CocoAnnotations(CocoLabels):
    """The annotations of COCO's own file; each is read when it is asked for.

    Attributes:
        standard: COCO's rules, with the numbers of the categories.
    """

    def __init__(self, document: CocoDocument, categories: CocoCategories) -> None:
        super().__init__(document)
        self.standard = categories.standard
        self._index = {number: at for at, number in enumerate(self.standard.category_ids)}
        self._landmarks = len(categories.schema.classes[0].groups)  # all classes have as many
        self._entry: type[_BoxEntry] = _PersonEntry if self._landmarks else _BoxEntry

    def read(self, image_id: int, size: PictureSize | None) -> Annotation:
        """Read and check the annotations of a picture; ``size`` None for what the file says itself.

        Raises:
            DataError: names the annotation, the field, what it must be and what it is.
        """
        size = size or self._document.picture_size(image_id)
        items = tuple(self._item(entry, where, size) for where, entry in self._document.entries(image_id, self._entry))
        return Annotation(image_id, None, None, items)

    def _item(self, entry: _BoxEntry, where: str, size: PictureSize | None) -> Item:
        if entry.category_id not in self._index:
            raise DataError(f"{where}.category_id {entry.category_id} is not among the categories")
        x, y, width, height = entry.bbox
        if min(width, height, entry.area) < 0:
            raise DataError(
                f"{where}: bbox (x, y, width, height) and area must not be negative, found {numbers(entry.bbox)} and"
                f" {entry.area:g}"
            )
        corners = x, y, x + width, y + height
        if width and height:  # a few of COCO's boxes are empty
            check_inside(corners, f"{where}.bbox", size)
        return Item(
            category_id=self._index[entry.category_id] + 1,
            box=corners,
            landmarks=self._points(entry, where),
            scale=_UNKNOWN,
            occlusion=_UNKNOWN,
            zoom_in=_UNKNOWN,
            viewpoint=_UNKNOWN,
            style=0,
            area=entry.area,
            crowd=bool(entry.iscrowd),
        )

    def _points(self, entry: _BoxEntry, where: str) -> F64:
        """Take the landmarks, (17, 3), or (0, 3) of objects."""
        if not isinstance(entry, _PersonEntry):
            return np.zeros((0, 3))
        if len(entry.keypoints) != 3 * self._landmarks:
            raise DataError(
                f"{where}.keypoints must hold {3 * self._landmarks} numbers, x, y, v for {self._landmarks} landmarks,"
                f" found {len(entry.keypoints)}"
            )
        check_flags(entry.keypoints, f"{where}.keypoints")
        points = np.array(entry.keypoints, np.float64).reshape(-1, 3)
        labelled = np.count_nonzero(points[:, 2])
        if entry.num_keypoints != labelled:
            raise DataError(
                f"{where}.num_keypoints must be the number of landmarks with v > 0, {labelled}, found"
                f" {entry.num_keypoints}"
            )
        return points
