"""The affine letterbox: image pixels to heatmap cells and back.

The image's centre goes to the input's centre, without a half-pixel shift, at the largest scale at which the image fits
whole. In a square input that is CenterNet's pre-processing (``get_affine_transform`` with rotation 0). In others it is
not: CenterNet scales by the input's width whatever the image, which crops tall images in wide inputs, and shows them
small in tall ones (`Letterbox.centernet`, decision 39).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepmark.errors import DataError
from deepmark.runtime.arrays import F32, F64, I64, Image8
from deepmark.runtime.heads.maps import STRIDE
from deepmark.runtime.preprocess import require_picture

Points = F32  # (..., 2): x, y

WARP_LIMIT = 32767  # cv2.warpAffine of OpenCV 4 takes no picture with a side this long: it counts pixels in int16


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Where an image lies inside a network input.

    Attributes:
        scale: input pixels per image pixel.
        image_centre: centre (x, y) of the image, in image pixels.
        input_centre: centre (x, y) of the network's input, in input pixels.
    """

    scale: float
    image_centre: tuple[float, float]
    input_centre: tuple[float, float]

    @classmethod
    def fit(cls, image_hw: tuple[int, int], input_hw: tuple[int, int]) -> Letterbox:
        """Fit an image of ``image_hw`` whole into an input of ``input_hw`` (both height, width, in pixels).

        Inputs of `deepmark.runtime.input_fit.input_size` give the same scale as the model's own size, to the last bit.

        Raises:
            DataError: a side is zero or negative.
        """
        if min(*image_hw, *input_hw) <= 0:
            raise DataError(
                f"cannot fit an image of {image_hw[1]}x{image_hw[0]} into an input of {input_hw[1]}x{input_hw[0]}",
                hint="both sides must be at least 1 pixel",
            )
        return cls._centred(min(input_hw[0] / image_hw[0], input_hw[1] / image_hw[1]), image_hw, input_hw)

    @classmethod
    def centernet(cls, image_hw: tuple[int, int], input_hw: tuple[int, int]) -> Letterbox:
        """Scale by the input's width, as CenterNet does whatever the shapes: for data that CenterNet made.

        Args:
            image_hw: height and width of the image, in pixels, at least 1 each.
            input_hw: height and width of the input, in pixels, at least 1 each.
        """
        return cls._centred(input_hw[1] / max(image_hw), image_hw, input_hw)

    @classmethod
    def _centred(cls, scale: float, image_hw: tuple[int, int], input_hw: tuple[int, int]) -> Letterbox:
        return cls(scale, (image_hw[1] / 2, image_hw[0] / 2), (input_hw[1] / 2, input_hw[0] / 2))

    def matrix(self) -> F64:
        """Image pixels to input pixels, (2, 3), as ``cv2.warpAffine`` takes it."""
        (image_x, image_y), (input_x, input_y) = self.image_centre, self.input_centre
        s = self.scale
        return np.array([[s, 0, input_x - s * image_x], [0, s, input_y - s * image_y]])

    def to_cells(self, points: Points) -> Points:
        """Image pixels to heatmap cells; any shape (..., 2)."""
        in_input = (points - np.array(self.image_centre)) * self.scale + np.array(self.input_centre)
        return np.asarray(in_input / STRIDE, np.float32)

    def to_image(self, points: Points) -> Points:
        """Heatmap cells to image pixels: the inverse of `to_cells`; any shape (..., 2)."""
        in_input = points * np.float64(STRIDE)
        in_image = (in_input - np.array(self.input_centre)) / self.scale + np.array(self.image_centre)
        return np.asarray(in_image, np.float32)


def letterbox(image_bgr_u8: Image8, input_hw: tuple[int, int]) -> tuple[Image8, Letterbox]:
    """Warp an image into a network input, with black where the image does not reach.

    Args:
        image_bgr_u8: (h, w, 3) uint8, of any size from 1x1 on.
        input_hw: height and width of the input, in pixels.

    Returns:
        The input, (H, W, 3) uint8, and where the image lies in it.

    Raises:
        DataError: the image is not uint8, has not three channels, or has no pixels.
    """
    require_picture(image_bgr_u8)
    box = Letterbox.fit(image_bgr_u8.shape[:2], input_hw)
    return warp(image_bgr_u8, box, input_hw), box


def warp(image_bgr_u8: Image8, box: Letterbox, input_hw: tuple[int, int]) -> Image8:
    """Draw an image where a letterbox puts it, with black where it does not reach.

    Args:
        image_bgr_u8: (h, w, 3) uint8, of any size from 1x1 on.
        box: place of the image in the input.
        input_hw: height and width of the input, in pixels.
    """
    import cv2

    height, width = input_hw
    if max(image_bgr_u8.shape[:2]) >= WARP_LIMIT:
        return _warp_huge(image_bgr_u8, box, input_hw)
    contiguous = np.ascontiguousarray(image_bgr_u8)  # OpenCV takes no reversed view, such as rgb[..., ::-1]
    warped = cv2.warpAffine(
        contiguous, box.matrix(), (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
    )
    return np.asarray(warped, np.uint8)


def _warp_huge(image: Image8, box: Letterbox, input_hw: tuple[int, int]) -> Image8:
    """Do what ``cv2.warpAffine`` does, for pictures too long for it.

    The affine is a scale and a shift, so the columns and rows that the input reads are picked first: 2 of each per
    input pixel. Nothing of the picture's own size is made.
    """
    matrix = box.matrix()
    row, row_weight = _taps(input_hw[0], matrix[1, 1], matrix[1, 2], image.shape[0])
    column, column_weight = _taps(input_hw[1], matrix[0, 0], matrix[0, 2], image.shape[1])
    corners = image[row[:, :, None, None], column]  # (2, H, 2, W, 3)
    warped = np.einsum("ahbwc,ah,bw->hwc", corners.astype(np.float64), row_weight, column_weight)
    return np.asarray(np.rint(warped), np.uint8)


def _taps(length: int, scale: float, shift: float, source_length: int) -> tuple[I64, F64]:
    """Name the two source positions behind each output position along one axis, and their weights; both (2, length).

    Positions outside the source have weight 0: that is the black border.
    """
    source = (np.arange(length) - shift) / scale
    first = np.floor(source)
    position = np.stack([first, first + 1]).astype(np.int64)
    weight = np.stack([first + 1 - source, source - first])
    weight[(position < 0) | (position >= source_length)] = 0
    return position.clip(0, source_length - 1), weight
