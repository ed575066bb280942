"""A data set: which pictures there are at once, what they show when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from deepmark.errors import DataError
from deepmark.models.deepfashion2.annotation import Annotation, PictureSize, read_annotation
from deepmark.models.deepfashion2.storage import Storage, open_storage
from deepmark.models.schema import KeypointSchema

ANNOTATION_SUFFIX = ".json"
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png")
LISTED_FAULTS = 10  # in an error
_HEADER_BYTES = (4096, 1 << 20)  # tried in turn: a JPEG says its size behind whatever a camera put there


@dataclass(frozen=True, slots=True)
class Labels:
    """All annotations of a data set.

    Attributes:
        annotations: by image id, ascending.
        faults: a sentence for each file that was left out; empty unless that was asked for.
    """

    annotations: tuple[Annotation, ...]
    faults: tuple[str, ...]


class Dataset:
    """Pictures and annotations by number; files are read when they are asked for, and not kept.

    Attributes:
        schema: classes and landmarks.
        ids: numbers of the annotations, ascending.
    """

    def __init__(self, annotations: Storage, pictures: Storage | None, schema: KeypointSchema) -> None:
        self.schema = schema
        self._annotations, self._pictures = annotations, pictures
        self._annotation_names, faults = _by_number(annotations, (ANNOTATION_SUFFIX,))
        self._picture_names: Mapping[int, str] = {}
        if pictures is not None:
            self._picture_names, more = _by_number(pictures, PICTURE_SUFFIXES)
            faults += more
        self._index_faults = tuple(faults)
        self.ids = tuple(sorted(self._annotation_names))

    def annotation(self, image_id: int) -> Annotation:
        """Read and check one annotation; its boxes against the picture too, where there are pictures.

        Raises:
            DataError: the picture is missing, or something in the file is wrong; the message names the field.
        """
        name = self._annotation_names[image_id]
        source = self._annotations.label(name)
        if self._pictures is not None and image_id not in self._picture_names:
            raise DataError(f"{source}: its picture {image_id:06d}{PICTURE_SUFFIXES[0]} is missing")
        size = None if self._pictures is None else self._size(image_id)
        content = self._annotations.read(name)
        return read_annotation(content, image_id=image_id, source=source, schema=self.schema, size=size)

    def picture(self, image_id: int) -> tuple[bytes, str]:
        """Read a picture file, not decoded, and say where it lies.

        Raises:
            DataError: it cannot be read.
        """
        assert self._pictures is not None
        name = self._picture_names[image_id]
        return self._pictures.read(name), self._pictures.label(name)

    def read_all(self, *, skip_bad: bool = False, advance: Callable[[], None] = lambda: None) -> Labels:
        """Read all annotations.

        Args:
            skip_bad: leave a picture out when something about it is wrong, instead of refusing the whole.
            advance: called after every annotation.

        Raises:
            DataError: lists the first `LISTED_FAULTS` things that are wrong; or nothing is left.
        """
        annotations: list[Annotation] = []
        faults = list(self._index_faults)
        for image_id in self.ids:
            try:
                annotations.append(self.annotation(image_id))
            except DataError as error:
                faults.append(str(error))
            advance()
        if faults and not (skip_bad and annotations):
            raise _refusal(faults, len(annotations))
        return Labels(tuple(annotations), tuple(faults))

    def _size(self, image_id: int) -> PictureSize:
        """Read a picture's size from its header, or from the picture where that does not tell."""
        from deepmark.runtime.media.picture_file import decode_picture, read_jpeg_header

        assert self._pictures is not None
        name = self._picture_names[image_id]
        for most in _HEADER_BYTES:
            header = read_jpeg_header(self._pictures.read(name, most))
            if header:
                return PictureSize(header.height, header.width)
        height, width, _ = decode_picture(self._pictures.read(name), source=self._pictures.label(name)).shape
        return PictureSize(height, width)


def open_dataset(
    annotations: Path,
    images: Path | None = None,
    *,
    password: bytes | None = None,
    schema: KeypointSchema | None = None,
) -> Dataset:
    """Open a data set; only the names of its files are read.

    Args:
        annotations: the data set's folder, its ``annos/``, or the official zip.
        images: likewise with ``image/``; None to do without pictures.
        password: of the zip.
        schema: classes and landmarks; None for DeepFashion2's.

    Raises:
        DataError: there is no such folder or zip, or it holds no annotations or no pictures.
    """
    labels = open_storage(annotations, "annos", password=password)
    pictures = None if images is None else open_storage(images, "image", password=password)
    dataset = Dataset(labels, pictures, schema or KeypointSchema.deepfashion2())
    if not dataset.ids:
        raise DataError(f"{annotations} holds no annotation", hint="expected annos/NNNNNN.json")
    if pictures is not None and not any(_is(name, PICTURE_SUFFIXES) for name in pictures.names()):
        raise DataError(f"{images} holds no picture", hint="expected image/NNNNNN.jpg")
    return dataset


def _is(name: str, suffixes: Iterable[str]) -> bool:
    return PurePath(name).suffix.lower() in suffixes


def _by_number(files: Storage, suffixes: tuple[str, ...]) -> tuple[dict[int, str], list[str]]:
    """Map the number in each file's name to the name; say what has no number, or another's."""
    found: dict[int, str] = {}
    faults = []
    for name in sorted(name for name in files.names() if _is(name, suffixes)):
        stem = PurePath(name).stem
        if not (stem.isascii() and stem.isdigit()):
            faults.append(f"{files.label(name)}: its name must be a number, for example 000001{suffixes[0]}")
        elif int(stem) in found:
            faults.append(f"{files.label(name)} has the same image id {int(stem)} as {found[int(stem)]}")
        else:
            found[int(stem)] = name
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
