"""One annotation file: JSON in, checked items out; what is wrong is named by file and field."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np

from deepmark.errors import DataError
from deepmark.models.datasets.json_faults import field_first, why_no_json, without_bom
from deepmark.runtime.arrays import F64
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.media.picture_size import PictureSize

ATTRIBUTES = ("scale", "occlusion", "zoom_in", "viewpoint")
UNLABELLED, OCCLUDED, VISIBLE = 0, 1, 2  # a landmark's v
_FLAGS = frozenset((UNLABELLED, OCCLUDED, VISIBLE))

CONVERTER_NAMES = {  # class -> its name in the official COCO converter; the annotation files have the first
    "short sleeve top": "short_sleeved_shirt",
    "long sleeve top": "long_sleeved_shirt",
    "short sleeve outwear": "short_sleeved_outwear",
    "long sleeve outwear": "long_sleeved_outwear",
    "short sleeve dress": "short_sleeved_dress",
    "long sleeve dress": "long_sleeved_dress",
    "vest dress": "vest_dress",
    "sling dress": "sling_dress",
}  # the others are the same
_OVERHANG = 0.02  # of the picture's side that a box may reach beyond it: people drew these boxes
_ITEM = re.compile(r"item[0-9]+")
_ITEM_KEY = re.compile(rb'"(item[0-9]+)"\s*:')
_GARMENT_FIELD = b'"category_id"'  # what stands in garments and in nothing else


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One labelled garment. Its outline is in the file too, but nothing here needs it.

    Attributes:
        category_id: 1-based number of the class; DeepFashion2's own, 1-13.
        box: x1, y1, x2, y2 in pixels; x1 < x2 and y1 < y2, but for COCO's, which may be empty.
        landmarks: (P, 3) float64 x, y in pixels and v: 2 visible, 1 occluded, 0 not labelled; in the class's order.
        scale: 1 small, 2 moderate, 3 large; 0 where it is not known.
        occlusion: 1 slight, 2 medium, 3 heavy; 0 where it is not known.
        zoom_in: 1 none, 2 medium, 3 large; 0 where it is not known.
        viewpoint: 1 not worn, 2 from the front, 3 from the side or behind; 0 where it is not known.
        style: above 0 for garments that can be the same as another of their pair; 0 for all others, and where it is
            not known.
        area: area in square pixels that the metric takes; None for the box's, as in DeepFashion2.
        crowd: whether it stands for many of its class, which need not be found one by one; COCO's ``iscrowd``.
    """

    category_id: int
    box: tuple[float, float, float, float]
    landmarks: F64
    scale: int
    occlusion: int
    zoom_in: int
    viewpoint: int
    style: int
    area: float | None = None
    crowd: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Annotation:
    """What one file says of its picture.

    Attributes:
        image_id: the number in the file's name.
        source: ``"shop"`` or ``"user"``; None where it is not known.
        pair_id: pictures of one garment share it; None where it is not known.
        items: labelled garments in the file's order; may be empty.
    """

    image_id: int
    source: str | None
    pair_id: int | None
    items: tuple[Item, ...]


class _Head(msgspec.Struct):
    source: Literal["shop", "user"]
    pair_id: int


class _RawItem(msgspec.Struct):
    category_id: int
    category_name: str
    bounding_box: tuple[float, float, float, float]
    landmarks: list[float]
    scale: Literal[1, 2, 3]
    occlusion: Literal[1, 2, 3]
    zoom_in: Literal[1, 2, 3]
    viewpoint: Literal[1, 2, 3]
    style: int | None = 0


def read_annotation(
    content: bytes, *, image_id: int, source: str, schema: KeypointSchema, size: PictureSize | None
) -> Annotation:
    """Read the content of an annotation file.

    Args:
        content: bytes of the file.
        image_id: number in the file's name.
        source: name of the file in errors.
        schema: classes and their landmarks.
        size: size of the picture as it is shown, which the boxes are held against; None where there is no picture.

    Raises:
        DataError: names the file, the field, what it must be and what it is.
    """
    content = without_bom(content)
    try:
        parts = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        head = msgspec.json.decode(content, type=_Head)
    except msgspec.ValidationError as error:
        raise DataError(f"{source}: {field_first(error)}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{source}: {why_no_json(content, error)}") from error
    keys = [key.decode() for key in _ITEM_KEY.findall(content)]
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        raise DataError(f"{source}: {twice} stands there twice")
    for name, part in parts.items():
        if _GARMENT_FIELD in bytes(part) and not _ITEM.fullmatch(name):
            raise DataError(f"{source}: {name!r} holds a garment: expected a name such as item1, without anything else")
    names = [name for name in parts if _ITEM.fullmatch(name)]  # in the file's order, as the official converter goes
    items = tuple(_item(parts[name], f"{source}: {name}", schema, size) for name in names)
    return Annotation(image_id, head.source, head.pair_id, items)


def _item(raw: msgspec.Raw, where: str, schema: KeypointSchema, size: PictureSize | None) -> Item:
    try:
        item = msgspec.json.decode(raw, type=_RawItem)
    except msgspec.ValidationError as error:
        raise DataError(f"{where}.{field_first(error)}") from error
    _check_class(item, where, schema)
    landmarks = _landmarks(item, where, schema)
    _check_box(item.bounding_box, f"{where}.bounding_box", size)
    return Item(
        category_id=item.category_id,
        box=item.bounding_box,
        landmarks=landmarks,
        scale=item.scale,
        occlusion=item.occlusion,
        zoom_in=item.zoom_in,
        viewpoint=item.viewpoint,
        style=item.style or 0,
    )


def _check_class(item: _RawItem, where: str, schema: KeypointSchema) -> None:
    if not 1 <= item.category_id <= len(schema.classes):
        raise DataError(f"{where}.category_id must be 1-{len(schema.classes)}, found {item.category_id}")
    name = schema.class_names[item.category_id - 1]
    if item.category_name not in {name, CONVERTER_NAMES.get(name)}:
        raise DataError(
            f"{where}.category_name must be {name!r} for category_id {item.category_id}, found {item.category_name!r}"
        )


def _landmarks(item: _RawItem, where: str, schema: KeypointSchema) -> F64:
    one = schema.classes[item.category_id - 1]
    expected = 3 * len(one.groups)
    if len(item.landmarks) != expected:
        raise DataError(
            f"{where}.landmarks must hold {expected} numbers, x, y, v for the {len(one.groups)} landmarks of"
            f" {one.name}, found {len(item.landmarks)}"
        )
    check_flags(item.landmarks, f"{where}.landmarks")
    return np.array(item.landmarks).reshape(-1, 3)


def _check_box(box: tuple[float, float, float, float], field: str, size: PictureSize | None) -> None:
    x1, y1, x2, y2 = box
    if x2 <= x1 or y2 <= y1:
        raise DataError(f"{field} is empty: expected x1 < x2 and y1 < y2, found {numbers(box)}")
    check_inside(box, field, size)


def check_flags(landmarks: Sequence[float], field: str) -> None:
    """Refuse landmarks, x, y, v one after the other, with a v that means nothing.

    Raises:
        DataError: names the first.
    """
    flags = landmarks[2::3]
    if not _FLAGS.issuperset(flags):
        at = next(at for at, flag in enumerate(flags) if flag not in _FLAGS)
        raise DataError(f"{field}[{3 * at + 2}], v of landmark {at + 1}, must be 0, 1 or 2, found {flags[at]:g}")


def check_inside(box: tuple[float, float, float, float], field: str, size: PictureSize | None) -> None:
    """Refuse a box that is not in its picture; people drew these boxes, so it may reach a little beyond.

    Args:
        box: x1, y1, x2, y2 in pixels.
        field: name of the box in errors.
        size: size of the picture as it is shown; None where nobody knows.

    Raises:
        DataError: says what the box is.
    """
    if size is None:
        if box[2] <= 0 or box[3] <= 0:
            raise DataError(f"{field} lies outside the picture: {numbers(box)}")
        return
    if _lies_in(box, size.height, size.width):
        return
    height, width = size.stored
    if (height, width) != (size.height, size.width) and _lies_in(box, height, width):
        raise DataError(
            f"{field} fits the picture of {width}x{height} as it is stored, but not as it is shown,"
            f" {size.width}x{size.height} (orientation {size.orientation}): {numbers(box)}"
        )
    raise DataError(f"{field} lies outside the picture of {size.width}x{size.height}: {numbers(box)}")


def _lies_in(box: tuple[float, float, float, float], height: int, width: int) -> bool:
    x1, y1, x2, y2 = box
    x_slack, y_slack = _OVERHANG * width, _OVERHANG * height
    reaches_in = x1 < width and y1 < height and x2 > 0 and y2 > 0
    return reaches_in and min(x1 + x_slack, y1 + y_slack) >= 0 and x2 <= width + x_slack and y2 <= height + y_slack


def numbers(box: tuple[float, ...]) -> str:
    """Write a box for an error."""
    return ", ".join(f"{value:g}" for value in box)
