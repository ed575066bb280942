"""Suppression of objects that overlap a better one of their class.

Boxes are measured as in the reference: ``x2 - x1 + 1`` wide, in whatever coordinates they come. One unit is one heatmap
cell after `decode` and one image pixel after `Detector`, so suppression there and here is not quite the same.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from deepmark.runtime.arrays import F32, F64, I64, Mask
from deepmark.runtime.boxes import iou
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.detections import Detections


def suppress(detections: Detections, params: DecoderParams) -> Detections:
    """Suppress per class as ``params.nms`` says; objects whose score falls below ``params.score_threshold`` go too.

    Args:
        detections: N objects, best first, boxes in cells or pixels.
        params: ``nms`` and its settings; with ``nms`` None the detections come back as they are.

    Returns:
        The objects that stay, best first; after ``"soft"`` with their decayed scores.
    """
    if params.nms is None or not len(detections):
        return detections
    overlap = pairwise_iou(detections.boxes)
    overlap[detections.class_ids[:, None] != detections.class_ids] = 0
    if params.nms == "soft":
        keep, scores = soft_nms(overlap, detections.scores, sigma=params.nms_sigma, threshold=params.nms_score)
    else:
        keep, scores = hard_nms(overlap, detections.scores, threshold=params.nms_iou)
    high = scores >= np.float32(params.score_threshold)
    return dataclasses.replace(detections.select(keep[high]), scores=scores[high])


def soft_nms(overlap: F64, scores: F32, *, sigma: float, threshold: float) -> tuple[I64, F32]:
    """Gaussian soft-NMS: the best object multiplies the scores of the others by exp(-IoU**2 / sigma), and so on.

    Unlike the reference, which leaves rows of removed objects in place, a removed object is gone.

    Args:
        overlap: (N, N) IoU; 0 where two objects do not compete.
        scores: (N,) scores, not negative.
        sigma: width of the Gaussian, > 0, in squared IoU.
        threshold: score below which a decayed object that overlaps a picked one is removed.

    Returns:
        The objects that stay, in the order in which they were picked (best first, of equals the first), and their
        decayed scores.
    """
    return _pick(overlap > 0, np.exp(overlap * overlap / -sigma), scores, floor=threshold)


def hard_nms(overlap: F64, scores: F32, *, threshold: float) -> tuple[I64, F32]:
    """Greedy NMS: the best object removes those that overlap it by an IoU above ``threshold``, and so on."""
    return _pick(overlap > threshold, np.ones_like(overlap), scores, floor=np.inf)


def _pick(rivals: Mask, decay: F64, scores: F32, *, floor: float) -> tuple[I64, F32]:
    """Pick the best object, decay its rivals, and so on; objects with a picked rival go if they are below ``floor``.

    Scores only fall, so it is early enough to look at the floor when an object's turn comes. In float64 to the end: a
    score that many rivals decay is rounded once.
    """
    left = scores.astype(np.float64)
    decay = np.maximum(decay, np.finfo(np.float64).tiny)  # -inf * 0 would be NaN
    has_rival = np.zeros(len(scores), np.bool_)
    picked: list[int] = []
    final: list[float] = []
    for _ in range(len(scores)):
        best = int(left.argmax())
        score = float(left[best])
        left[best] = -np.inf
        if score < floor and has_rival[best]:
            continue
        picked.append(best)
        final.append(score)
        left *= decay[best]
        has_rival |= rivals[best]
    return np.array(picked, np.int64), np.array(final, np.float32)


def pairwise_iou(boxes: F32) -> F64:
    """Compute the IoU of every two boxes (N, 4) x1, y1, x2, y2 as the reference does, one unit added to each side."""
    corners = boxes.astype(np.float64)
    return iou(corners[:, None], corners, rim=1)
