"""Heatmaps with a border of one cell around each: copied there once, then blurred and searched in place.

The eight neighbours of a cell lie at the same eight distances in the flat array, whether it is at the edge of its map
or not; all maps are searched in one go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from deepmark.runtime.arrays import F32, Index
from deepmark.runtime.decoding.gaussian import Kernel

Border = Literal["zero", "replicate"]


@dataclass(frozen=True, slots=True, eq=False)
class PaddedMaps:
    """C maps of H by W cells.

    Attributes:
        values: (C, H + 2, W + 2) the maps and their borders, without gaps in memory.
    """

    values: F32

    @classmethod
    def of(cls, maps: F32, border: Border = "zero") -> PaddedMaps:
        """Copy maps into a border.

        Args:
            maps: (C, H, W) heatmaps.
            border: content of the border, zeros or the nearest cell.
        """
        channels, height, width = maps.shape
        values = np.zeros((channels, height + 2, width + 2), np.float32)
        values[:, 1:-1, 1:-1] = maps
        if border == "replicate":
            values[:, :, 0], values[:, :, -1] = values[:, :, 1], values[:, :, -2]
            values[:, 0], values[:, -1] = values[:, 1], values[:, -2]
        return cls(values)

    @classmethod
    def blurred(cls, maps: F32, sigma: float, border: Border) -> PaddedMaps:
        """Convolve maps with the Gaussian, and put them into a border of zeros.

        Args:
            maps: (C, H, W) heatmaps.
            sigma: standard deviation in cells, >= 0; 0 leaves the maps as they are.
            border: what Eq. (2) reads beyond a map, zeros or the nearest cell.
        """
        if sigma == 0:
            return cls.of(maps)
        padded = cls.of(maps, border)
        flat, row = padded.flat, padded.row
        first, last = row + 1, len(flat) - row - 1  # all maps in one go; the cells of the borders come out as nonsense
        Kernel.of(sigma).weigh(lambda distance: flat[first + distance : last + distance], row)
        padded.values[:, 0] = padded.values[:, -1] = 0
        padded.values[:, :, 0] = padded.values[:, :, -1] = 0
        return padded

    @property
    def flat(self) -> F32:
        """All cells, those of the borders included, as one row; not a copy."""
        return self.values.reshape(-1)

    @property
    def row(self) -> int:
        """Distance from one row of a map to the next in `flat`."""
        row: int = self.values.shape[2]
        return row

    @property
    def inner(self) -> F32:
        """The maps without their borders, (C, H, W); not a copy."""
        return self.values[:, 1:-1, 1:-1]

    def blurred_at(self, cells: Index, sigma: float) -> F32:
        """Compute single cells of `blurred`, bit for bit, and leave the maps as they are.

        Args:
            cells: (n,) positions in `flat`, none of them in a border.
            sigma: standard deviation in cells, >= 0.

        Returns:
            (n,) values.
        """
        flat, row = self.flat, self.row
        if sigma == 0:
            return flat.take(cells)
        upper_left = cells - (row + 1)
        return Kernel.of(sigma).weigh(lambda distance: flat[row + 1 + distance :].take(upper_left), row)

    def local_maxima(self) -> Index:
        """List the cells that are above 0 and not below a neighbour, (n,) positions in `flat`.

        A plateau is a maximum in each of its cells, as in CenterNet. The borders must be zeros.
        """
        flat, row = self.flat, self.row
        across = np.maximum(np.maximum(flat[:-2], flat[2:]), flat[1:-1])
        around = np.maximum(np.maximum(across[: -2 * row], across[2 * row :]), across[row:-row])
        centre = flat[row + 1 : -row - 1]
        peaks: Index = np.flatnonzero((centre == around) & (centre > 0)) + (row + 1)
        return peaks

    def locate(self, cells: Index) -> tuple[Index, Index, Index]:
        """Split (n,) positions in `flat` into map, y and x; the latter two count without the border."""
        _, height, width = self.values.shape
        row = cells // width  # `//` and a product are several times as fast as `divmod`
        channel = row // height
        return channel, row - channel * height - 1, cells - row * width - 1


def blur(maps: F32, sigma: float, border: Border) -> F32:
    """Convolve every map with the Gaussian.

    Args:
        maps: (C, H, W) heatmaps.
        sigma: standard deviation in cells, >= 0; 0 returns the maps themselves.
        border: what Eq. (2) reads beyond a map, zeros or the nearest cell.
    """
    return maps if sigma == 0 else PaddedMaps.blurred(maps, sigma, border).inner
