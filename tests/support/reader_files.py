"""Good files of every kind that the C++ readers take."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np

from deepmark.runtime.arrays import Image8


def npz_of(*, compressed: bool) -> bytes:
    stream = io.BytesIO()
    weight, bias = np.arange(36, dtype=np.float32).reshape(2, 2, 3, 3), np.array([1, 2], np.float32)
    arrays: dict[str, Any] = {"wh.0.weight": weight, "wh.0.bias": bias}  # Any: numpy's types expect its options, too
    (np.savez_compressed if compressed else np.savez)(stream, **arrays)
    return stream.getvalue()


def noise(height: int, width: int) -> Image8:
    rng = np.random.default_rng(0)
    smooth = cv2.resize(rng.integers(0, 256, (3, 4, 3), np.uint8), (width, height))
    return np.where(rng.random((height, width, 1)) < 0.1, rng.integers(0, 256, (height, width, 3), np.uint8), smooth)
