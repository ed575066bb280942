"""DeepFashion2 as the official converter writes it for COCO's tools: all annotations in one JSON file.

Landmarks stand in the layout of all classes, 294 with zeros outside the class's own range. The converter drops scale,
occlusion, zoom-in and viewpoint, so nothing by these can be evaluated from such a file. Others write the same format
with picture numbers of their own, paths in ``file_name``, or one file a class: all of that is read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path, PurePath, PureWindowsPath
from typing import Annotated

import msgspec
import numpy as np

from deepmark.errors import DataError
from deepmark.models.datasets.deepfashion2.annotation import (
    Annotation,
    Item,
    check_flags,
    check_inside,
    numbers,
)
from deepmark.models.datasets.deepfashion2.coco_categories import COCO_HINT, read_categories
from deepmark.models.datasets.deepfashion2.json_faults import field_first, why_no_json, without_bom
from deepmark.runtime.arrays import F64
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.media.picture_size import PictureSize

_UNKNOWN = 0  # an attribute that the converter dropped
ImageId = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _Document(msgspec.Struct):
    images: list[msgspec.Raw]
    annotations: list[msgspec.Raw]
    categories: list[msgspec.Raw]


class _Image(msgspec.Struct):
    id: ImageId
    file_name: str | None = None
    width: int | None = None
    height: int | None = None


class _EntryKey(msgspec.Struct):
    """What of an annotation says where it belongs."""

    id: int
    image_id: int


class _Entry(msgspec.Struct):
    category_id: int
    bbox: tuple[float, float, float, float]
    area: float
    iscrowd: int
    keypoints: list[float]
    num_keypoints: int
    pair_id: int | None = None
    style: int | None = 0


class CocoFile:
    """The annotations of one COCO file; each is read when it is asked for.

    Attributes:
        ids: numbers of the pictures, ascending, those without garments too.
        faults: sentences about what is wrong with the lists, before any annotation is read.
        note: sentence about pictures whose ids are not the numbers in their files' names; empty where they are.
        has_attributes: False: scale, occlusion, zoom-in and viewpoint are not known.

    Raises:
        DataError: it cannot be read, is no such file, or its categories are other than the schema's.
    """

    has_attributes = False

    def __init__(self, path: Path, schema: KeypointSchema) -> None:
        self._path, self._schema = path, schema
        document = _read(path)
        self._categories = read_categories(document.categories, str(path), schema)
        ends = accumulate(len(one.groups) for one in schema.classes)
        self._ranges = [slice(end - len(one.groups), end) for one, end in zip(schema.classes, ends, strict=True)]
        faults: list[str] = []
        self._faulty: dict[int, str] = {}  # picture -> what is wrong with its place in the file
        self._images = self._index_images(document.images, faults)
        self._entries = self._index_entries(document.annotations, faults)
        self.ids, self.faults = tuple(sorted(self._images)), tuple(faults)
        self.note = self._other_numbers()

    def label(self, image_id: int) -> str:
        """Give the file, and the picture's number."""
        return f"{self._path}: image {image_id}"

    def picture_name(self, image_id: int) -> str | None:
        """Give the name of a picture's file, without folders; None where the file does not say."""
        name = self._images[image_id].file_name
        return None if name is None else _base_name(name)

    def read(self, image_id: int, size: PictureSize | None) -> Annotation:
        """Read and check the annotations of a picture; ``size`` None for what the file says itself.

        Raises:
            DataError: names the annotation, the field, what it must be and what it is.
        """
        image = self._images[image_id]
        if size is None and image.width is not None and image.height is not None:
            size = PictureSize(image.height, image.width)
        if image_id in self._faulty:
            raise DataError(self._faulty[image_id])
        items, pair_id = [], None
        for at, raw in self._entries[image_id]:
            item, pair_id = self._item(raw, f"{self._path}: annotations[{at}]", size)
            items.append(item)
        return Annotation(image_id, None, pair_id, tuple(items))

    def _index_images(self, raws: Sequence[msgspec.Raw], faults: list[str]) -> Mapping[int, _Image]:
        found: dict[int, _Image] = {}
        for at, raw in enumerate(raws):
            where = f"{self._path}: images[{at}]"
            try:
                image = msgspec.json.decode(raw, type=_Image)
            except msgspec.ValidationError as error:
                faults.append(f"{where}.{field_first(error)}")
                continue
            if image.id in found:
                faults.append(f"{where}.id is {image.id}, as that of an image before it")
            elif image.file_name is not None and not _base_name(image.file_name):
                faults.append(f"{where}.file_name must be the name of a picture, found {image.file_name!r}")
            else:
                found[image.id] = image
        return found

    def _other_numbers(self) -> str:
        for image_id in self.ids:
            name = self.picture_name(image_id)
            if name is not None and picture_number(name) not in {image_id, None}:
                return (
                    f"{self._path}: the numbers of its pictures are not those in their names (image {image_id} is"
                    f" {name}); detections must have the numbers of this file"
                )
        return ""

    def _index_entries(
        self, raws: Sequence[msgspec.Raw], faults: list[str]
    ) -> Mapping[int, Sequence[tuple[int, msgspec.Raw]]]:
        """Give each picture its annotations, with their positions in the file."""
        entries: dict[int, list[tuple[int, msgspec.Raw]]] = {image_id: [] for image_id in self._images}
        seen: set[int] = set()
        for at, raw in enumerate(raws):
            where = f"{self._path}: annotations[{at}]"
            try:
                key = msgspec.json.decode(raw, type=_EntryKey)
            except msgspec.ValidationError as error:
                faults.append(f"{where}.{field_first(error)}")
                continue
            if key.image_id not in entries:
                faults.append(f"{where}.image_id {key.image_id} is not among the images")
                continue
            if key.id in seen:
                self._faulty[key.image_id] = f"{where}.id is {key.id}, as that of an annotation before it"
            seen.add(key.id)
            entries[key.image_id].append((at, raw))
        return entries

    def _item(self, raw: msgspec.Raw, where: str, size: PictureSize | None) -> tuple[Item, int | None]:
        """Check an annotation; return it with its pair id."""
        try:
            entry = msgspec.json.decode(raw, type=_Entry)
        except msgspec.ValidationError as error:
            raise DataError(f"{where}.{field_first(error)}") from error
        if not 1 <= entry.category_id <= len(self._ranges):
            raise DataError(f"{where}.category_id must be 1-{len(self._ranges)}, found {entry.category_id}")
        if entry.category_id not in self._categories:
            raise DataError(f"{where}.category_id {entry.category_id} is not among the categories")
        if entry.iscrowd != 0:
            raise DataError(f"{where}.iscrowd must be 0, as in the official files, found {entry.iscrowd}")
        item = Item(
            category_id=entry.category_id,
            box=_corners(entry, where, size),
            landmarks=self._landmarks(entry, where),
            scale=_UNKNOWN,
            occlusion=_UNKNOWN,
            zoom_in=_UNKNOWN,
            viewpoint=_UNKNOWN,
            style=entry.style or 0,
        )
        return item, entry.pair_id

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


def _read(path: Path) -> _Document:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    content = without_bom(content)
    try:
        return msgspec.json.decode(content, type=_Document)
    except msgspec.ValidationError as error:
        raise DataError(f"{path}: {field_first(error)}", hint=COCO_HINT) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{path}: {why_no_json(content, error)}", hint=COCO_HINT) from error


def _base_name(path: str) -> str:
    return PureWindowsPath(path).name  # takes both kinds of separators


def picture_number(name: str) -> int | None:
    """Give the number in the name of a picture's file; None where the name is no number."""
    stem = PurePath(name).stem
    return int(stem) if stem.isascii() and stem.isdigit() else None
