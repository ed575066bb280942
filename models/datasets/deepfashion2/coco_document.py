"""A COCO file as lists of pictures, of annotations by picture, and of categories; whatever the annotations mean.

Others than the official converter write the same format with picture numbers of their own, or with paths in
``file_name``: all of that is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath, PureWindowsPath
from typing import Annotated

import msgspec

from deepmark.errors import DataError
from deepmark.models.datasets.deepfashion2.json_faults import field_first, why_no_json, without_bom
from deepmark.runtime.media.picture_size import PictureSize

COCO_HINT = "expected the COCO format of the official converter: images, annotations and categories"
ImageId = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _Content(msgspec.Struct):
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


class CocoDocument:
    """The lists of one COCO file; annotations are not decoded.

    Attributes:
        path: path of the file.
        ids: numbers of the pictures, ascending, those without annotations too.
        faults: sentences about what is wrong with the lists.
        note: sentence about pictures whose ids are not the numbers in their files' names; empty where they are.
        annotations: objects of the list ``annotations``, not decoded.
        categories: objects of the list ``categories``, not decoded.

    Raises:
        DataError: it cannot be read, or is no such file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        content = _read(path)
        self.annotations, self.categories = content.annotations, content.categories
        faults: list[str] = []
        self._faulty: dict[int, str] = {}  # picture -> what is wrong with its place in the file
        self._images = self._index_images(content.images, faults)
        self._entries = self._index_entries(faults)
        self.ids, self.faults = tuple(sorted(self._images)), tuple(faults)
        self.note = self._other_numbers()

    def label(self, image_id: int) -> str:
        """Give the file, and the picture's number."""
        return f"{self.path}: image {image_id}"

    def picture_name(self, image_id: int) -> str | None:
        """Give the name of a picture's file, without folders; None where the file does not say."""
        name = self._images[image_id].file_name
        return None if name is None else _base_name(name)

    def picture_size(self, image_id: int) -> PictureSize | None:
        """Give the size that the file says of a picture; None where it does not say."""
        image = self._images[image_id]
        if image.width is None or image.height is None:
            return None
        return PictureSize(image.height, image.width)

    def entries(self, image_id: int) -> Sequence[tuple[str, msgspec.Raw]]:
        """Give the annotations of a picture in the file's order, not decoded, with their names in errors.

        Raises:
            DataError: two annotations have the same number.
        """
        if image_id in self._faulty:
            raise DataError(self._faulty[image_id])
        return [(f"{self.path}: annotations[{at}]", self.annotations[at]) for at in self._entries[image_id]]

    def _index_images(self, raws: Sequence[msgspec.Raw], faults: list[str]) -> Mapping[int, _Image]:
        found: dict[int, _Image] = {}
        for at, raw in enumerate(raws):
            where = f"{self.path}: images[{at}]"
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
                    f"{self.path}: the numbers of its pictures are not those in their names (image {image_id} is"
                    f" {name}); detections must have the numbers of this file"
                )
        return ""

    def _index_entries(self, faults: list[str]) -> Mapping[int, Sequence[int]]:
        """Give each picture the positions of its annotations in the file."""
        entries: dict[int, list[int]] = {image_id: [] for image_id in self._images}
        seen: set[int] = set()
        for at, raw in enumerate(self.annotations):
            where = f"{self.path}: annotations[{at}]"
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
            entries[key.image_id].append(at)
        return entries


def _read(path: Path) -> _Content:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    content = without_bom(content)
    try:
        return msgspec.json.decode(content, type=_Content)
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
