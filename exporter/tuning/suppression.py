"""Suppression of many pictures at once, with the results of `deepmark.runtime.decoding.nms` bit for bit.

Objects compete within their picture and class only. Boxes do not depend on what is searched for, so how much two
objects overlap is computed once, by the decoder's own function; each search step then repeats the picking alone, and
the n-th picks of all groups happen together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from deepmark.runtime.arrays import F32, F64, Index, Mask
from deepmark.runtime.decoding.nms import pairwise_iou
from deepmark.runtime.decoding.params import DecoderParams

_LARGEST_BATCH = 1 << 20  # entries of tables that are worked on at once: what a processor's cache holds


@dataclass(frozen=True, slots=True, eq=False)
class SuppressionTables:
    """What every object does to every other of its group when it is picked.

    The square tables of all groups stand one after the other.

    Attributes:
        starts: (groups,) position at which each table begins.
        sizes: (groups,) number of objects of each group, the side of its table.
        rows: (N,) row of each object in its group's table.
        decay: (entries,) factor by which a picked object multiplies another's score.
        rivals: (entries,) whether two objects compete.
        floor: score below which an object with a picked rival is dropped.
    """

    starts: Index
    sizes: Index
    rows: Index
    decay: F64
    rivals: Mask
    floor: float

    @classmethod
    def of(cls, boxes: F32, groups: Index, params: DecoderParams) -> SuppressionTables:
        """Compare all objects.

        Args:
            boxes: (N, 4) x1, y1, x2, y2 in pixels.
            groups: (N,) picture and class as one number, ascending from 0.
            params: decoder parameters whose ``nms`` is not None.
        """
        sizes = np.bincount(groups)
        first = np.cumsum(sizes) - sizes
        tables = [pairwise_iou(boxes[at : at + size]).ravel() for at, size in zip(first, sizes, strict=True) if size]
        overlap = np.concatenate([np.zeros(0), *tables])
        if params.nms == "soft":
            decay, rivals, floor = np.exp(overlap * overlap / -params.nms_sigma), overlap > 0, params.nms_score
        else:
            decay, rivals, floor = np.ones_like(overlap), overlap > params.nms_iou, np.inf
        decay = np.maximum(decay, np.finfo(np.float64).tiny)
        squares = sizes * sizes
        rows = np.arange(len(groups)) - first[groups]
        return cls(np.cumsum(squares) - squares, sizes, rows, decay, rivals, floor)


def pick(tables: SuppressionTables, objects: Index, groups: Index, scores: F32) -> tuple[Index, F32]:
    """Pick the best object of every group, decay its rivals, and so on.

    Args:
        tables: tables of all objects.
        objects: (n,) objects that take part, by group, and within a group best first.
        groups: (n,) group of each.
        scores: (n,) score of each.

    Returns:
        Positions in ``objects`` of those that stay, by group and within it in the order in which they were picked,
        and their decayed scores.
    """
    counts = np.bincount(groups, minlength=len(tables.sizes))
    first = np.cumsum(counts) - counts
    turn = np.full(len(objects), -1, np.intp)
    final = np.zeros(len(objects), np.float64)
    for batch in _batches(counts):
        slots = np.arange(counts[batch].max())
        member = first[batch][:, None] + slots
        member[slots >= counts[batch][:, None]] = -1
        _pick_batch(tables, batch, member, objects, scores, turn, final)
    kept = np.flatnonzero(turn >= 0)
    kept = kept[np.lexsort((turn[kept], groups[kept]))]
    return kept, final[kept].astype(np.float32)


def _batches(counts: Index) -> Iterator[Index]:
    """Split the groups that have objects into batches of about one size."""
    order = np.argsort(counts, kind="stable")
    order = order[counts[order] > 0]
    start = 0
    while start < len(order):
        smallest = int(counts[order[start]])
        end = int(np.searchsorted(counts[order], smallest + smallest // 4, side="right"))
        end = min(end, start + max(1, _LARGEST_BATCH // (2 * smallest)))
        yield order[start:end]
        start = end


def _pick_batch(
    tables: SuppressionTables,
    batch: Index,
    member: Index,
    objects: Index,
    scores: F32,
    turn: Index,
    final: F64,
) -> None:
    """Do the groups of a batch; ``member`` (groups, S) are positions in ``objects``, -1 where a group is smaller."""
    left = np.where(member >= 0, scores[member].astype(np.float64), -np.inf)
    row = tables.rows[objects[member]]  # nonsense where member is -1, but inside the group's own table
    row[member < 0] = 0
    has_rival = np.zeros(left.shape, np.bool_)
    start, side, every = tables.starts[batch], tables.sizes[batch], np.arange(len(batch))
    for number in range(left.shape[1]):
        best = left.argmax(axis=1)
        score = left[every, best]
        left[every, best] = -np.inf
        picked = np.flatnonzero((score > -np.inf) & ((score >= tables.floor) | ~has_rival[every, best]))
        who = member[picked, best[picked]]
        turn[who], final[who] = number, score[picked]
        entries = (start[picked] + row[picked, best[picked]] * side[picked])[:, None] + row[picked]
        left[picked] *= tables.decay.take(entries)
        has_rival[picked] |= tables.rivals.take(entries)
