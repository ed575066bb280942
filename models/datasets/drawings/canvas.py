"""What a drawing is drawn on: its height and width, and the lengths that things on it are parts of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from deepmark.runtime.arrays import F64

DrawnSize = int | tuple[int, int]  # pixels: the side of a square, or height and width
MIXED_SHAPES = ((1, 1), (4, 3), (3, 4), (16, 9), (9, 16))  # height : width, in the order that pictures have them


def mixed_size(side: int, number: int) -> tuple[int, int]:
    """Return height and width of picture ``number`` of a mixed set, whose longer sides are ``side`` pixels.

    >>> [mixed_size(256, number) for number in range(1, 6)]
    [(256, 192), (192, 256), (256, 144), (144, 256), (256, 256)]
    """
    high, wide = MIXED_SHAPES[number % len(MIXED_SHAPES)]
    return round(side * high / max(high, wide)), round(side * wide / max(high, wide))


@dataclass(frozen=True, slots=True)
class DrawingCanvas:
    """Pixels to draw on. Of a square, both lengths are its side, and every drawing is what it always was.

    Attributes:
        height: height in pixels.
        width: width in pixels.
    """

    height: int
    width: int

    @classmethod
    def of(cls, size: DrawnSize) -> Self:
        """Make one of a size as users give it."""
        return cls(size, size) if isinstance(size, int) else cls(*size)

    @property
    def size(self) -> DrawnSize:
        """The size as users give it: a number for a square."""
        return self.height if self.height == self.width else (self.height, self.width)

    @property
    def hw(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width

    @property
    def sides(self) -> F64:
        """Width and height, (2,), as points have x and y."""
        return np.array([self.width, self.height], np.float64)

    @property
    def short(self) -> int:
        """Shorter side, which furniture, cards and patterns are parts of: they keep the proportions of the garments."""
        return min(self.height, self.width)

    @property
    def long(self) -> int:
        """Longer side, which blur and tolerances are parts of: a network sees a picture by its longer side."""
        return max(self.height, self.width)

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.height * self.width
