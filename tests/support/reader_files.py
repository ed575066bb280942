"""Good files of every kind that the C++ readers take."""

from __future__ import annotations

import io

import cv2
import numpy as np


def png_of(image: np.ndarray) -> bytes:
    _, png = cv2.imencode(".png", image)
    return png.tobytes()


def npz_of(*, compressed: bool) -> bytes:
    stream = io.BytesIO()
    arrays = {"wh.0.weight": np.arange(36, dtype=np.float32).reshape(2, 2, 3, 3), "wh.0.bias": np.float32([1, 2])}
    (np.savez_compressed if compressed else np.savez)(stream, **arrays)
    return stream.getvalue()


def noise(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    smooth = cv2.resize(rng.integers(0, 256, (3, 4, 3), np.uint8), (width, height))
    return np.where(rng.random((height, width, 1)) < 0.1, rng.integers(0, 256, (height, width, 3), np.uint8), smooth)
