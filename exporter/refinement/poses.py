"""Objects that a refiner's stages are compared on: drawn garments with synthesised errors, and noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepmark.exporter.pictures import noise
from deepmark.models.datasets.drawings import DrawnItem, draw
from deepmark.models.refiner.checkpoint import LoadedRefiner, count_channels
from deepmark.models.refiner.samples import RefinerSamples
from deepmark.runtime.arrays import F32, Image8

COUNT = 8  # the last is noise
GOLDEN = 3  # of them become golden vectors
_SEED = 20200407
_DRAWINGS = 256  # that are looked through for objects of the refiner's classes
_SIDE = 256


@dataclass(frozen=True, slots=True, eq=False)
class PosedCrop:
    """A refiner's input.

    Attributes:
        image: (H, W, 3) uint8, BGR.
        pose: (K, 3) x, y in pixels of the crop, and 1 where the channel is given, else 0.
    """

    image: Image8
    pose: F32


class _Drawings:
    """Drawings that are made when they are asked for."""

    def __len__(self) -> int:
        return _DRAWINGS

    def __getitem__(self, index: int) -> tuple[Image8, Sequence[DrawnItem]]:
        drawing = draw(_SEED, index + 1, _SIDE)
        return drawing.image_bgr_u8, drawing.items


def gather_poses(loaded: LoadedRefiner) -> list[PosedCrop]:
    """Return the inputs to compare stages on, the same for the same classes and size."""
    count, size = count_channels(loaded.channels), loaded.config.input_hw
    samples = RefinerSamples(_Drawings(), loaded.schema, loaded.channels, count, size, _SEED, augment=None)
    drawn = [samples[number] for number in range(COUNT - 1)]
    random = np.random.default_rng(_SEED)
    pose = np.concatenate([random.random((count, 2)) * size[::-1], np.ones((count, 1))], axis=1).astype(np.float32)
    return [*(PosedCrop(one.image, one.pose) for one in drawn), PosedCrop(noise(size), pose)]
