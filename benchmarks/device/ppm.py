"""Pictures as the C++ programs read them: binary PPM."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt


def encode_ppm(image: npt.NDArray[np.uint8]) -> bytes:
    """Return the file of an image.

    Args:
        image: (H, W, 3), blue, green, red.
    """
    height, width, _ = image.shape
    return f"P6\n{width} {height}\n255\n".encode() + image[:, :, ::-1].tobytes()


def write_ppm_files(images: Iterable[npt.NDArray[np.uint8]], folder: Path) -> None:
    """Write images into a new folder, in the order of their names."""
    folder.mkdir()
    for number, image in enumerate(images):
        (folder / f"{number:06}.ppm").write_bytes(encode_ppm(image))
