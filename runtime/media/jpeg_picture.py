"""JPEG files: the header is read here, without the pixels, and OpenCV decodes.

OpenCV's own turning is off: the one orientation is that of the header, for the size and for the pixels.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from deepmark.errors import DataError
from deepmark.runtime.arrays import Image8
from deepmark.runtime.media.file_kinds import COPY_HINT
from deepmark.runtime.media.orientation import EXIF, UPRIGHT
from deepmark.runtime.media.picture_size import PictureSize, require_room
from deepmark.runtime.native_libraries import captured_stderr

_NO_LENGTH = frozenset((0x01, *range(0xD0, 0xD9)))  # markers that nothing belongs to
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # frame headers of all codings
_ADOBE, _TAGS = (0xEE, b"Adobe"), (0xE1, b"Exif\0")
_ORIENTATION = 0x0112  # EXIF's tag
_ENTRY = 12  # bytes of an EXIF entry


class JpegHeader(NamedTuple):
    """What a JPEG file says of its picture.

    Attributes:
        size: size as shown.
        components: number of colours, 4 for CMYK.
        adobe: whether Adobe's marker says how CMYK is meant.
    """

    size: PictureSize
    components: int
    adobe: bool


def read_jpeg_header(content: bytes) -> JpegHeader | None:
    """Read the header of a JPEG file, or of its first bytes; None where it is damaged, or goes on behind them."""
    at, adobe, exif = 2, False, b""
    while (at := content.find(b"\xff", at)) >= 0:  # what stands between two segments is skipped, as libjpeg does
        marker, length = content[at + 1 : at + 2], int.from_bytes(content[at + 2 : at + 4])
        if marker in {b"", b"\xff", b"\0"} or marker[0] in _NO_LENGTH:
            at += 1 if marker == b"\xff" else 2
            continue
        kind, segment = marker[0], content[at + 4 : at + 2 + length]
        if kind == _ADOBE[0] and segment.startswith(_ADOBE[1]):
            adobe = True
        elif kind == _TAGS[0] and segment.startswith(_TAGS[1]) and not exif:
            exif = segment[6:]
        elif kind in _FRAMES:
            if len(segment) < 6:
                return None
            height, width = int.from_bytes(segment[1:3]), int.from_bytes(segment[3:5])
            return JpegHeader(PictureSize.from_stored(height, width, _orientation(exif)), segment[5], adobe)
        at += 2 + length
    return None


def decode_jpeg(content: bytes, source: str) -> Image8:
    """Decode a JPEG file, (H, W, 3) uint8, BGR, as it is shown.

    Raises:
        DataError: it is damaged or too large, or nobody knows what its colours mean.
    """
    import cv2

    header = read_jpeg_header(content)
    if header:
        _check(header, source)
    with captured_stderr() as output:
        try:
            pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        except cv2.error as error:
            if error.code == cv2.Error.StsNoMem:
                raise MemoryError from error
            if "PIXELS" in str(error):
                raise DataError(f"{source} has more pixels than OpenCV reads", hint="make it smaller first") from error
            raise DataError(f"{source} cannot be decoded: {error.err}", hint=COPY_HINT) from error
    if header is None or pixels is None or pixels.shape[:2] != header.size.stored:
        raise DataError(f"{source} is no picture, or a damaged one{_because(output.last_line)}", hint=COPY_HINT)
    return EXIF[header.size.orientation].shown(np.asarray(pixels, np.uint8))


def _check(header: JpegHeader, source: str) -> None:
    require_room(header.size, source)
    if header.components == 4 and not header.adobe:
        raise DataError(
            f"{source} is a CMYK JPEG that does not say how its inks are coded: its colours would be a guess",
            hint="save it as RGB",
        )


def _orientation(exif: bytes) -> int:
    """Find the orientation in the first directory of EXIF data; what is damaged counts as upright, as everywhere."""
    order: Literal["little", "big"] = "little" if exif[:2] == b"II" else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(exif[at : at + size], order)

    start = number(4, 4)
    for entry in range(start + 2, min(start + 2 + _ENTRY * number(start, 2), len(exif)), _ENTRY):
        if number(entry, 2) == _ORIENTATION:
            value = number(entry + 8, 2)
            return value if value in EXIF else UPRIGHT
    return UPRIGHT


def _because(line: str) -> str:
    """The decoder's own words, without the line of its source code."""
    reason = line.rpartition("error: ")[2] if "error: " in line else ""
    return f" ({reason})" if reason else ""
