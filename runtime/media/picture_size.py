"""How large a picture is and which way up: sizes are of the picture as it is shown, never as it is stored."""

from __future__ import annotations

from typing import NamedTuple

from deepmark.errors import DataError
from deepmark.runtime.media.orientation import EXIF, UPRIGHT

MAX_PIXELS = 2**28  # 268 million, more than any camera; in memory 800 MB. OpenCV is told in deepmark/__init__.py


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
        return cls(width, height, orientation) if EXIF[orientation].transposed else cls(height, width, orientation)

    @property
    def stored(self) -> tuple[int, int]:
        """Height and width as stored."""
        return (self.width, self.height) if EXIF[self.orientation].transposed else (self.height, self.width)


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
