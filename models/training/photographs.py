"""Pictures of a data set in DeepFashion2's format, for training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from deepmark.errors import DataError
from deepmark.models.datasets.deepfashion2 import open_dataset
from deepmark.models.training.augmentation import PlainLabel
from deepmark.runtime.arrays import Image8
from deepmark.runtime.media.picture_file import decode_picture


class Photographs:
    """A data set's pictures, read when they are asked for; its labels are read and checked at once.

    Args:
        path: a folder that holds ``image/`` and ``annos/``, or the official zip.
        password: of the zip.
        skip_bad: leave pictures out that something is wrong with, instead of refusing the data set.
        advance: called after every annotation.

    Attributes:
        faults: what is wrong with those that were left out.

    Raises:
        DataError: the data set cannot be opened, or has faults.
    """

    def __init__(
        self,
        path: Path,
        *,
        password: bytes | None = None,
        skip_bad: bool = False,
        advance: Callable[[], None] = lambda: None,
    ) -> None:
        if path.suffix.lower() == ".json" and not path.is_dir():
            raise DataError(
                f"cannot train on {path}: a COCO file has no pictures",
                hint="give the data set's folder with image/ and annos/ in it, or the official zip",
            )
        self._dataset = open_dataset(path, path, password=password)
        labels = self._dataset.read_all(skip_bad=skip_bad, advance=advance)
        self._annotations, self.faults = labels.annotations, labels.faults

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self._annotations)

    def __getitem__(self, index: int) -> tuple[Image8, list[PlainLabel]]:
        """Return one picture, (H, W, 3) uint8 BGR, and its garments."""
        annotation = self._annotations[index]
        content, source = self._dataset.picture(annotation.image_id)
        labels = [PlainLabel(item.category_id, item.landmarks, item.box) for item in annotation.items]
        return decode_picture(content, source=source), labels
