"""Object centres: local maxima of the centre heatmap, the best K of them, and boxes around them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepmark.errors import SenselessHeadsError
from deepmark.runtime.arrays import F32, Index, Mask
from deepmark.runtime.decoding.padded import PaddedMaps

CELL_CENTRE = np.float32(0.5)  # where a peak lies in its cell when the network has no offset head
FARTHEST = 1e6  # cells; no network means it, and squares of larger distances would leave float32


@dataclass(frozen=True, slots=True)
class Centres:
    """N object centres, best first.

    Attributes:
        scores: (N,) centre scores, ``Score_bbox`` of Eq. (1).
        class_ids: (N,) class of the object.
        cells: (N,) flat cell of the centre, y * W + x.
        xy: (2, N) integer x and y of the cell.
    """

    scores: F32
    class_ids: Index
    cells: Index
    xy: F32

    def take(self, index: Index | Mask) -> Centres:
        """Return the centres with these positions, in this order."""
        return Centres(self.scores[index], self.class_ids[index], self.cells[index], self.xy[:, index])


def find_centres(heatmap: PaddedMaps, top_k: int) -> Centres:
    """Find the best 3x3 local maxima above 0 over all classes; equal scores go by class, then by cell.

    One cell may hold several classes.

    Args:
        heatmap: ``hm``, a map for each class, already blurred, in borders of zeros.
        top_k: most centres to return, K in the paper.
    """
    peaks = heatmap.local_maxima()
    scores = heatmap.flat.take(peaks)
    if len(peaks) > top_k:
        # Where a network sees nothing its sigmoid underflows to one value: a plateau of thousands of equal peaks, on
        # which `partition` takes longer than all the rest. Of the lowest ones the first make up the number.
        wanted = scores > scores.min()
        missing = max(top_k - np.count_nonzero(wanted), 0)
        wanted[np.flatnonzero(~wanted)[:missing]] = True
        peaks, scores = peaks[wanted], scores[wanted]
    if len(peaks) > top_k:
        at_least = np.partition(scores, -top_k)[-top_k]
        good = scores >= at_least  # all equals of the K-th are in it, so that the stable sort can cut among them
        peaks, scores = peaks[good], scores[good]
    order = np.argsort(-scores, kind="stable")[:top_k]
    class_ids, y, x = heatmap.locate(peaks[order])
    width = heatmap.inner.shape[2]
    return Centres(scores[order], class_ids, y * width + x, np.stack([x, y]).astype(np.float32))


def boxes_at(centres: Centres, sizes: F32, offsets: F32 | None) -> F32:
    """Put a box of ``sizes`` (2, N) width and height around every centre: (4, N) x1, y1, x2, y2 in cells.

    ``offsets`` (2, N) are positions inside the cells, or None.
    """
    middle = centres.xy + inside_cells(offsets, "reg")
    half = sizes / 2
    return np.concatenate([middle - half, middle + half])


def inside_cells(offsets: F32 | None, name: str) -> F32 | np.float32:
    """Return positions inside cells, (2, n), from an offset head, or the middle where the network has none."""
    return CELL_CENTRE if offsets is None else require_cells(offsets, name)


def require_cells(values: F32, name: str) -> F32:
    """Return regressions as they are, unless no network means them.

    Raises:
        SenselessHeadsError: a value is not finite, or more than a million cells.
    """
    sane = np.abs(values) < FARTHEST  # false for NaN too
    if not sane.all():
        raise SenselessHeadsError(
            f"head {name!r} must hold finite numbers of cells, found {values[~sane][0]}",
            hint="the model or the engine is broken: `deepmark verify` tells which",
        )
    return values
