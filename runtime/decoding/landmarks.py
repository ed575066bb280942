"""From coarse to final landmarks: the search in the landmark heatmap, its gates, and techniques 3 and 4.

Everything works on pairs (object, landmark) at once; points are (2, n) arrays, a row of x and a row of y. A pair is
unrefined when nothing in its map passes: its coarse position stays and its value is 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from deepmark.runtime.arrays import F32, Index, Mask
from deepmark.runtime.decoding.candidates import Candidates, find_candidates
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.decoding.peaks import inside_cells
from deepmark.runtime.decoding.ragged import argmax_of_each, expand
from deepmark.runtime.decoding.stage_clock import StageClock
from deepmark.runtime.heads.maps import ReadableHeads
from deepmark.runtime.keypoints.schema import KeypointSchema

MASK_DIVISOR = 9.0  # Eq. (4): sigma = min(width, height) / 9
SMALLEST_SIGMA = 1 / 6  # the training Gaussian of radius 0; a sigma of 0 would divide by it
NEAREST_LIMIT = np.float32(0.3)  # CenterNet's: of the longer side; a peak farther away is another object's
LOG_ROUNDING = 1e-4  # of float32 in logarithms of heatmap values: a wider search loses no cell


@dataclass(frozen=True, slots=True)
class Pairs:
    """Every landmark of every object, objects one after the other, landmarks in the class's order.

    Attributes:
        owner: (P,) position of the pair's object.
        group: (P,) heatmap channel of the pair's landmark.
        bounds: (N + 1,) positions of each object's first pair; those of object i are ``bounds[i] : bounds[i + 1]``.
    """

    owner: Index
    group: Index
    bounds: Index

    @classmethod
    def of(cls, schema: KeypointSchema, class_ids: Index) -> Pairs:
        """List the landmarks that objects of these classes have."""
        groups = schema.groups
        per_class = np.array([len(one) for one in groups])
        channels = np.array([group for one in groups for group in one], np.intp)
        counts = per_class[class_ids]
        owner, position = expand((per_class.cumsum() - per_class)[class_ids], counts)
        return cls(owner, channels.take(position), np.concatenate([[0], counts.cumsum()]))


@dataclass(frozen=True, slots=True)
class Landmarks:
    """All pairs in the end.

    Attributes:
        xy: (2, P) final positions, in cells.
        values: (P,) heatmap values, under technique 4 after the mask; 0 where unrefined.
        refined: (P,) whether the position comes from the heatmap.
    """

    xy: F32
    values: F32
    refined: Mask


@dataclass(frozen=True, slots=True)
class Found:
    """The one candidate of every pair that has one: (m,) pairs, (m,) values, (2, m) positions."""

    pair: Index
    value: F32
    xy: F32


def refine(
    pairs: Pairs,
    coarse: F32,
    sizes: F32,
    boxes: F32,
    heads: ReadableHeads,
    params: DecoderParams,
    *,
    clock: StageClock | None = None,
) -> Landmarks:
    """Replace coarse positions by heatmap positions where the heatmap has one.

    Args:
        pairs: list of the P landmarks of N objects.
        coarse: (2, P) regressed positions, in cells.
        sizes: (2, N) width and height of the boxes, in cells.
        boxes: (4, N) x1, y1, x2, y2, in cells.
        heads: source of ``hm_hp`` and ``hp_offset``; without ``hm_hp`` everything stays coarse.
        params: techniques 2, 3 and 4.
        clock: clock that takes the time of each stage; None where nobody asks for it.
    """
    count = len(pairs.owner)
    landmarks = Landmarks(coarse.copy(), np.zeros(count, np.float32), np.zeros(count, np.bool_))
    if heads.hm_hp is None or not count:
        return landmarks
    clock = clock or StageClock()
    used = np.bincount(pairs.group, minlength=len(heads.hm_hp)) > 0
    clock.start()
    candidates = find_candidates(heads.hm_hp, used, params)
    clock.stop("candidates")
    if not len(candidates.cells):
        return landmarks
    search = _highest_under_mask if params.mask else _nearest_peak
    found = search(pairs, coarse, sizes, candidates, heads)
    clock.stop("mask search" if params.mask else "nearest search")
    box = boxes.take(pairs.owner.take(found.pair), axis=1)
    inside = ((found.xy >= box[:2]) & (found.xy <= box[2:])).all(axis=0)
    pair = found.pair[inside]
    gamma = np.float32(params.gamma)
    landmarks.xy[:, pair] = gamma * found.xy[:, inside] + (1 - gamma) * coarse.take(pair, axis=1)  # Eq. (3)
    landmarks.values[pair] = found.value[inside]
    landmarks.refined[pair] = True
    return landmarks


def _highest_under_mask(pairs: Pairs, coarse: F32, sizes: F32, candidates: Candidates, heads: ReadableHeads) -> Found:
    """Technique 4, Eq. (4): the maximum of the heatmap times a Gaussian around the coarse cell.

    No product beyond ``reach`` can be above the floor: rows farther away are not looked at.
    """
    middle = np.floor(coarse)
    sigma = np.maximum(sizes.min(axis=0) / MASK_DIVISOR, SMALLEST_SIGMA)
    room = math.log(candidates.values.max() / candidates.floor)
    reach = (sigma * math.sqrt(2 * (room + LOG_ROUNDING))).take(pairs.owner)
    top = np.ceil(middle[1] - reach).astype(np.intp)
    bottom = np.floor(middle[1] + reach).astype(np.intp)
    pair, candidate = expand(*candidates.in_rows(pairs.group, top, bottom))
    away = candidates.xy.take(candidate, axis=1) - middle.take(pair, axis=1)
    away *= away
    squared = away[0] + away[1]  # of integers: cells at one distance tie exactly
    spread = (-2 * sigma * sigma).take(pairs.owner).take(pair)
    value = candidates.values.take(candidate) * np.exp(squared / spread)
    passes = np.flatnonzero(value > candidates.floor)
    best = passes[argmax_of_each(pair[passes], value[passes])]
    return Found(pair[best], value[best], _position(candidates, candidate[best], heads))


def _nearest_peak(pairs: Pairs, coarse: F32, sizes: F32, candidates: Candidates, heads: ReadableHeads) -> Found:
    """CenterNet's choice: the local maximum nearest to the coarse position, unless it is too far for the box."""
    position = _position(candidates, np.arange(len(candidates.cells)), heads)
    pair, candidate = expand(*candidates.in_group(pairs.group))
    away = position.take(candidate, axis=1) - coarse.take(pair, axis=1)
    away *= away
    squared = away[0] + away[1]
    best = argmax_of_each(pair, -squared)
    limit = NEAREST_LIMIT * sizes.max(axis=0).take(pairs.owner.take(pair[best]))
    best = best[np.sqrt(squared[best]) <= limit]
    chosen = candidate[best]
    return Found(pair[best], candidates.values[chosen], position.take(chosen, axis=1))


def _position(candidates: Candidates, index: Index, heads: ReadableHeads) -> F32:
    offsets = heads.at_landmarks(candidates.cells.take(index))
    return candidates.xy.take(index, axis=1) + inside_cells(offsets, "hp_offset")
