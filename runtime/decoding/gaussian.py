"""Technique 2, Eq. (2): heatmaps convolved with the 3x3 Gaussian.

There is ONE order of summation, for whole maps and for single cells alike, so that both give the same bits::

    centre * k + edge * ((left + right) + (up + down)) + corner * ((ul + ur) + (dl + dr))

It is symmetric in left/right and up/down: mirrored neighbourhoods give equal values, and ties stay ties.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from deepmark.runtime.arrays import F32, Index

Border = Literal["zero", "replicate"]


@dataclass(frozen=True, slots=True)
class Kernel:
    """The three different weights of a normalised 3x3 Gaussian: outer(g, g), g = [e, 1, e] / (1 + 2e)."""

    centre: np.float32
    edge: np.float32
    corner: np.float32

    @classmethod
    def of(cls, sigma: float) -> Kernel:
        """Make the kernel with this standard deviation in cells, > 0."""
        e = math.exp(-0.5 / sigma / sigma)  # two divisions: sigma**2 of a tiny sigma would be 0
        total = (1 + 2 * e) ** 2
        return cls(np.float32(1 / total), np.float32(e / total), np.float32(e * e / total))

    def weigh(self, at: Callable[[int], F32], row: int) -> F32:
        """Sum nine neighbours; ``at(d)`` gives the cells ``d`` behind those asked for, where a row has ``row``."""
        edges = (at(-1) + at(1)) + (at(-row) + at(row))
        corners = (at(-row - 1) + at(-row + 1)) + (at(row - 1) + at(row + 1))
        blurred: F32 = np.multiply(at(0), self.centre)
        blurred += np.multiply(edges, self.edge)
        blurred += np.multiply(corners, self.corner)
        return blurred


def blur(maps: F32, sigma: float, border: Border) -> F32:
    """Convolve every map with the Gaussian of ``sigma`` cells; ``sigma`` 0 returns the maps themselves.

    Args:
        maps: (C, H, W).
        sigma: standard deviation in cells, >= 0.
        border: what lies beyond the map: zeros, or the nearest cell.
    """
    if sigma == 0:
        return maps
    padded = pad(maps, border)
    flat, row = padded.reshape(-1), padded.shape[2]
    first, last = row + 1, len(flat) - row - 1  # all maps in one go; the cells of the borders come out as nonsense
    blurred = np.empty_like(padded)
    blurred.reshape(-1)[first:last] = Kernel.of(sigma).weigh(lambda d: flat[first + d : last + d], row)
    return blurred[:, 1:-1, 1:-1]


def blur_cells(padded: F32, cells: Index, sigma: float) -> F32:
    """Compute single cells of `blur`.

    Args:
        padded: (C, H + 2, W + 2) maps with their border, from `pad`.
        cells: (n,) flat indices into ``padded``, none of them in the border.
        sigma: standard deviation in cells, >= 0.

    Returns:
        (n,) values, bit for bit those of `blur`.
    """
    flat, row = padded.reshape(-1), padded.shape[2]
    if sigma == 0:
        return flat.take(cells)
    upper_left = cells - (row + 1)
    return Kernel.of(sigma).weigh(lambda d: flat[row + 1 + d :].take(upper_left), row)


def pad(maps: F32, border: Border = "zero") -> F32:
    """Put a border of one cell around every map: (C, H, W) to (C, H + 2, W + 2)."""
    channels, height, width = maps.shape
    padded = np.zeros((channels, height + 2, width + 2), np.float32)
    padded[:, 1:-1, 1:-1] = maps
    if border == "replicate":
        padded[:, :, 0], padded[:, :, -1] = padded[:, :, 1], padded[:, :, -2]
        padded[:, 0], padded[:, -1] = padded[:, 1], padded[:, -2]
    return padded
