"""COCO's assignment of detections to items, for all pictures and classes at once.

Within a picture and class the detections choose one after the other, best first: each takes, at each threshold, the
item that it overlaps most of those still free. Here the n-th detections of all pictures choose together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepmark.runtime.arrays import F64, Index, Mask

BitArray = npt.NDArray[np.uint16]  # bit t belongs to the t-th threshold

THRESHOLDS = np.linspace(0.5, 0.95, 10)
_BITS = (1 << np.arange(len(THRESHOLDS))).astype(np.uint16)


@dataclass(frozen=True, slots=True, eq=False)
class CandidatePairs:
    """k pairs of a detection and an item of its picture and class, by detection, then by item.

    Attributes:
        detection: (k,) index of the detection, ascending; within a picture and class the best detection comes first.
        item: (k,) index of the item.
        overlap: (k,) OKS or IoU.
    """

    detection: Index
    item: Index
    overlap: F64


def assign(pairs: CandidatePairs, count: int, cells: Index, ignored: Mask, crowds: Mask) -> tuple[BitArray, BitArray]:
    """Let detections choose items.

    Args:
        pairs: pairs of detections with the items that they may choose.
        count: number of detections, N.
        cells: (items,) number of the picture and class that an item belongs to.
        ignored: (items,) whether an item may be found but need not; what finds one is neither right nor wrong.
        crowds: (items,) whether an item, which is ignored too, may be found by any number of detections.

    Returns:
        Of every detection, (N,): the thresholds at which it has an item that counts, and those at which it has an
        ignored one.
    """
    right, forgiven = np.zeros(count, np.uint16), np.zeros(count, np.uint16)
    close = pairs.overlap >= THRESHOLDS[0]
    detection, item, overlap = pairs.detection[close], pairs.item[close], pairs.overlap[close]
    if not len(detection):
        return right, forgiven
    by_preference = np.lexsort((item, overlap, ~ignored[item]))  # last: what counts, most overlap, the last of equals
    preference = np.empty(len(item), np.intp)
    preference[by_preference] = np.arange(1, len(item) + 1)
    allowed = overlap[:, None] >= np.minimum(THRESHOLDS, 1 - 1e-10)
    taken = np.zeros((len(ignored), len(THRESHOLDS)), np.bool_)
    for turn in _turns(detection, cells[item]):
        free = allowed[turn] & ~taken[item[turn]]
        starts = np.flatnonzero(np.diff(detection[turn], prepend=-1))
        best = np.maximum.reduceat(np.where(free, preference[turn, None], 0), starts, axis=0)  # (detections, 10)
        row, threshold = np.nonzero(best)
        chosen = item[by_preference[best[row, threshold] - 1]]
        taken[chosen, threshold] = ~crowds[chosen]
        who, bit = detection[turn[starts[row]]], _BITS[threshold]
        np.bitwise_or.at(right, who, np.where(ignored[chosen], 0, bit).astype(np.uint16))
        np.bitwise_or.at(forgiven, who, np.where(ignored[chosen], bit, 0).astype(np.uint16))
    return right, forgiven


def _turns(detection: Index, cell: Index) -> list[Index]:
    """Sort pairs into turns: in each, every picture and class has at most one detection."""
    is_next = np.diff(detection, prepend=-1) != 0
    is_new = np.diff(cell, prepend=-1) != 0
    number = is_next.cumsum()  # of the detection, from 1
    first = np.maximum.accumulate(np.where(is_new, number, 0))  # of its cell
    turn = number - first
    order = np.argsort(turn, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(turn[order])) + 1)
