"""The pictures that parity is measured on: real ones from the best source at hand, and seeded noise."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np

from deepmark.errors import DataError
from deepmark.files import printable
from deepmark.runtime.arrays import Image8
from deepmark.runtime.input_fit import input_size
from deepmark.runtime.media.picture_file import read_picture
from deepmark.runtime.media.picture_folder import PICTURE_SUFFIXES, list_pictures
from deepmark.runtime.transform import letterbox

MAX_PICTURES = 8  # each costs one run of every stage
SEED = 20200407
_TALL = (4, 3)  # height, width: most pictures of a phone's camera

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class ParityPicture:
    """A network input.

    Attributes:
        name: name of the file, or ``"noise"``; pictures of another than the exported size end in ``@HxW``.
        image: (H, W, 3) uint8, BGR.
    """

    name: str
    image: Image8


def gather_pictures(
    folder: Path | None, checkpoint: Path, size: tuple[int, int], *, multiple: int, dynamic: bool
) -> list[ParityPicture]:
    """Return the network inputs to compare stages on.

    The first `MAX_PICTURES` of ``folder``; by default those in ``samples`` beside the checkpoint; by default the ones
    that come with the program. Then noise. A model that serves all sizes is also run at another, which it was not
    traced at: that of a 3:4 picture with the fit "rect". Pictures that merely lie beside the checkpoint are left alone:
    some of those compared on become part of the bundle, and who publishes it must have meant them.

    Args:
        folder: folder of pictures; None for those at hand.
        checkpoint: checkpoint file.
        size: height and width of the network's input, in pixels.
        multiple: number of pixels that height and width must be multiples of.
        dynamic: whether the model serves all sizes.

    Raises:
        DataError: ``folder`` does not exist or holds no picture that can be read.
    """
    images = _given(folder) if folder is not None else _at_hand(checkpoint)
    pictures = [ParityPicture(name, letterbox(image, size)[0]) for name, image in images.items()]
    pictures.append(ParityPicture("noise", noise(size)))
    if dynamic:
        name, image = next(iter(images.items()))
        height, width = other = shaped_size(size, multiple)
        pictures.append(ParityPicture(f"{name}@{height}x{width}", letterbox(cut_to_shape(image, other), other)[0]))
    logger.info("comparing on %s", ", ".join(picture.name for picture in pictures))
    return pictures


def noise(size: tuple[int, int]) -> Image8:
    """Make seeded noise with the spectrum of pictures: octaves of blobs, each half as large and half as strong.

    White noise is no test of a conversion: no camera gives its contrast from pixel to pixel, and on it the rounding of
    MNN's fast convolutions (Winograd), not the conversion, is what one sees (docs/parity.md).
    """
    height, width = size
    random = np.random.default_rng(SEED)
    total = np.zeros((height, width, 3))
    cells, strength = 4, 1.0
    while cells <= max(size) // 2:
        octave = random.random((cells, cells, 3))
        total += strength * cv2.resize(octave, (width, height), interpolation=cv2.INTER_LINEAR)
        cells, strength = 2 * cells, strength / 2
    total -= total.min()
    scaled: Image8 = np.round(total * (255 / total.max())).astype(np.uint8)
    return scaled


def shaped_size(size: tuple[int, int], multiple: int) -> tuple[int, int]:
    """Return the input that a tall 3:4 picture has with the fit "rect", or another where that is the model's own."""
    other = input_size(_TALL, size, multiple=multiple, fit="rect")
    if other != size:
        return other
    height, width = size
    return (height, width - multiple) if width > multiple else (height, width + multiple)


def cut_to_shape(image: Image8, shape: tuple[int, int]) -> Image8:
    """Cut the middle of a picture out, as large as it can be in this shape (height, width), in any unit."""
    height, width = image.shape[:2]
    scale = min(height / shape[0], width / shape[1])
    high, wide = (max(1, round(side * scale)) for side in shape)
    top, left = (height - high) // 2, (width - wide) // 2
    return image[top : top + high, left : left + wide]


def _given(folder: Path) -> dict[str, Image8]:
    """Read the pictures that the user named; one that cannot be read is an error."""
    images = _read_all(folder, quiet=False)
    if not images:
        what = "holds no picture" if folder.is_dir() else "is no folder"
        raise DataError(f"{folder} {what}", hint=f"give a folder with {', '.join(sorted(PICTURE_SUFFIXES))} files")
    broken = [name for name, image in images.items() if image is None]
    if broken:
        raise DataError(f"cannot read the picture {folder / broken[0]}", hint="remove it from the folder")
    return {name: image for name, image in images.items() if image is not None}


def _at_hand(checkpoint: Path) -> dict[str, Image8]:
    """Read the pictures of the first folder that has any; one that cannot be read is left out."""
    images: dict[str, Image8] = {}
    for folder in (checkpoint.parent / "samples", Path(str(files("deepmark.exporter") / "data"))):
        images = images or {name: image for name, image in _read_all(folder, quiet=True).items() if image is not None}
    return images


def _read_all(folder: Path, *, quiet: bool) -> dict[str, Image8 | None]:
    return {printable(Path(path.name)): _read(path) for path in _in_folder(folder, quiet=quiet)}


def _in_folder(folder: Path, *, quiet: bool) -> list[Path]:
    try:
        return list_pictures(folder, quiet=quiet)[:MAX_PICTURES] if folder.is_dir() else []
    except DataError as error:
        logger.warning("%s", error)
    except OSError as error:
        logger.warning("cannot read the folder %s: %s", folder, error.strerror)
    return []


def _read(path: Path) -> Image8 | None:
    try:
        return read_picture(path)
    except DataError as error:
        logger.warning("%s", error)
        return None
