"""Picture files: whatever OpenCV reads becomes BGR with 8 bits, as the network wants it.

What happens to what is not BGR with 8 bits: grey becomes three equal channels; 16 bits become 8; an EXIF orientation is
applied; transparency is laid on white, as a shop shows its cut-outs (a picture with both keeps its orientation); of an
animation the first frame is taken. A CMYK JPEG is converted by the plain formula, without its colour profile.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deepmark.errors import DataError
from deepmark.runtime.arrays import Image8
from deepmark.runtime.native_libraries import captured_stderr

MAX_PIXELS = 2**28  # 268 million, more than any camera; in memory 800 MB. OpenCV is told in deepmark/__init__.py
MAX_BYTES = 2**30

READ_HINT = "check its name, and whether you may read it"
_COPY_HINT = "copy it again: this is not the picture that it was"

_JPEG_START = b"\xff\xd8"
_PNG_START = b"\x89PNG\r\n\x1a\n"
_PAPER = 255  # behind transparent pixels
_BAND = 256  # rows
_JPEG_QUALITY = 95


def read_picture(path: Path) -> Image8:
    """Read a picture file as BGR, (H, W, 3) uint8.

    Raises:
        DataError: it cannot be read, is no picture, is cut short, or is too large.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path} is larger than {MAX_BYTES:,} bytes, the limit for a picture", hint=_COPY_HINT)
        content = path.read_bytes()  # cv2.imread cannot open every name on every system
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}", hint=READ_HINT) from error
    if not content:
        raise DataError(f"{path} is empty", hint=_COPY_HINT)
    return decode_picture(content, source=str(path))


def decode_picture(content: bytes, *, source: str) -> Image8:
    """Decode the content of a picture file as `read_picture` does; ``source`` names it in errors.

    Raises:
        DataError: says what is wrong with it.
    """
    import cv2

    _check_header(content, source)
    data = np.frombuffer(content, np.uint8)
    with captured_stderr() as output:
        try:
            pixels = None
            if not content.startswith(_JPEG_START):  # all other formats may be transparent
                pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
            if not _is_transparent(pixels):
                pixels = cv2.imdecode(data, cv2.IMREAD_COLOR)
        except cv2.error as error:
            if "PIXELS" in str(error):
                raise DataError(f"{source} has more pixels than OpenCV reads", hint="make it smaller first") from error
            raise DataError(f"{source} cannot be decoded: {error.err}", hint=_COPY_HINT) from error
    if pixels is None:
        raise DataError(
            f"{source} is no picture, or a damaged one{_because(output.last_line)}",
            hint="JPEG, PNG, WebP, TIFF, BMP and what else this OpenCV reads will do",
        )
    return _on_paper(pixels) if _is_transparent(pixels) else np.asarray(pixels, np.uint8)


def encode_picture(image: Image8, suffix: str) -> bytes:
    """Encode a BGR picture as ``.png``, ``.jpg`` or ``.jpeg``.

    Raises:
        DataError: the format cannot hold this picture.
    """
    import cv2

    options = [] if suffix == ".png" else [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    with captured_stderr():
        done, content = cv2.imencode(suffix, image, options)
    if not done:
        raise DataError(f"a picture of {image.shape[1]}x{image.shape[0]} cannot be written as {suffix}")
    return content.tobytes()


class JpegHeader(NamedTuple):
    """What a JPEG file says of its picture."""

    width: int
    height: int
    components: int
    adobe: bool  # whether Adobe's marker says how CMYK is meant


def read_jpeg_header(content: bytes) -> JpegHeader | None:
    """Read the header of a JPEG file; None where it is damaged."""
    at, adobe = 2, False
    while at + 10 <= len(content) and content[at] == 0xFF:
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4])
        if marker == 0xEE and content[at + 4 : at + 9] == b"Adobe":
            adobe = True
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:  # a frame header, of any coding
            height, width = int.from_bytes(content[at + 5 : at + 7]), int.from_bytes(content[at + 7 : at + 9])
            return JpegHeader(width, height, content[at + 9], adobe)
        at += 1 if marker == 0xFF else 2 + length  # any number of 0xFF may stand before a marker
    return None


def _check_header(content: bytes, source: str) -> None:
    """Refuse by header what would be decoded wrongly, or would need more memory than there is."""
    width = height = 1
    if content.startswith(_JPEG_START) and (header := read_jpeg_header(content)):
        width, height = header.width, header.height
        if header.components == 4 and not header.adobe:
            raise DataError(
                f"{source} is a CMYK JPEG that does not say how its inks are coded: its colours would be a guess",
                hint="save it as RGB",
            )
    elif content.startswith(_PNG_START):
        width, height = int.from_bytes(content[16:20]), int.from_bytes(content[20:24])
    if width * height > MAX_PIXELS:
        raise DataError(
            f"{source} has {width}x{height} pixels, the limit is {MAX_PIXELS:,} in all", hint="make it smaller first"
        )


def _is_transparent(pixels: npt.NDArray[Any] | None) -> bool:
    return pixels is not None and pixels.ndim == 3 and pixels.shape[2] == 4 and pixels.dtype.kind == "u"


def _on_paper(pixels: npt.NDArray[Any]) -> Image8:
    """Lay a picture (H, W, 4) of any unsigned type on white, band by band to save memory."""
    flat = np.empty((*pixels.shape[:2], 3), np.uint8)
    for top in range(0, len(pixels), _BAND):
        band = pixels[top : top + _BAND].astype(np.float32) / np.iinfo(pixels.dtype).max
        opacity = band[:, :, 3:]
        flat[top : top + _BAND] = np.rint(_PAPER * (band[:, :, :3] * opacity + 1 - opacity))
    return flat


def _because(line: str) -> str:
    """The decoder's own words, without the line of its source code."""
    reason = line.rpartition("error: ")[2] if "error: " in line else ""
    return f" ({reason})" if reason else ""
