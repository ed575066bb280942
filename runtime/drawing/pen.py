"""A pen: a canvas, sizes that suit it, and the few shapes that drawings are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from deepmark.runtime.arrays import F32, F64, Image8
from deepmark.runtime.drawing.palette import HALO, Colour

Points = F64  # (N, 2) x, y in canvas pixels

_SHIFT = 4  # OpenCV draws in 1/16 pixels
_REFERENCE = 400  # side in pixels of the picture for which the sizes below are given
_LINE, _DOT, _TEXT, _HALO = 1.5, 2.5, 13.0, 0.9  # pixels
_SMALLEST_TEXT = 10.0
_TEXT_PER_SIDE = 0.12  # largest text, as a share of the side of the object that it names


@dataclass(frozen=True, slots=True)
class Pen:
    """A canvas and the sizes, in its pixels, to draw with.

    Attributes:
        canvas: (H, W, 3) uint8, BGR: the picture, enlarged ``zoom`` times.
        zoom: canvas pixels per picture pixel.
        line: width of an outline, in canvas pixels.
        dot: radius of a landmark, in canvas pixels.
        halo: width of the dark rim, in canvas pixels.
        text: size of labels (em), in canvas pixels.
    """

    canvas: Image8
    zoom: int
    line: float
    dot: float
    halo: float
    text: float

    @classmethod
    def for_picture(cls, canvas: Image8, zoom: int) -> Pen:
        """Choose sizes: they grow with the picture, but slower than it does."""
        height, width = (side / zoom for side in canvas.shape[:2])
        side = min(math.sqrt(height * width), 2.5 * min(height, width)) / _REFERENCE
        grown = side**0.85
        return cls(
            canvas=canvas,
            zoom=zoom,
            line=zoom * max(_LINE * grown, 0.7),
            dot=zoom * max(_DOT * grown, 1.0),
            halo=zoom * max(_HALO * grown, 0.5),
            text=zoom * max(_TEXT * side**0.75, _SMALLEST_TEXT),
        )

    def for_labels(self, sides: F64) -> Pen:
        """Return a pen with smaller text where most objects are small; ``sides`` are theirs, in canvas pixels."""
        fair = _TEXT_PER_SIDE * float(np.median(sides))
        return replace(self, text=max(min(self.text, fair), _SMALLEST_TEXT * self.zoom))

    def thinner(self, factor: float) -> Pen:
        """Return a pen for smaller things."""
        return replace(self, line=self.line * factor, dot=self.dot * factor, halo=self.halo * factor)

    def to_canvas(self, points: F32) -> Points:
        """Picture pixels to canvas pixels; pixel centres stay pixel centres. Points far outside are brought nearer."""
        height, width = self.canvas.shape[:2]
        moved = (points.astype(np.float64) + 0.5) * self.zoom - 0.5
        return moved.clip((-width, -height), (2 * width, 2 * height))

    def lines(self, polylines: Sequence[Points], colour: Colour) -> None:
        """Draw polylines, each (N, 2) in canvas pixels: first all halos, then all lines."""
        import cv2

        fixed = [_fixed(points) for points in polylines]
        for tone, width in ((HALO, self.line + 2 * self.halo), (colour, self.line)):
            thickness = max(1, round(width))
            cv2.polylines(self.canvas, fixed, False, tone, thickness, cv2.LINE_AA, _SHIFT)

    def disc(self, centre: Points, radius: float, colour: Colour, width: float | None = None) -> None:
        """Fill a circle in canvas pixels, or draw it ``width`` wide."""
        import cv2

        x, y = _fixed(centre).tolist()
        thickness = cv2.FILLED if width is None else max(1, round(width))
        cv2.circle(self.canvas, (x, y), round(radius * 2**_SHIFT), colour, thickness, cv2.LINE_AA, _SHIFT)

    def chip(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        """Fill a rectangle with round corners."""
        import cv2

        radius = min(0.28 * height, width / 2)
        turns = np.linspace(0, np.pi / 2, 9)
        arc = np.stack([np.cos(turns), np.sin(turns)], axis=1)
        centres = np.array([[x + width, y + height], [x, y + height], [x, y], [x + width, y]])
        quarter = np.array([[0, 1], [-1, 0]])
        corners, inward = [], np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
        for centre, towards in zip(centres, inward, strict=True):
            corners.append(centre + radius * towards + radius * arc)
            arc = arc @ quarter
        cv2.fillPoly(self.canvas, [_fixed(np.concatenate(corners))], colour, cv2.LINE_AA, _SHIFT)


def _fixed(points: Points) -> npt.NDArray[np.int32]:
    """Pixels to OpenCV's 1/16 pixels."""
    return np.asarray(np.rint(points * 2**_SHIFT), np.int32)
