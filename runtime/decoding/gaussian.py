"""Technique 2, Eq. (2): the weights of the 3x3 Gaussian that heatmaps are convolved with.

There is ONE order of summation, for whole maps and for single cells alike, so that both give the same bits::

    centre * k + edge * ((left + right) + (up + down)) + corner * ((ul + ur) + (dl + dr))

It is symmetric in left/right and up/down: mirrored neighbourhoods give equal values, and ties stay ties.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from deepmark.runtime.arrays import F32


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
        """Sum nine neighbours of each cell, in the array that ``at(0)`` gives.

        Args:
            at: function from a distance in the flat map to (n,) values of the cells so far behind those asked for.
            row: distance from one row of a map to the next, in cells.
        """
        edges = (at(-1) + at(1)) + (at(-row) + at(row))
        edges *= self.edge
        corners = (at(-row - 1) + at(-row + 1)) + (at(row - 1) + at(row + 1))
        corners *= self.corner
        blurred = at(0)
        blurred *= self.centre
        blurred += edges
        blurred += corners
        return blurred
