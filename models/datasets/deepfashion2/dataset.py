"""A data set: which pictures there are at once, what they show when it is asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Protocol

from deepmark.errors import DataError
from deepmark.models.datasets.coco_document import CocoDocument, picture_number
from deepmark.models.datasets.deepfashion2.annotation import Annotation, read_annotation
from deepmark.models.datasets.deepfashion2.coco import CocoFile
from deepmark.models.datasets.deepfashion2.storage import Storage, open_storage
from deepmark.models.datasets.standard import DEEPFASHION2, LabelStandard
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.media.orientation import UPRIGHT
from deepmark.runtime.media.picture_folder import PICTURE_SUFFIXES as READ_SUFFIXES
from deepmark.runtime.media.picture_size import PictureSize

ANNOTATION_SUFFIX = ".json"
PICTURE_SUFFIXES = (".jpg", *sorted(READ_SUFFIXES - {".jpg"}))  # the data set's own first
LISTED_FAULTS = 10  # in an error
_HEADER_BYTES = (4096, 1 << 20)  # tried in turn: a JPEG says its size behind whatever a camera put there

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Labels:
    """All annotations of a data set.

    Attributes:
        annotations: annotations in ascending order of the pictures' numbers.
        faults: a sentence for each file that was left out; empty unless that was asked for.
        turned: number of pictures that are stored turned or mirrored, and say so (EXIF's orientation).
        sizes: sizes of the annotations' pictures as they are shown; None of each where there are no pictures.
    """

    annotations: tuple[Annotation, ...]
    faults: tuple[str, ...]
    turned: int
    sizes: tuple[PictureSize | None, ...]


class AnnotationSource(Protocol):
    """Where annotations come from.

    Attributes:
        ids: numbers of the pictures that are described, ascending.
        faults: a sentence for everything that is wrong before any annotation is read.
        note: a sentence about what users should know of the numbers; empty for nothing.
        has_attributes: whether items say scale, occlusion, zoom-in and viewpoint.
        standard: rules that the labels follow.
    """

    ids: tuple[int, ...]
    faults: tuple[str, ...]
    note: str
    has_attributes: bool
    standard: LabelStandard

    def picture_name(self, image_id: int) -> str | None:
        """Give the name of a picture's file; None where the number is all that is known."""
        ...

    def label(self, image_id: int) -> str:
        """Say where an annotation lies, for errors."""
        ...

    def read(self, image_id: int, size: PictureSize | None) -> Annotation:
        """Read and check an annotation; ``size`` of its picture as shown, where there are pictures."""
        ...


class AnnotationFiles:
    """One file a picture, as the data set was released."""

    has_attributes = True
    note = ""
    standard = DEEPFASHION2

    def __init__(self, files: Storage, schema: KeypointSchema) -> None:
        self._files, self._schema = files, schema
        self._names, faults = _by_number(files, (ANNOTATION_SUFFIX,))
        self.ids, self.faults = tuple(sorted(self._names)), tuple(faults)

    def picture_name(self, image_id: int) -> str | None:  # noqa: ARG002
        """Give None: a picture has its annotation's number."""
        return None

    def label(self, image_id: int) -> str:
        """Give the file's path."""
        return self._files.label(self._names[image_id])

    def read(self, image_id: int, size: PictureSize | None) -> Annotation:
        """Read and check the file."""
        content, source = self._files.read(self._names[image_id]), self.label(image_id)
        return read_annotation(content, image_id=image_id, source=source, schema=self._schema, size=size)


class Dataset:
    """Pictures and annotations by number; pictures are read when they are asked for, and not kept.

    Attributes:
        schema: classes and landmarks.
        ids: numbers of the annotations, ascending.
        has_pictures: whether it was opened with its pictures.
        has_attributes: whether its items say scale, occlusion, zoom-in and viewpoint; official COCO files drop them.
        standard: rules that its labels follow.
    """

    def __init__(self, annotations: AnnotationSource, pictures: Storage | None, schema: KeypointSchema) -> None:
        self.schema = schema
        self.ids, self.has_attributes, self.note = annotations.ids, annotations.has_attributes, annotations.note
        self.standard = annotations.standard
        self.has_pictures = pictures is not None
        self._annotations, self._pictures = annotations, pictures
        self._index_faults = annotations.faults
        self._files = _PictureIndex({}, {}, ())
        if pictures is not None:
            self._files = _find_pictures(annotations, pictures)
            self._index_faults += self._files.faults

    def annotation(self, image_id: int) -> Annotation:
        """Read and check one annotation; its boxes against the picture too, where there are pictures.

        Positions are of the picture as it is shown.

        Raises:
            DataError: the picture is missing, or something in the file is wrong; the message names the field.
        """
        return self._annotations.read(image_id, self._size(image_id))

    def picture(self, image_id: int) -> tuple[bytes, str]:
        """Read a picture file, not decoded, and say where it lies.

        Raises:
            DataError: it cannot be read.
        """
        assert self._pictures is not None
        name = self._files.names[image_id]
        return self._pictures.read(name), self._pictures.label(name)

    def picture_name(self, image_id: int) -> str:
        """Give a picture's file name, by which `open_storage` finds it too."""
        return self._files.names[image_id]

    def picture_fingerprint(self, image_id: int) -> str:
        """Tell a picture's content from any other.

        Raises:
            DataError: it cannot be read.
        """
        assert self._pictures is not None
        return self._pictures.fingerprint(self._files.names[image_id])

    def read_all(self, *, skip_bad: bool = False, advance: Callable[[], None] = lambda: None) -> Labels:
        """Read all annotations, and say how many pictures are to be turned.

        Args:
            skip_bad: whether to leave a picture out when something about it is wrong, instead of refusing the whole.
            advance: function called after every annotation.

        Raises:
            DataError: lists the first `LISTED_FAULTS` things that are wrong; or nothing is left.
        """
        annotations: list[Annotation] = []
        sizes: list[PictureSize | None] = []
        faults = list(self._index_faults)
        turned = 0
        for image_id in self.ids:
            try:
                size = self._size(image_id)
                turned += size is not None and size.orientation != UPRIGHT
                annotations.append(self._annotations.read(image_id, size))
                sizes.append(size)
            except DataError as error:
                faults.append(str(error))
            advance()
        if turned:
            logger.warning(
                "%s of %s pictures carry an orientation: their labels are taken for positions in the picture as it is"
                " shown, turned upright",
                f"{turned:,}",
                f"{len(self.ids):,}",
            )
        if faults and not (skip_bad and annotations):
            raise _refusal(faults, len(annotations))
        return Labels(tuple(annotations), tuple(faults), turned, tuple(sizes))

    def _size(self, image_id: int) -> PictureSize | None:
        """Read a picture's size from its header; None where there are no pictures."""
        from deepmark.runtime.media.picture_file import picture_size, size_in_start

        if self._pictures is None:
            return None
        if fault := self._files.missing.get(image_id):
            raise DataError(f"{self._annotations.label(image_id)}: {fault}")
        name = self._files.names[image_id]
        for most in _HEADER_BYTES:
            if size := size_in_start(self._pictures.read(name, most)):
                return size
        return picture_size(self._pictures.read(name), source=self._pictures.label(name))


def open_dataset(
    annotations: Path,
    images: Path | None = None,
    *,
    password: bytes | None = None,
    schema: KeypointSchema | None = None,
) -> Dataset:
    """Open a data set; of a folder or a zip only the names of its files are read.

    Args:
        annotations: the data set's folder, its ``annos/``, the official zip, or the official converter's COCO file
            (``.json``).
        images: the data set's folder, its ``image/`` or the official zip; None to do without pictures.
        password: password of the zip; None where it has none.
        schema: classes and landmarks; None for DeepFashion2's.

    Raises:
        DataError: there is no such folder, zip or file, or it holds no annotations or no pictures.
    """
    schema = schema or KeypointSchema.deepfashion2()
    if is_coco_file(annotations):
        labels: AnnotationSource = CocoFile(CocoDocument(annotations), schema)
    else:
        labels = AnnotationFiles(open_storage(annotations, "annos", password=password), schema)
    return with_pictures(labels, schema, annotations, images, password=password)


def is_coco_file(annotations: Path) -> bool:
    """Tell from its name whether this is a COCO file, and no folder or zip."""
    return annotations.suffix.lower() == ANNOTATION_SUFFIX and not annotations.is_dir()


def with_pictures(
    labels: AnnotationSource,
    schema: KeypointSchema,
    annotations: Path,
    images: Path | None,
    *,
    password: bytes | None = None,
) -> Dataset:
    """Put labels and pictures together.

    Args:
        labels: annotations, opened.
        schema: classes and landmarks of them.
        annotations: path of the labels, for errors.
        images: the data set's folder, its ``image/`` or the official zip; None to do without pictures.
        password: password of the zip; None where it has none.

    Raises:
        DataError: there is no such folder or zip, or there are no annotations or no pictures.
    """
    pictures = None if images is None else open_storage(images, "image", password=password)
    dataset = Dataset(labels, pictures, schema)
    if not dataset.ids:
        if labels.faults:
            raise _refusal(list(labels.faults), 0)
        what = "images is empty" if is_coco_file(annotations) else "expected annos/NNNNNN.json"
        raise DataError(f"{annotations} holds no annotation", hint=what)
    if pictures is not None and not any(_is(name, PICTURE_SUFFIXES) for name in pictures.names()):
        raise DataError(f"{images} holds no picture", hint="expected image/NNNNNN.jpg")
    return dataset


def _is(name: str, suffixes: Iterable[str]) -> bool:
    return PurePath(name).suffix.lower() in suffixes


@dataclass(frozen=True, slots=True)
class _PictureIndex:
    """Which file is the picture of each annotation.

    Attributes:
        names: number of a picture -> name of its file.
        missing: number of a picture that has no file of its own -> what is wrong.
        faults: sentences about files that are nobody's, for their names.
    """

    names: Mapping[int, str]
    missing: Mapping[int, str]
    faults: tuple[str, ...]


def _find_pictures(annotations: AnnotationSource, pictures: Storage) -> _PictureIndex:
    """Find the pictures that annotations name, or that have their numbers.

    A picture that is named may have another suffix, or more or fewer zeros before its number.
    """
    files = frozenset(name for name in pictures.names() if _is(name, PICTURE_SUFFIXES))
    by_number, faults = _by_number(pictures, PICTURE_SUFFIXES)
    by_stem = {PurePath(name).stem: name for name in sorted(files)}
    names: dict[int, str] = {}
    missing: dict[int, str] = {}
    owners: dict[str, int] = {}
    named = False
    for image_id in annotations.ids:
        wanted = annotations.picture_name(image_id)
        named = named or wanted is not None
        wanted = wanted or f"{image_id:06d}{PICTURE_SUFFIXES[0]}"
        number = picture_number(wanted)
        other = by_stem.get(PurePath(wanted).stem) if number is None else by_number.get(number)
        file = wanted if wanted in files else other
        if file is None:
            missing[image_id] = f"its picture {wanted} is missing"
        elif file in owners:
            missing[image_id] = f"its picture {file} is that of image {owners[file]} too"
        else:
            names[image_id], owners[file] = file, image_id
    return _PictureIndex(names, missing, () if named else tuple(faults))  # of named pictures others may have any names


def _by_number(files: Storage, suffixes: tuple[str, ...]) -> tuple[dict[int, str], list[str]]:
    """Map the number in each file's name to the name; say what has no number, or another's."""
    found: dict[int, str] = {}
    faults = []
    for name in sorted(name for name in files.names() if _is(name, suffixes)):
        number = picture_number(name)
        if number is None:
            faults.append(f"{files.label(name)}: its name must be a number, for example 000001{suffixes[0]}")
        elif number in found:
            faults.append(f"{files.label(name)} has the same image id {number} as {found[number]}")
        else:
            found[number] = name
    return found, faults


def _refusal(faults: list[str], good: int) -> DataError:
    listed = "; ".join(faults[:LISTED_FAULTS])
    more = f"; and {len(faults) - LISTED_FAULTS} more" if len(faults) > LISTED_FAULTS else ""
    if not good:
        return DataError(f"no annotation is usable, {len(faults)} faults: {listed}{more}")
    return DataError(
        f"the data set has faults, {len(faults)} in all: {listed}{more}",
        hint=f"mend them, or leave these pictures out with --skip-bad and use the other {good:,}",
    )
