"""How a stored picture must be turned before it is shown: one of eight ways."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepmark.runtime.arrays import Image8

_BOTH = -1  # cv2.flip: 1 is left and right, 0 top and bottom


@dataclass(frozen=True, slots=True)
class Orientation:
    """What to do with stored pixels, in this order.

    Attributes:
        transposed: whether rows become columns.
        mirrored: whether left and right change places.
        flipped: whether top and bottom change places.
    """

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False

    def shown(self, image: Image8) -> Image8:
        """Turn a stored picture, (H, W, C), into the one that is shown."""
        import cv2

        if self.transposed and self.mirrored != self.flipped:  # the usual ones, in fewer steps
            side = cv2.ROTATE_90_CLOCKWISE if self.mirrored else cv2.ROTATE_90_COUNTERCLOCKWISE
            return np.asarray(cv2.rotate(image, side), np.uint8)
        turned = cv2.transpose(image) if self.transposed else image
        if self.mirrored or self.flipped:
            turned = cv2.flip(turned, _BOTH if self.mirrored and self.flipped else int(self.mirrored))
        return np.asarray(turned, np.uint8)


UPRIGHT = 1
EXIF = {  # EXIF 2.32, tag 0x0112
    UPRIGHT: Orientation(),
    2: Orientation(mirrored=True),
    3: Orientation(mirrored=True, flipped=True),
    4: Orientation(flipped=True),
    5: Orientation(transposed=True),
    6: Orientation(transposed=True, mirrored=True),
    7: Orientation(transposed=True, mirrored=True, flipped=True),
    8: Orientation(transposed=True, flipped=True),
}
