"""What a convolution reads at single cells of a map."""

from __future__ import annotations

import numpy as np

from deepmark.runtime.arrays import F32, Index

TAPS = 9  # of a 3x3 convolution, row by row
_DY, _DX = (index[:, None] - 1 for index in np.divmod(np.arange(TAPS), 3))


def columns_at(features: F32, cells: Index) -> F32:
    """Gather what a 1x1 convolution reads at n flat cells: (C, H, W) -> (C, n)."""
    return features.reshape(len(features), -1).take(cells, axis=1)


def patches_at(features: F32, cells: Index) -> F32:
    """Gather what a zero-padded 3x3 convolution reads at n flat cells: (C, H, W) -> (C * 9, n).

    Rows have the order of a convolution's weights (out, C, 3, 3).
    """
    channels, height, width = features.shape
    y, x = cells // width + _DY, cells % width + _DX  # (9, n)
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    patches = columns_at(features, y.clip(0, height - 1) * width + x.clip(0, width - 1))  # (C, 9, n)
    if not inside.all():
        patches[:, ~inside] = 0
    return patches.reshape(channels * TAPS, len(cells))
