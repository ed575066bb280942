"""Pictures of a data set in DeepFashion2's format, for training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from deepmark.models.deepfashion2 import open_dataset
from deepmark.models.training.augment import Image, PlainLabel
from deepmark.runtime.media.picture_file import decode_picture


class Photographs:
    """A data set's pictures, read when they are asked for; its labels are read and checked at once.

    Args:
        folder: holds ``image/`` and ``annos/``.
        advance: called after every annotation.
    """

    def __init__(self, folder: Path, *, advance: Callable[[], None] = lambda: None) -> None:
        self._dataset = open_dataset(folder, folder)
        self._annotations = self._dataset.read_all(advance=advance).annotations

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self._annotations)

    def __getitem__(self, index: int) -> tuple[Image, list[PlainLabel]]:
        """Return one picture, (H, W, 3) uint8 BGR, and its garments."""
        annotation = self._annotations[index]
        content, source = self._dataset.picture(annotation.image_id)
        labels = [PlainLabel(item.category_id, item.landmarks, item.box) for item in annotation.items]
        return decode_picture(content, source=source), labels
