"""Where a picture lies in the network's input at each scale of the multi-scale test, as in CenterNet.

The picture is resized first and warped then: two interpolations. In the mode "fix" the factor is that of the objects:
the letterbox fits the picture at its own size, so that a larger one reaches beyond the model's own input, and an input
of the picture's shape is that one without what would be black. In the mode "keep" the input is the next multiple
strictly above the resized picture, which lies in it pixel for pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepmark.errors import DataError
from deepmark.runtime.arrays import Image8
from deepmark.runtime.input_fit import input_size
from deepmark.runtime.manifest import MAX_INPUT_PIXELS, InputSpec
from deepmark.runtime.media.picture_size import MAX_PIXELS
from deepmark.runtime.multi_inference import MultiInference
from deepmark.runtime.transform import Letterbox, warp


@dataclass(frozen=True, slots=True)
class ScaledView:
    """One look at a picture.

    Attributes:
        factor: scale of the picture.
        resized_hw: height and width that the picture is resized to, in pixels.
        input_hw: height and width of the network's input, in pixels.
        in_resized: place of the resized picture in the input.
    """

    factor: float
    resized_hw: tuple[int, int]
    input_hw: tuple[int, int]
    in_resized: Letterbox

    @classmethod
    def of(cls, image_hw: tuple[int, int], spec: InputSpec, factor: float, inference: MultiInference) -> ScaledView:
        """Place a picture of ``image_hw`` (height, width) in a network's input.

        Args:
            image_hw: height and width of the picture, in pixels.
            spec: the network's input.
            factor: scale of the picture.
            inference: `MultiInference.scales_mode` and `MultiInference.fit` say how the input follows the picture.

        Raises:
            DataError: the picture or the input would be too large.
        """
        height, width = (max(1, int(side * factor)) for side in image_hw)
        if height * width > max(MAX_PIXELS, image_hw[0] * image_hw[1]):
            raise DataError(
                f"at scale {factor:g} a picture of {image_hw[1]}x{image_hw[0]} has {width}x{height} pixels,"
                f" the limit is {MAX_PIXELS:,} in all",
                hint="leave this one out of --scales, or make the picture smaller first",
            )
        if inference.scales_mode == "fix":
            own = spec.height, spec.width
            fit = inference.fit or spec.fit
            input_hw = input_size(image_hw, own, multiple=spec.multiple, fit=fit, resized=(height, width))
            scale = Letterbox.fit(image_hw, own).scale
            placed = Letterbox(scale, (width / 2, height / 2), (input_hw[1] / 2, input_hw[0] / 2))
            return cls(factor, (height, width), input_hw, placed)
        high, wide = (side // spec.multiple * spec.multiple + spec.multiple for side in (height, width))
        if high * wide > MAX_INPUT_PIXELS:
            raise DataError(
                f"at scale {factor:g} a picture of {image_hw[1]}x{image_hw[0]} needs an input of {wide}x{high},"
                f" the limit is {MAX_INPUT_PIXELS:,} pixels",
                hint="--scales-mode fix, or make the picture smaller first",
            )
        return cls(
            factor, (height, width), (high, wide), Letterbox(1.0, (width // 2, height // 2), (wide / 2, high / 2))
        )

    @property
    def transform(self) -> Letterbox:
        """Place of the picture itself in the input."""
        (x, y), factor = self.in_resized.image_centre, self.factor
        return Letterbox(self.in_resized.scale * factor, (x / factor, y / factor), self.in_resized.input_centre)

    def draw(self, image_bgr_u8: Image8) -> Image8:
        """Make the network's input, (H, W, 3) uint8, of a picture (h, w, 3) of the size that this was made for."""
        import cv2

        resized = image_bgr_u8
        if image_bgr_u8.shape[:2] != self.resized_hw:
            height, width = self.resized_hw
            contiguous = np.ascontiguousarray(image_bgr_u8)
            resized = np.asarray(cv2.resize(contiguous, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
        return warp(resized, self.in_resized, self.input_hw)
