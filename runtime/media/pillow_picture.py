"""Picture files of all kinds but JPEG, read with Pillow (docs/decisions/0023-pictures.md says why).

Pillow tells what OpenCV does not: which way up an AVIF is, whether a fourth channel is transparency, whether colours
were multiplied with it, and how many bits a value has.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepmark.errors import DataError
from deepmark.runtime.arrays import Image8
from deepmark.runtime.media import file_kinds as kinds
from deepmark.runtime.media.file_kinds import COPY_HINT, FileKind
from deepmark.runtime.media.orientation import EXIF, UPRIGHT
from deepmark.runtime.media.picture_size import PictureSize, require_room
from deepmark.runtime.native_libraries import captured_stderr

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

_PAPER = 255  # behind transparent pixels
_BAND = 256  # rows
_ORIENTATION = 0x0112  # EXIF's tag
_SUBFILE, _OLD_SUBFILE, _EXTRA_SAMPLES, _DNG_VERSION = 254, 255, 338, 50706  # TIFF's tags
_REDUCED, _OLD_REDUCED = 1, 2  # what the first two say of a thumbnail
_ALPHA_SAMPLES = frozenset((1, 2))  # multiplied, and not; 0 is unspecified
_SIXTEEN_BITS = frozenset(("I;16", "I;16L", "I;16B", "I;16N"))
_STRAIGHT = {"La": "LA", "RGBa": "RGBA"}  # colours multiplied with alpha -> as they are

logger = logging.getLogger(__name__)


def read_size(content: bytes, kind: FileKind, source: str) -> PictureSize:
    """Read how large the picture is shown.

    Raises:
        DataError: see `decode`.
    """
    with _complaints_as_errors(source):
        return _size(_opened(content, kind, source))


def decode(content: bytes, kind: FileKind, source: str) -> Image8:
    """Decode a file of this kind, (H, W, 3) uint8, BGR, as it is shown; transparency is laid on white.

    Raises:
        DataError: it is damaged, too large, or holds what is no picture to look at.
    """
    import cv2  # noqa: F401  a fault of the installation is said, and not kept back as the picture's
    import PIL.Image  # noqa: F401

    with _complaints_as_errors(source):
        image = _opened(content, kind, source)
        image.load()
        left = _orientation(image)  # Pillow has turned a TIFF by now, and says so
        return EXIF[left].shown(_bgr(image, kind, source))


@contextmanager
def _complaints_as_errors(source: str) -> Iterator[None]:
    """Turn all that Pillow and the libraries below it raise into one sentence; what they print is kept back."""
    with captured_stderr(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\b")
        try:
            yield
        except (DataError, MemoryError):
            raise
        except Exception as error:  # a damaged file makes its readers stumble in any way
            reason = " ".join(str(error).split()) or type(error).__name__
            raise DataError(f"{source} is no picture, or a damaged one ({reason})", hint=COPY_HINT) from error


def _opened(content: bytes, kind: FileKind, source: str) -> ImageFile:
    """Read the header. Pillow's own search for the kind is left out, and with it its lower limit of pixels.

    It is told no name: of a file that it knows by name it takes pixels from the disk, and turns some of them twice.
    """
    if kind is kinds.TIFF:
        _refuse_thumbnail(content, source)
    image = _reader(kind)(io.BytesIO(content))
    require_room(PictureSize(image.height, image.width), source)
    return image


def _reader(kind: FileKind) -> type[ImageFile]:
    from PIL import (
        AvifImagePlugin,
        BmpImagePlugin,
        GifImagePlugin,
        Jpeg2KImagePlugin,
        PngImagePlugin,
        PpmImagePlugin,
        TiffImagePlugin,
        WebPImagePlugin,
    )

    return {
        kinds.PNG: PngImagePlugin.PngImageFile,
        kinds.WEBP: WebPImagePlugin.WebPImageFile,
        kinds.TIFF: TiffImagePlugin.TiffImageFile,
        kinds.BMP: BmpImagePlugin.BmpImageFile,
        kinds.GIF: GifImagePlugin.GifImageFile,
        kinds.AVIF: AvifImagePlugin.AvifImageFile,
        kinds.JPEG_2000: Jpeg2KImagePlugin.Jpeg2KImageFile,
        kinds.PORTABLE_MAP: PpmImagePlugin.PpmImageFile,
    }[kind]


def _refuse_thumbnail(content: bytes, source: str) -> None:
    """Refuse a TIFF file, camera raw data among them, whose first image is a small copy of what it is about."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    stream = io.BytesIO(content)
    big = content[2:3] == b"+" or content[3:4] == b"+"
    tags = ImageFileDirectory_v2(stream.read(16 if big else 8))
    stream.seek(tags.next)
    tags.load(stream)
    if _DNG_VERSION in tags:
        raise DataError(f"{source} is {kinds.CAMERA_RAW.name} (DNG)", hint=kinds.CAMERA_RAW.way_out)
    if int(tags.get(_SUBFILE, 0)) & _REDUCED or tags.get(_OLD_SUBFILE) == _OLD_REDUCED:
        raise DataError(
            f"{source} is a TIFF file whose first image is a reduced copy, as cameras' raw files have",
            hint="save the full picture as JPEG, TIFF or PNG",
        )


def _size(image: ImageFile) -> PictureSize:
    orientation, (width, height) = _orientation(image), image.size
    if image.format == "TIFF":  # Pillow has looked at the orientation already
        return PictureSize(height, width, orientation)
    return PictureSize.from_stored(height, width, orientation)


def _orientation(image: ImageFile) -> int:
    """EXIF's number; of an AVIF Pillow makes it of the rotation and mirroring in its container."""
    value = image.getexif().get(_ORIENTATION, UPRIGHT)
    return value if value in EXIF else UPRIGHT


def _bgr(image: ImageFile, kind: FileKind, source: str) -> npt.NDArray[np.uint8]:
    """Return the pixels as they are stored, (H, W, 3), blue first."""
    import cv2

    if kind is kinds.PNG and _is_deep_colour(image.info.get("transparency")):
        raise DataError(
            f"{source} has 16 bits, and one colour for transparent pixels, which is not read",
            hint="save it with an alpha channel, or with 8 bits",
        )
    if image.mode in _SIXTEEN_BITS or (image.mode == "I" and kind is not kinds.TIFF):
        grey = (np.asarray(image) >> 8).astype(np.uint8)
        return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
    if image.mode in {"I", "F"}:
        raise DataError(
            f"{source} holds numbers of 32 bits, which are no colours of a picture", hint="save it with 8 or 16 bits"
        )
    if image.has_transparency_data:
        straight = image.convert(_STRAIGHT.get(image.mode, image.mode)).convert("RGBA")
        if kind is not kinds.TIFF or _says_alpha(image):
            return _on_paper(np.asarray(straight), source)
        return np.asarray(cv2.cvtColor(np.asarray(straight), cv2.COLOR_RGBA2BGR), np.uint8)
    return np.asarray(cv2.cvtColor(np.asarray(image.convert("RGB")), cv2.COLOR_RGB2BGR), np.uint8)


def _is_deep_colour(colour: object) -> bool:
    """Whether a PNG's transparent colour has more than 8 bits; Pillow compares it with values that are cut to 8."""
    values = colour if isinstance(colour, tuple) else (colour,)
    return any(isinstance(value, int) and value > 255 for value in values)


def _says_alpha(image: Any) -> bool:
    """Whether a TIFF file calls its additional sample transparency; Pillow does so itself where nothing is said."""
    return bool(_ALPHA_SAMPLES & set(image.tag_v2.get(_EXTRA_SAMPLES, ())))


def _on_paper(pixels: npt.NDArray[np.uint8], source: str) -> npt.NDArray[np.uint8]:
    """Lay a picture (H, W, 4), red first, on white, band by band to save memory."""
    if not pixels[:, :, 3].any():
        logger.warning("%s is transparent everywhere: there is only white paper to look at", source)
    flat = np.empty((*pixels.shape[:2], 3), np.uint8)
    for top in range(0, len(pixels), _BAND):
        band = pixels[top : top + _BAND].astype(np.float32) / 255
        opacity = band[:, :, 3:]
        flat[top : top + _BAND] = np.rint(_PAPER * (band[:, :, 2::-1] * opacity + 1 - opacity))
    return flat
