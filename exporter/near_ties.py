"""Choices of the decoder that rounding may turn over, read off the maps that it chose from.

Each test asks: is the distance between what was chosen and the next best smaller than what the two computations are
known to differ by (`Slack`, measured on the very same pictures)? Then both choices are right, else one is wrong.
The symbols are those of `deepmark.runtime.decoding.decoder`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from deepmark.runtime.arrays import F32
from deepmark.runtime.decoding.landmarks import MASK_DIVISOR, SMALLEST_SIGMA
from deepmark.runtime.decoding.padded import blur
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.decoding.peaks import CELL_CENTRE
from deepmark.runtime.heads.maps import Heads


class Cell(NamedTuple):
    """Where an object comes from: a class and a heatmap cell."""

    class_id: int
    x: int
    y: int


class Slack:
    """How far two computations of each head differ: cells, or probabilities.

    Args:
        errors: head -> difference; heads that a network does not have differ by 0.
    """

    def __init__(self, errors: Mapping[str, float]) -> None:
        self._errors = dict(errors)

    def __getitem__(self, head: str) -> float:
        return self._errors.get(head, 0.0)


def centre_is_near_tie(heads: Heads, params: DecoderParams, cell: Cell, score: float, slack: Slack) -> bool:
    """Tell whether this cell is, or fails to be, a local maximum of ``hm`` by no more than the slack.

    ``score`` is the centre score of the object that one side found there: the map must agree with it, too.
    """
    heatmap = blur(heads.hm[cell.class_id : cell.class_id + 1], params.sigma_center, params.border)[0]
    padded = np.pad(heatmap, 1, constant_values=-np.inf)
    around = padded[cell.y : cell.y + 3, cell.x : cell.x + 3].copy()
    own = around[1, 1]
    around[1, 1] = -np.inf
    agrees = abs(own - score) <= slack["hm"]
    return bool(agrees and abs(own - around.max()) <= 2 * slack["hm"])  # own and the neighbour may both move


def landmark_is_near_tie(heads: Heads, params: DecoderParams, cell: Cell, group: int, slack: Slack) -> bool:
    """Tell whether technique 4 chose this landmark's position by no more than the slack.

    Four choices are looked at: the cell that the mask stands on, the maximum under the mask, the threshold, and the
    gate at the object's box. Without technique 4, or without ``hm_hp``, nothing counts as a tie.
    """
    if heads.hps is None or heads.hm_hp is None or not params.mask:
        return False
    coarse = heads.hps[2 * group : 2 * group + 2, cell.y, cell.x] + (cell.x, cell.y)
    if (np.abs(coarse - np.round(coarse)) <= slack["hps"]).any():
        return True  # floor(coarse) is one cell or the next
    heatmap = blur(heads.hm_hp[group : group + 1], params.sigma_keypoint, params.border)[0]
    masked, value_slack = _masked(heatmap, heads, cell, np.floor(coarse), slack)
    second, best = np.sort(masked, axis=None)[-2:]
    if best + value_slack < params.keypoint_threshold:
        return False  # nothing was chosen: what moved is the coarse position
    if best - second <= 2 * value_slack:
        return True
    py, px = np.unravel_index(int(masked.argmax()), masked.shape)
    judged = heads.hm_hp[group, py, px] if params.threshold_on == "raw" else best
    if abs(judged - params.keypoint_threshold) <= value_slack:
        return True
    return _at_the_gate(heads, cell, (int(px), int(py)), slack)


def _masked(heatmap: F32, heads: Heads, cell: Cell, centre: F32, slack: Slack) -> tuple[F32, float]:
    """Return Hhat of Eq. (4), and how far its values may move: with ``hm_hp``, and with s, which ``wh`` decides."""
    side = max(float(heads.wh[:, cell.y, cell.x].min()), 0.0)
    s = max(side / MASK_DIVISOR, SMALLEST_SIGMA)
    x, y = np.arange(heatmap.shape[1]) - centre[0], np.arange(heatmap.shape[0])[:, None] - centre[1]
    masked = heatmap * np.exp(-(x**2 + y**2) / (2 * s**2))
    # d/ds exp(-d^2 / 2s^2) = d^2/s^3 exp(-d^2 / 2s^2), at most 2 / (e s), where d^2 = 2 s^2
    return masked, slack["hm_hp"] + 2 / (np.e * s) * slack["wh"] / MASK_DIVISOR


def _at_the_gate(heads: Heads, cell: Cell, peak: tuple[int, int], slack: Slack) -> bool:
    """Tell whether the refined landmark lies on an edge of the object's own box."""
    px, py = peak
    offset = heads.hp_offset[:, py, px] if heads.hp_offset is not None else np.full(2, float(CELL_CENTRE))
    centre = heads.reg[:, cell.y, cell.x] if heads.reg is not None else np.full(2, float(CELL_CENTRE))
    half = np.maximum(heads.wh[:, cell.y, cell.x], 0) / 2
    from_centre = np.abs((offset + peak) - (centre + cell[1:]))
    return bool((np.abs(from_centre - half) <= slack["hp_offset"] + slack["reg"] + slack["wh"] / 2).any())
