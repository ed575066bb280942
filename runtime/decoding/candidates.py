"""The few cells of the landmark heatmap that a landmark can come from.

Only cells above the threshold matter, and a blurred cell can only be above it if one of its nine cells is: a few dozen
per group. They are listed once; every search afterwards is a small gather, and no map is scanned per object.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepmark.runtime.arrays import F32, Index, Mask
from deepmark.runtime.decoding.padded import PaddedMaps
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.decoding.ragged import highest_of_each

UNDERFLOW = np.float32(1e-12)  # what a rescored value must be above where the threshold is held against the raw one
LOOSER = np.float32(0.999)  # nine weights may add up to a hair more than 1: a looser net loses no cell


@dataclass(frozen=True, slots=True)
class Candidates:
    """n cells, sorted by group and then by cell, so that the first of equals is the lowest.

    Attributes:
        cells: (n,) flat cell in its map, y * W + x.
        xy: (2, n) integer x and y of the cell.
        values: (n,) heatmap value after technique 2.
        floor: value that a landmark's final one must be above.
        row_starts: (groups * H + 1,) position of the first candidate at or after each row of each group.
        height: rows of a map, H.
    """

    cells: Index
    xy: F32
    values: F32
    floor: np.float32
    row_starts: Index
    height: int

    def in_rows(self, group: Index, top: Index, bottom: Index) -> tuple[Index, Index]:
        """Find the candidates in rows ``top`` to ``bottom`` (inclusive) of each group: starts and counts."""
        first_row = group * self.height
        starts = self.row_starts.take(first_row + top.clip(0, self.height))
        ends = self.row_starts.take(first_row + (bottom + 1).clip(0, self.height))
        return starts, ends - starts

    def in_group(self, group: Index) -> tuple[Index, Index]:
        """Find the candidates of each group: starts and counts."""
        starts = self.row_starts.take(group * self.height)
        return starts, self.row_starts.take((group + 1) * self.height) - starts


def find_candidates(heatmap: F32, used: Mask, params: DecoderParams) -> Candidates:
    """List the cells of the ``used`` groups that may become landmarks under ``params``.

    With technique 4 every cell above the threshold may; without it, only the ``top_k`` highest local maxima above it of
    each group, of equal ones the first (CenterNet).

    Args:
        heatmap: (G, H, W) ``hm_hp``, probabilities.
        used: (G,) whether any object asks for the group; the other maps are neither blurred nor listed.
        params: threshold, blur, technique 4 and ``top_k``.
    """
    groups, height, width = heatmap.shape
    threshold = np.float32(params.keypoint_threshold)
    loose = threshold * LOOSER
    searched = np.flatnonzero(used & (heatmap.reshape(groups, -1).max(axis=1) > loose))
    padded = PaddedMaps.of(heatmap if len(searched) == groups else heatmap[searched], params.border)
    cells = _support(padded, loose, blurred=params.sigma_keypoint > 0)
    values = padded.blurred_at(cells, params.sigma_keypoint)
    if params.threshold_on == "raw":
        floor, passes = UNDERFLOW, padded.flat.take(cells) > threshold
    else:
        floor, passes = threshold, values > threshold
    if not params.mask:
        passes &= _is_local_maximum(cells, values, padded)
    cells, values = cells[passes], values[passes]
    channel, y, x = padded.locate(cells)
    if not params.mask:
        highest = highest_of_each(channel, values, params.top_k)
        values, channel, y, x = values[highest], channel[highest], y[highest], x[highest]
    row = searched.take(channel) * height + y
    row_starts = np.zeros(groups * height + 1, np.intp)
    np.cumsum(np.bincount(row, minlength=groups * height), out=row_starts[1:])
    return Candidates(y * width + x, np.stack([x, y]).astype(np.float32), values, floor, row_starts, height)


def _support(padded: PaddedMaps, loose: np.float32, *, blurred: bool) -> Index:
    """List the cells that are above ``loose`` or, if ``blurred``, have a neighbour that is: positions in the flat maps.

    Neighbours of listed maxima are therefore listed too, which makes `_is_local_maximum` exact.
    """
    above = padded.values > loose
    if blurred:
        flat, row = above.reshape(-1), padded.row
        flat[1:-1] |= flat[:-2] | flat[2:]
        flat[row:-row] |= flat[: -2 * row] | flat[2 * row :]
    above[:, :, 0] = above[:, :, -1] = False
    above[:, 0] = above[:, -1] = False
    return np.flatnonzero(above)


def _is_local_maximum(cells: Index, values: F32, padded: PaddedMaps) -> Mask:
    """Tell which listed cells are at least as high as their eight neighbours; cells that are not listed count as 0."""
    listed, row = np.zeros(padded.flat.size, np.float32), padded.row
    listed[cells] = values
    is_maximum = np.ones(len(cells), np.bool_)
    for dy in (-row, 0, row):
        for dx in (-1, 0, 1):
            is_maximum &= values >= listed.take(cells + (dy + dx))
    return is_maximum
