"""Heads to detections in pure NumPy: CenterNet's decoding with the four techniques of the paper (section 3.2).

The order is blur (Eq. 2), best K centres, landmarks under the mask (Eq. 4) or nearest peaks, gates, combination with
the coarse positions (Eq. 3), new scores (Eq. 1), sorting, suppression. All coordinates are heatmap cells. With
``DecoderParams.baseline()`` it is CenterNet's decoding exactly.
"""

from __future__ import annotations

import numpy as np

from deepmark.errors import DataError, SenselessHeadsError
from deepmark.runtime.arrays import F32, F64, Mask
from deepmark.runtime.decoding.landmarks import Landmarks, Pairs, refine
from deepmark.runtime.decoding.nms import suppress
from deepmark.runtime.decoding.padded import PaddedMaps
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.decoding.peaks import Centres, boxes_at, find_centres, require_cells
from deepmark.runtime.decoding.stage_clock import StageClock
from deepmark.runtime.detections import Detections
from deepmark.runtime.heads.maps import PROBABILITY_HEADS, ReadableHeads
from deepmark.runtime.keypoints.schema import KeypointSchema

PROBABILITY_SLACK = 1e-3  # rounding, and engines of low precision, may leave [0, 1] by this much


def decode(
    heads: ReadableHeads, schema: KeypointSchema, params: DecoderParams, *, clock: StageClock | None = None
) -> Detections:
    """Find the objects in one image's heads.

    Args:
        heads: `Heads` or `SparseHeads`; ``hm`` and ``hm_hp`` are probabilities. Without ``reg`` or ``hp_offset``
            positions are the middle of the cell; without ``hm_hp`` all landmarks are coarse and, as there is nothing to
            average, scores stay centre scores. Without ``hps`` objects are boxes only: they have no landmarks.
        schema: classes and groups of the network.
        params: techniques, thresholds, and suppression (which counts heatmap cells here).
        clock: clock that takes the time of each stage; None where nobody asks for it.

    Returns:
        At most ``params.top_k`` objects with a score above 0, best first; equal scores keep the order of their centre
        scores, then of class and cell.

    Raises:
        DataError: the heads do not fit the schema, or hold values that no network gives (NaN, logits).
    """
    clock = clock or StageClock()
    _require_fit(heads, schema)
    clock.start()
    _require_probabilities(heads)
    clock.stop("check")
    heatmap = PaddedMaps.blurred(heads.hm, params.sigma_center, params.border)
    clock.stop("blur hm")
    centres = find_centres(heatmap, params.top_k)
    clock.stop("centres")
    centres = centres.take(_can_reach(centres.scores, params))
    pairs = Pairs.of(schema, centres.class_ids)
    regressed = heads.at_centres(centres.cells, pairs.owner, pairs.group)
    sizes = np.maximum(require_cells(regressed.sizes, "wh"), 0)
    boxes = boxes_at(centres, sizes, regressed.offsets)
    coarse = centres.xy.take(pairs.owner, axis=1) + require_cells(regressed.displacements, "hps")
    landmarks = refine(pairs, coarse, sizes, boxes, heads, params, clock=clock)
    means = mean_values(pairs, landmarks, params)
    scores = centres.scores if heads.hm_hp is None else rescore(centres.scores, means, params)
    clock.start()
    found = _collect(centres, scores, boxes, pairs, landmarks, means, floor=params.score_threshold)
    clock.stop("collect")
    found = suppress(found, params)
    clock.stop("suppress")
    return found


def _can_reach(box_scores: F32, params: DecoderParams) -> Mask:
    """Tell which objects can reach the score floor even if all their landmarks were perfect."""
    best = params.alpha * box_scores.astype(np.float64) + (1 - params.alpha) * (1 + PROBABILITY_SLACK)
    return best + PROBABILITY_SLACK >= params.score_threshold


def mean_values(pairs: Pairs, landmarks: Landmarks, params: DecoderParams) -> F64:
    """Average the landmark values of each object: ``Score_kps`` of Eq. (1), (N,); 0 for classes without landmarks.

    In float64, so that the result does not depend on the order of the sum.
    """
    count = len(pairs.bounds) - 1
    totals = np.bincount(pairs.owner, weights=landmarks.values, minlength=count)
    if params.unrefined == "skip":
        counted = np.bincount(pairs.owner, weights=landmarks.refined, minlength=count)
        return totals / np.maximum(counted, 1)
    return totals / np.maximum(np.diff(pairs.bounds), 1)


def rescore(box_scores: F32, means: F64, params: DecoderParams) -> F32:
    """Technique 1, Eq. (1): centre and landmark scores combined, (N,)."""
    return (params.alpha * box_scores.astype(np.float64) + (1 - params.alpha) * means).astype(np.float32)


def _collect(
    centres: Centres,
    scores: F32,
    boxes: F32,
    pairs: Pairs,
    landmarks: Landmarks,
    means: F64,
    *,
    floor: float,
) -> Detections:
    """Sort the objects by score, leave out those below ``floor``, and cut the pairs into one array per object."""
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] >= np.float32(floor)]
    points = np.ascontiguousarray(landmarks.xy.T)  # (P, 2)
    starts, ends = pairs.bounds[order].tolist(), pairs.bounds[order + 1].tolist()
    slices = list(map(slice, starts, ends))
    return Detections(
        class_ids=centres.class_ids[order].astype(np.int64, copy=False),
        scores=scores[order],
        box_scores=centres.scores[order],
        boxes=np.ascontiguousarray(boxes[:, order].T),
        keypoints=tuple(points[one] for one in slices),
        keypoint_scores=tuple(landmarks.values[one] for one in slices),
        refined=tuple(landmarks.refined[one] for one in slices),
        keypoints_score=means[order].astype(np.float32),
    )


def _require_fit(heads: ReadableHeads, schema: KeypointSchema) -> None:
    classes, groups = len(heads.hm), heads.groups
    if (classes, groups) != (len(schema.classes), schema.num_groups):
        raise DataError(
            f"the heads have {classes} classes and {groups} keypoint groups,"
            f" but schema {schema.name!r} has {len(schema.classes)} and {schema.num_groups}",
            hint="decode with the schema that the network was trained with",
        )


def _require_probabilities(heads: ReadableHeads) -> None:
    for name in PROBABILITY_HEADS:
        head: F32 | None = getattr(heads, name)
        if head is None or not head.size:
            continue
        low, high = float(head.min()), float(head.max())
        if not (low >= -PROBABILITY_SLACK and high <= 1 + PROBABILITY_SLACK):  # this way round NaN is refused too
            raise SenselessHeadsError(
                f"head {name!r} must hold probabilities from 0 to 1, found values from {low:.4g} to {high:.4g}",
                hint="raw heads (logits) need a sigmoid; NaN means a broken model or engine",
            )
