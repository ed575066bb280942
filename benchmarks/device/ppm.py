"""Pictures as the C++ programs read them: binary PPM."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from deepmark.runtime.arrays import Image8


def encode_ppm(image: Image8) -> bytes:
    """Return the file of an image.

    Args:
        image: (H, W, 3), blue, green, red.
    """
    height, width, _ = image.shape
    return f"P6\n{width} {height}\n255\n".encode() + image[:, :, ::-1].tobytes()


def write_ppm_files(images: Iterable[Image8], folder: Path) -> None:
    """Write images into a new folder, in the order of their names."""
    folder.mkdir()
    for number, image in enumerate(images):
        (folder / f"{number:06}.ppm").write_bytes(encode_ppm(image))
