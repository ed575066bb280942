"""An 8-bit picture becomes the network's input: ``(pixel / 255 - mean) / std``, float32, channels first."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from deepmark.errors import DataError
from deepmark.runtime.arrays import F32, Image8
from deepmark.runtime.manifest import Preprocess

PREPROCESSING = 3
"""Number of the way from a picture's file to the network's input: `deepmark.runtime.media.picture_file`,
`deepmark.runtime.transform` and this module. Raise it with every change to a number that the network is given:
outputs of networks that are kept on disk are known by it."""


def normalise(image: Image8, preprocess: Preprocess) -> F32:
    """Turn a picture of the network's size into its input.

    A pixel has 256 values, so the formula is computed once per value and looked up per pixel.

    Args:
        image: (H, W, 3) uint8, channels in ``preprocess.color``'s order.
        preprocess: numbers of the manifest.

    Returns:
        (1, 3, H, W) float32, contiguous.

    Raises:
        DataError: the picture is no (H, W, 3) uint8 array, or has no pixels.
    """
    import cv2

    require_picture(image)
    height, width, channels = image.shape
    tables = _tables(preprocess)
    planes = np.empty((1, channels, height, width), np.float32)
    for channel in range(channels):
        cv2.LUT(np.ascontiguousarray(image[:, :, channel]), tables[channel], dst=planes[0, channel])
    return planes


def require_picture(image: object) -> None:
    """Refuse what is no (H, W, 3) uint8 picture with at least one pixel.

    Raises:
        DataError: says what was found.
    """
    if not isinstance(image, np.ndarray):
        raise DataError(f"a picture must be a uint8 array (H, W, 3), found {type(image).__name__}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise DataError(
            f"a picture must be a uint8 array (H, W, 3), found {image.dtype} {image.shape}",
            hint="cv2.imread(path, cv2.IMREAD_COLOR) gives such a picture",
        )


@lru_cache(maxsize=8)
def _tables(preprocess: Preprocess) -> F32:
    """The formula at all pixel values, (3, 256), computed in double precision and rounded once."""
    pixels = np.arange(256, dtype=np.float64) / 255
    mean, std = (np.array(values)[:, None] for values in (preprocess.mean, preprocess.std))
    return np.asarray((pixels - mean) / std, np.float32)
