"""Which cells of the centre heatmap can be among the best K centres under *some* sigma of Eq. (2).

With t = 2e / (1 + 2e), from 0 for sigma 0 to 2/3 for an infinite one, a blurred value is a parabola of t:
``(1-t)^2 * centre + 2t(1-t) * mean of the edges + t^2 * mean of the corners``. So is the difference of two cells. Over
a short interval a parabola keeps close to its chord, which bounds it from both sides. In every interval some cells are
maxima whatever t is: the K-th highest of their lowest values is a floor below which no centre is ever taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from deepmark.runtime.arrays import F32, F64, Index, Mask

INTERVALS = 8  # of t; more make the bounds a little tighter and the work longer
_T = np.linspace(0, 2 / 3, INTERVALS + 1)
_FROM_CHORD = float(_T[1]) ** 2 / 4  # of the bend: the farthest that a parabola is from its chord over an interval
_BESIDE = np.array([[-1], [0], [1]])
_ROUNDING = 2e-6  # of the largest cell: twice what float32 can put between two blurred values
_SMALLEST = 1e-37  # below it float32 loses digits
_LOOSER = 0.999  # of a floor, for the same reason
Border = Literal["constant", "edge"]  # of NumPy: zeros, or the nearest cell, as the decoder may read beyond a map


@dataclass(frozen=True, slots=True)
class CentreBounds:
    """What holds of the best K centres under every sigma and with both borders.

    Attributes:
        floor: value that all of them are above; 0 where nothing is known.
        possible: (m,) flat cells of the heatmap, ascending, that contain all of them.
    """

    floor: np.float32
    possible: Index


def find_centre_bounds(hm: F32, top_k: int) -> CentreBounds:
    """Bound the best ``top_k`` centres of a heatmap (C, H, W)."""
    floors = _floors(_Ranges.of(hm, np.flatnonzero(_is_peak(hm))), top_k)
    floor = np.float32(floors.min())
    ranges = _Ranges.of(hm, np.flatnonzero(around(hm > floor, 1)))
    taken = ((ranges.most_ahead >= 0) & (ranges.highest >= floors[:, None])).any(axis=0)
    return CentreBounds(floor, ranges.cells[taken])


def around(mask: Mask, radius: int) -> Mask:
    """Mark the cells within ``radius`` cells, diagonals too, of a marked one; (C, H, W)."""
    for _ in range(radius):
        wider = mask.copy()
        wider[:, 1:] |= mask[:, :-1]
        wider[:, :-1] |= mask[:, 1:]
        mask = wider.copy()
        mask[:, :, 1:] |= wider[:, :, :-1]
        mask[:, :, :-1] |= wider[:, :, 1:]
    return mask


@dataclass(frozen=True, slots=True)
class _Ranges:
    """Where the blurred values of n cells lie in each of the intervals, whatever the border; all (INTERVALS, n).

    Attributes:
        cells: (n,) flat cells of the heatmap.
        lowest: (INTERVALS, n) lowest value.
        highest: (INTERVALS, n) highest value.
        least_ahead: (INTERVALS, n) least lead over the highest of its eight neighbours; above 0 it is a maximum for
            certain.
        most_ahead: (INTERVALS, n) largest lead over the highest of its eight neighbours; below 0 it is no maximum for
            certain.
    """

    cells: Index
    lowest: F64
    highest: F64
    least_ahead: F64
    most_ahead: F64

    @classmethod
    def of(cls, hm: F32, cells: Index) -> _Ranges:
        lowest, highest, least, most = _ranges(hm, cells, "constant")
        edge = np.flatnonzero(_at_border(cells, hm.shape))
        nearest = _ranges(hm, cells[edge], "edge")
        lowest[:, edge] = np.minimum(lowest[:, edge], nearest[0])
        highest[:, edge] = np.maximum(highest[:, edge], nearest[1])
        least[:, edge] = np.minimum(least[:, edge], nearest[2])
        most[:, edge] = np.maximum(most[:, edge], nearest[3])
        return cls(cells, lowest, highest, least, most)


def _at_border(cells: Index, shape: tuple[int, ...]) -> Mask:
    """Tell which cells see beyond the map, or a neighbour of theirs does."""
    y, x = np.divmod(cells % (shape[1] * shape[2]), shape[2])
    beyond: Mask = np.minimum(np.minimum(y, shape[1] - 1 - y), np.minimum(x, shape[2] - 1 - x)) < 2
    return beyond


def _floors(ranges: _Ranges, top_k: int) -> F64:
    """Give the floor of each interval, (INTERVALS,)."""
    floors = np.zeros(INTERVALS)
    if len(ranges.cells) >= top_k:
        certain = np.where(ranges.least_ahead > 0, ranges.lowest, 0)
        floors = np.partition(certain, -top_k, axis=1)[:, -top_k].clip(0) * _LOOSER
    return floors


def _is_peak(hm: F32) -> Mask:
    """Mark the cells that are above the four beside them: enough to find floors with."""
    padded = np.pad(hm, ((0, 0), (1, 1), (1, 1)))
    beside = (padded[:, 1:-1, :-2], padded[:, 1:-1, 2:], padded[:, :-2, 1:-1], padded[:, 2:, 1:-1])
    peak: Mask = np.logical_and.reduce([hm > other for other in beside])
    return peak


def _ranges(hm: F32, cells: Index, border: Border) -> tuple[F64, F64, F64, F64]:
    centre, edges, corners, inside, slack = _neighbourhoods(hm, cells, border)
    bend = centre - 2 * edges + corners
    t = _T[:, None, None, None]
    values = centre + t * (2 * (edges - centre) + t * bend)  # (INTERVALS + 1, 3, 3, n)
    bulge = _FROM_CHORD * np.abs(bend[1, 1])
    own = values[:, 1, 1]
    ahead = own[:, None, None] - values
    ahead_bulge = _FROM_CHORD * np.abs(bend[1, 1] - bend) + slack
    least = np.where(inside, np.minimum(ahead[:-1], ahead[1:]) - ahead_bulge, np.inf)
    most = np.where(inside, np.maximum(ahead[:-1], ahead[1:]) + ahead_bulge, np.inf)
    return (
        np.minimum(own[:-1], own[1:]) - bulge,
        np.maximum(own[:-1], own[1:]) + bulge,
        least.min(axis=(1, 2)),
        most.min(axis=(1, 2)),
    )


def _neighbourhoods(hm: F32, cells: Index, border: Border) -> tuple[F64, F64, F64, Mask, F64]:
    """Describe the 3x3 cells around each cell.

    Returns:
        Value, mean of its edges, mean of its corners, whether it is another cell of the map: (3, 3, n) each; and what
        rounding may change, (n,).
    """
    _, height, width = hm.shape
    padded = np.pad(hm, ((0, 0), (1, 1), (1, 1)), mode=border)
    padded = np.pad(padded, ((0, 0), (1, 1), (1, 1)))
    row = width + 4
    channel, cell = np.divmod(cells, height * width)
    y, x = np.divmod(cell, width)
    corner = (channel * (height + 4) + y) * row + x
    offsets = np.arange(5)[:, None] * row + np.arange(5)
    window = padded.reshape(-1)[corner + offsets[:, :, None]].astype(np.float64)  # (5, 5, n)
    edges = (window[1:4, :3] + window[1:4, 2:] + window[:3, 1:4] + window[2:, 1:4]) / 4
    corners = (window[:3, :3] + window[:3, 2:] + window[2:, :3] + window[2:, 2:]) / 4
    beside_y, beside_x = y + _BESIDE, x + _BESIDE
    rows, columns = (beside_y >= 0) & (beside_y < height), (beside_x >= 0) & (beside_x < width)
    inside = rows[:, None] & columns
    inside[1, 1] = False
    return window[1:4, 1:4], edges, corners, inside, _ROUNDING * np.abs(window).max(axis=(0, 1)) + _SMALLEST
