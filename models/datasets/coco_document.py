"""A COCO file as lists of pictures, of annotations by picture, and of categories; whatever the annotations mean.

Others than the official converter write the same format with picture numbers of their own, or with paths in
``file_name``: all of that is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath, PureWindowsPath
from typing import Annotated, TypeVar

import msgspec

from deepmark.errors import DataError
from deepmark.models.datasets.json_faults import field_first, why_no_json, without_bom
from deepmark.runtime.media.picture_size import PictureSize

COCO_HINT = "expected the COCO format of the official converter: images, annotations and categories"
ImageId = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Entry = TypeVar("Entry", bound=msgspec.Struct)


class _Content(msgspec.Struct):
    images: list[msgspec.Raw]
    annotations: list[msgspec.Raw]
    categories: list[msgspec.Raw]


class _Image(msgspec.Struct):
    id: ImageId
    file_name: str | None = None
    width: int | None = None
    height: int | None = None


class CocoCategory(msgspec.Struct):
    """What every category says."""

    id: int
    name: str


Category = TypeVar("Category", bound=CocoCategory)


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

    Raises:
        DataError: it cannot be read, or is no such file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        content = _read(path)
        self.annotations, self._categories = content.annotations, content.categories
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

    def entries(self, image_id: int, kind: type[Entry]) -> Iterator[tuple[str, Entry]]:
        """Decode the annotations of a picture in the file's order; each comes with its name in errors.

        Raises:
            DataError: two annotations have the same number, or one lacks a field, or has another type in it.
        """
        if image_id in self._faulty:
            raise DataError(self._faulty[image_id])
        for at in self._entries[image_id]:
            where = f"{self.path}: annotations[{at}]"
            yield where, _decode(self.annotations[at], where, kind)

    def categories(self, kind: type[Category]) -> Iterator[tuple[str, Category]]:
        """Decode the categories in the file's order; each comes with its name in errors.

        Raises:
            DataError: one lacks a field, or has another type in it, or the number of one before it.
        """
        numbers: set[int] = set()
        for at, raw in enumerate(self._categories):
            where = f"{self.path}: categories[{at}]"
            category = _decode(raw, where, kind, hint=COCO_HINT)
            if category.id in numbers:
                raise DataError(f"{where}.id is {category.id}, as that of a category before it")
            numbers.add(category.id)
            yield where, category

    def _index_images(self, raws: Sequence[msgspec.Raw], faults: list[str]) -> Mapping[int, _Image]:
        found: dict[int, _Image] = {}
        for _, where, image in self._sound("images", raws, _Image, faults):
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
        for at, where, key in self._sound("annotations", self.annotations, _EntryKey, faults):
            if key.image_id not in entries:
                faults.append(f"{where}.image_id {key.image_id} is not among the images")
                continue
            if key.id in seen:
                self._faulty[key.image_id] = f"{where}.id is {key.id}, as that of an annotation before it"
            seen.add(key.id)
            entries[key.image_id].append(at)
        return entries

    def _sound(
        self, name: str, raws: Sequence[msgspec.Raw], kind: type[Entry], faults: list[str]
    ) -> Iterator[tuple[int, str, Entry]]:
        """Decode what is sound of a list, with its position and its name in errors; the rest becomes faults."""
        for at, raw in enumerate(raws):
            where = f"{self.path}: {name}[{at}]"
            try:
                entry = _decode(raw, where, kind)
            except DataError as error:
                faults.append(str(error))
                continue
            yield at, where, entry


class CocoLabels:
    """What the annotations of any COCO file have of it, whatever they mean.

    Attributes:
        ids: numbers of the pictures, ascending, those without annotations too.
        faults: sentences about what is wrong with the lists, before any annotation is read.
        note: sentence about pictures whose ids are not the numbers in their files' names; empty where they are.
        has_attributes: False: DeepFashion2's own files alone have scale, occlusion, zoom-in and viewpoint.
    """

    has_attributes = False

    def __init__(self, document: CocoDocument) -> None:
        self._document = document
        self.ids, self.faults, self.note = document.ids, document.faults, document.note

    def label(self, image_id: int) -> str:
        """Give the file, and the picture's number."""
        return self._document.label(image_id)

    def picture_name(self, image_id: int) -> str | None:
        """Give the name of a picture's file, without folders; None where the file does not say."""
        return self._document.picture_name(image_id)


def _decode(raw: msgspec.Raw, where: str, kind: type[Entry], *, hint: str | None = None) -> Entry:
    """Decode one object of a list.

    Raises:
        DataError: names the field that is missing or of another type.
    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise DataError(f"{where}.{field_first(error)}", hint=hint) from error


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
