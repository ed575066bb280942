"""How a stored picture must be turned before it is shown: one of eight ways."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepmark.runtime.arrays import Image8


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
        if self.transposed:
            image = image.swapaxes(0, 1)
        if self.mirrored:
            image = image[:, ::-1]
        if self.flipped:
            image = image[::-1]
        return np.ascontiguousarray(image)
