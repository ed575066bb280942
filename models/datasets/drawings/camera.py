"""Where the camera stands: body units to pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from deepmark.models.datasets.drawings.canvas import DrawingCanvas
from deepmark.models.datasets.drawings.curves import Points
from deepmark.runtime.arrays import F64


@dataclass(frozen=True, slots=True)
class SceneCamera:
    """A mild perspective.

    Attributes:
        matrix: (3, 3) homography, body units to pixels; pixel centres have whole coordinates.
        scale: pixels per body unit about the middle of the picture.
        roll: radians that the picture is turned by.
    """

    matrix: F64
    scale: float
    roll: float

    def project(self, points: Points) -> Points:
        """Return the pixels of points in body units."""
        mapped = points @ self.matrix[:, :2].T + self.matrix[:, 2]
        return np.asarray(mapped[..., :2] / mapped[..., 2:])


def aim(
    rng: np.random.Generator, target: Points, canvas: DrawingCanvas, *, fill: float, max_roll: float
) -> SceneCamera:
    """Point a camera at something so that its box fills a part of the picture.

    Args:
        rng: source of chance for roll, perspective and the position in the picture.
        target: points in body units.
        canvas: what is drawn on.
        fill: the target's size as a part of the largest that is whole in the picture; above 1 parts of it are outside.
        max_roll: largest roll, in radians.
    """
    low, high = target.min(axis=0), target.max(axis=0)
    extent = high - low
    scale = float((canvas.sides * fill / np.maximum(extent, 1e-3)).min())
    roll = float(np.clip(rng.normal(0, max_roll / 2), -max_roll, max_roll))
    room = np.abs(canvas.sides - extent * scale) / 2
    shift = rng.uniform(-1, 1, 2) * (room * (0.9 if fill < 1 else 0.7) + 0.02 * canvas.sides)
    tilt = rng.normal(0, 0.05, 2) / max(float(extent.max()), 1.0)  # what a camera held low or high does
    cos, sin = math.cos(roll) * scale, math.sin(roll) * scale
    centre = (low + high) / 2
    perspective = np.array([[1, 0, 0], [0, 1, 0], [*tilt, 1]]) @ np.array(
        [[1, 0, -centre[0]], [0, 1, -centre[1]], [0, 0, 1]]
    )
    middle = (canvas.sides - 1) / 2 + shift
    return SceneCamera(np.array([[cos, -sin, middle[0]], [sin, cos, middle[1]], [0, 0, 1]]) @ perspective, scale, roll)
