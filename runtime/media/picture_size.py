"""How large a picture is and which way up: sizes are of the picture as it is shown, never as it is stored."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy.typing as npt

from deepmark.errors import DataError

MAX_PIXELS = 2**28  # 268 million, more than any camera; in memory 800 MB. OpenCV is told in deepmark/__init__.py
UPRIGHT = 1
ORIENTATIONS = range(1, 9)  # EXIF's, tag 0x0112
_LYING = frozenset((5, 6, 7, 8))  # width and height change places


class PictureSize(NamedTuple):
    """Size of a picture as it is shown, in pixels, and EXIF's number for how it is stored.

    Attributes:
        height: height as shown.
        width: width as shown.
        orientation: 1 for stored as it is shown; 2 to 8 for mirrored, turned or both, as EXIF 2.32 numbers them.
    """

    height: int
    width: int
    orientation: int = UPRIGHT

    @classmethod
    def from_stored(cls, height: int, width: int, orientation: int) -> PictureSize:
        """Make one of the size as it is stored."""
        return cls(width, height, orientation) if orientation in _LYING else cls(height, width, orientation)

    @property
    def stored(self) -> tuple[int, int]:
        """Height and width as stored."""
        return (self.width, self.height) if self.orientation in _LYING else (self.height, self.width)


def require_room(size: PictureSize, source: str) -> None:
    """Refuse a picture of more than `MAX_PIXELS` before it is unpacked.

    Raises:
        DataError: says how many it has.
    """
    if size.height * size.width > MAX_PIXELS:
        raise DataError(
            f"{source} has {size.width}x{size.height} pixels, the limit is {MAX_PIXELS:,} in all",
            hint="make it smaller first",
        )


def upright(pixels: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Turn pixels as they are stored, (H, W) or (H, W, C), so that they are as shown."""
    import cv2

    if orientation in {5, 7}:
        pixels = cv2.transpose(pixels)
    if orientation in {6, 8}:
        return cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE if orientation == 6 else cv2.ROTATE_90_COUNTERCLOCKWISE)
    axes = {2: 1, 3: -1, 4: 0, 7: -1}  # as cv2.flip has them
    return cv2.flip(pixels, axes[orientation]) if orientation in axes else pixels
