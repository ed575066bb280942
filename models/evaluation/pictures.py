"""Which pictures are looked at, as something that can be sent to another process and read there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from deepmark.models.datasets.deepfashion2 import Dataset


@dataclass(frozen=True, slots=True)
class PictureFile:
    """One picture.

    Attributes:
        image_id: its number.
        name: of the file, in its folder or zip.
        fingerprint: tells its content from any other.
    """

    image_id: int
    name: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class PictureFiles:
    """Pictures of a data set.

    Attributes:
        images: the data set's folder, its ``image/``, or the official zip; absolute.
        password: of the zip.
        files: the pictures.
    """

    images: Path
    files: tuple[PictureFile, ...]
    password: bytes | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        images: Path,
        image_ids: Iterable[int],
        *,
        password: bytes | None = None,
        advance: Callable[[], None] = lambda: None,
    ) -> PictureFiles:
        """Name the pictures of a data set, which was opened with ``images`` and ``password``.

        Args:
            dataset: opened with its pictures.
            images: where these lie.
            image_ids: which.
            password: of the zip.
            advance: called after every picture: its content is read once, but for a zip's.

        Raises:
            DataError: a picture cannot be read.
        """
        files = []
        for image_id in image_ids:
            fingerprint = dataset.picture_fingerprint(image_id)
            files.append(PictureFile(image_id, dataset.picture_name(image_id), fingerprint))
            advance()
        return cls(images.resolve(), tuple(files), password)
