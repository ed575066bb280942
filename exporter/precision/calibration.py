"""The pictures that decide which values 8 bits stand for: the user's own, or drawn ones."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deepmark.errors import DataError
from deepmark.exporter.pictures import ParityPicture
from deepmark.runtime.arrays import Image8
from deepmark.runtime.media.picture_file import read_picture
from deepmark.runtime.media.picture_folder import PICTURE_SUFFIXES, list_pictures
from deepmark.runtime.provenance import Calibration
from deepmark.runtime.transform import letterbox

MOST_PICTURES = 64  # more change nothing that we could measure (docs/decisions/0011), and each takes half a second
DRAWN_PICTURES = 32
DRAWN_SIDE = 256  # pixels
CALIBRATION_SEED = 20200407
JUDGE_SEED = CALIBRATION_SEED + 1  # other drawings: nobody is judged on what it was tuned on
JUDGE_PICTURES = 24


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationSet:
    """Network inputs to calibrate on.

    Attributes:
        source: the user's pictures, or drawings.
        images: network inputs of the exported size, (H, W, 3) uint8, BGR.
    """

    source: Literal["pictures", "drawings"]
    images: tuple[Image8, ...]

    @property
    def record(self) -> Calibration:
        """What the manifest says of them."""
        digest = hashlib.sha256()
        for image in self.images:
            digest.update(image.tobytes())
        return Calibration(source=self.source, pictures=len(self.images), sha256=digest.hexdigest())


def gather_calibration(folder: Path | None, size: tuple[int, int]) -> CalibrationSet:
    """Return the pictures of a folder, by name, evenly chosen where they are many; without one, drawings.

    Args:
        folder: folder of the user's pictures; None for drawings, which fit a network that was trained on drawings.
        size: height, width of the network's input, in pixels.

    Raises:
        DataError: there is no such folder, it cannot be read or holds no picture, or a picture cannot be read.
    """
    if folder is None:
        drawn = drawn_pictures(DRAWN_PICTURES, CALIBRATION_SEED, size)
        return CalibrationSet("drawings", tuple(picture.image for picture in drawn))
    paths = _pictures_in(folder)
    chosen = [paths[i * len(paths) // MOST_PICTURES] for i in range(MOST_PICTURES)]
    images = (letterbox(read_picture(path), size)[0] for path in (paths if len(paths) <= MOST_PICTURES else chosen))
    return CalibrationSet("pictures", tuple(images))


def drawn_pictures(count: int, seed: int, size: tuple[int, int]) -> list[ParityPicture]:
    """Draw network inputs: garments as the demo network knows them.

    Args:
        count: number of drawings.
        seed: number that names the set.
        size: height, width of the network's input, in pixels.
    """
    from deepmark.models.datasets.drawings import draw

    return [
        ParityPicture(f"drawing {seed}/{number}", letterbox(draw(seed, number, DRAWN_SIDE).image_bgr_u8, size)[0])
        for number in range(1, count + 1)
    ]


def _pictures_in(folder: Path) -> Sequence[Path]:
    try:
        if not folder.is_dir():
            what = "is no folder" if folder.exists() else "does not exist"
            raise DataError(f"{folder} {what}", hint="give a folder of pictures like those that the phone will see")
        paths = list_pictures(folder)
    except OSError as error:
        raise DataError(f"cannot read the folder {folder}: {error.strerror}", hint="may you read it?") from error
    if not paths:
        raise DataError(
            f"{folder} holds no picture to calibrate on",
            hint=f"expected {', '.join(sorted(PICTURE_SUFFIXES))} files, {DRAWN_PICTURES} or more",
        )
    return paths
