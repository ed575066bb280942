"""The part of a picture that a refiner sees of one object: PoseFix's box around the object's own landmarks.

After ``gen_batch.py`` and ``dataset.py`` of https://github.com/mks0601/PoseFix_RELEASE (MIT, copyright 2019 Gyeongsik
Moon): the box of all landmarks times `POSE_MARGIN`, widened to the input's aspect, times `CROP_MARGIN`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepmark.errors import DataError
from deepmark.runtime.arrays import F32, F64, Image8
from deepmark.runtime.transform import WARP_LIMIT

POSE_MARGIN = 1.2  # times the extent of the landmarks
CROP_MARGIN = 1.25  # times the widened box
NO_EXTENT = 20.0  # pixels that landmarks on one line count as


@dataclass(frozen=True, slots=True)
class PoseCrop:
    """Where a refiner's input lies in a picture: centred, upright, of one scale in both directions.

    Attributes:
        centre: centre (x, y) in pixels of the picture.
        scale: input pixels per pixel of the picture.
        input_hw: height and width of the input, in pixels.
    """

    centre: tuple[float, float]
    scale: float
    input_hw: tuple[int, int]

    @classmethod
    def of_box(cls, box: F64, input_hw: tuple[int, int]) -> PoseCrop:
        """Show a box (4,) x1, y1, x2, y2 with `CROP_MARGIN` around it, whole, as large as the input's aspect allows.

        Raises:
            DataError: the box is not finite, or has no extent.
        """
        width, height = float(box[2] - box[0]), float(box[3] - box[1])
        if not (np.isfinite(box).all() and width > 0 and height > 0):
            raise DataError(f"an object's box must be finite and have an extent, found {np.round(box, 3).tolist()}")
        shown_width = max(width, height * input_hw[1] / input_hw[0]) * CROP_MARGIN
        centre = (float(box[0]) + width / 2, float(box[1]) + height / 2)
        return cls(centre, input_hw[1] / shown_width, input_hw)

    @classmethod
    def of_pose(cls, points: F32 | F64, input_hw: tuple[int, int]) -> PoseCrop:
        """Show all landmarks (P, 2) of an object.

        Raises:
            DataError: there is none, or one is not finite.
        """
        return cls.of_box(pose_box(points), input_hw)

    def matrix(self) -> F64:
        """Picture's pixels to input pixels, (2, 3), as ``cv2.warpAffine`` takes it."""
        height, width = self.input_hw
        x, y = self.centre
        return np.array([[self.scale, 0, width / 2 - self.scale * x], [0, self.scale, height / 2 - self.scale * y]])

    def to_input(self, points: F32 | F64) -> F64:
        """Picture's pixels to input pixels, (..., 2)."""
        height, width = self.input_hw
        return (np.asarray(points, np.float64) - self.centre) * self.scale + (width / 2, height / 2)

    def to_picture(self, points: F32 | F64) -> F64:
        """Input pixels to the picture's: the inverse of `to_input`, (..., 2)."""
        height, width = self.input_hw
        return (np.asarray(points, np.float64) - (width / 2, height / 2)) / self.scale + self.centre

    def cut(self, image: Image8) -> Image8:
        """Return the input, (H, W, 3) uint8, black where the picture does not reach."""
        matrix = self.matrix()
        if max(image.shape[:2]) >= WARP_LIMIT:
            image, matrix = self._near(image, matrix)
        return warp(image, matrix, self.input_hw)

    def _near(self, image: Image8, matrix: F64) -> tuple[Image8, F64]:
        """Leave out what the input does not show of a picture that is too long for OpenCV."""
        corners = self.to_picture(np.array([[0, 0], self.input_hw[::-1]], np.float64))
        sides = np.array(image.shape[1::-1])
        first = np.clip(np.floor(corners[0]).astype(np.int64) - 2, 0, sides - 1)
        last = np.clip(np.ceil(corners[1]).astype(np.int64) + 2, first + 1, sides)
        last = np.minimum(last, first + WARP_LIMIT - 1)
        shifted = matrix.copy()
        shifted[:, 2] += matrix[:, :2] @ first
        return image[first[1] : last[1], first[0] : last[0]], shifted


def pose_box(points: F32 | F64) -> F64:
    """Return the box (4,) x1, y1, x2, y2 of landmarks (P, 2): their extent times `POSE_MARGIN`, about its centre.

    Raises:
        DataError: there is none, or one is not finite.
    """
    points = np.asarray(points, np.float64)
    if not len(points) or not np.isfinite(points).all():
        raise DataError(
            "a refiner needs an object with landmarks that are all finite",
            hint="boxes alone cannot be refined: use a detector with landmarks",
        )
    low, high = points.min(axis=0), points.max(axis=0)
    size = np.where(high > low, high - low, NO_EXTENT) * POSE_MARGIN
    middle = (low + high) / 2
    return np.concatenate([middle - size / 2, middle + size / 2])


def warp(image: Image8, matrix: F64, input_hw: tuple[int, int]) -> Image8:
    """Warp a picture bilinearly by an affine matrix (2, 3); black where it does not reach."""
    import cv2

    warped = cv2.warpAffine(
        np.ascontiguousarray(image), matrix, input_hw[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
    )
    return np.asarray(warped, np.uint8)
