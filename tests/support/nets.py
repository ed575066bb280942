"""Seeded checkpoints of CenterNet's other networks, and what its code computes for them (tests/data/README.md)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from deepmark.runtime.arrays import F32
from deepmark.runtime.keypoints.head_names import HEAD_ORDER
from deepmark.runtime.manifest import Preprocess

Arrays = Mapping[str, np.ndarray]  # of a golden file, by name
NETS = Path(__file__).resolve().parent.parent / "data" / "nets"
ATOL, RTOL = 1e-4, 1e-4  # of raw heads, against the reference in float32


def read_golden(name: str) -> dict[str, np.ndarray]:
    """Read ``NAME_HxW.npz``: an input and what the reference's network gave for it."""
    with np.load(NETS / f"{name}.npz") as file:
        return dict(file)


def normalised(golden: Arrays) -> F32:
    """Return the input of a golden file, (1, 3, H, W)."""
    preprocess = Preprocess()
    image = (golden["image_bgr_u8"] / 255 - preprocess.mean) / preprocess.std
    return image.transpose(2, 0, 1)[None].astype(np.float32)


def assert_reference_heads(found: Mapping[str, F32], golden: Arrays, stage: str) -> None:
    """Hold raw heads against a golden file's."""
    names = [name for name in HEAD_ORDER if name in golden]
    assert list(found) == names
    for name in names:
        np.testing.assert_allclose(found[name], golden[name], RTOL, ATOL, err_msg=f"{stage} {name}")
