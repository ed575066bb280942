"""CenterNet's own decoder of people (lib/models/decode.py, ``multi_pose_decode``, MIT), its tensors written in NumPy.

Line by line as it is published, one image, one class, K x K distances and all: what it does, not how we say it.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from deepmark.runtime.heads.maps import Heads

THRESHOLD = np.float32(0.1)


def multi_pose_decode(heads: Heads, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return boxes (K, 4) and landmarks (K, J, 2), in cells, best centre first; J groups, of which a class has all."""
    assert heads.hps is not None
    assert heads.hm_hp is not None
    assert heads.reg is not None
    assert heads.hp_offset is not None
    joints = len(heads.hm_hp)
    _, inds, ys, xs = (one[0] for one in topk_channel(nms(heads.hm), k))  # (K,)
    kps = heads.hps.reshape(2 * joints, -1)[:, inds]
    kps[::2] += xs
    kps[1::2] += ys
    reg_kps = kps.reshape(joints, 2, k).transpose(0, 2, 1)[:, :, None]  # (J, K, 1, 2)
    reg = heads.reg.reshape(2, -1)[:, inds]
    wh = heads.wh.reshape(2, -1)[:, inds]
    cx, cy = xs + reg[0], ys + reg[1]
    bboxes = np.stack([cx - wh[0] / 2, cy - wh[1] / 2, cx + wh[0] / 2, cy + wh[1] / 2], axis=1)

    hm_score, hm_inds, hm_ys, hm_xs = topk_channel(nms(heads.hm_hp), k)  # (J, K)
    offset = heads.hp_offset.reshape(2, -1)[:, hm_inds]
    hm_xs, hm_ys = hm_xs + offset[0], hm_ys + offset[1]
    mask = hm_score > THRESHOLD
    hm_score = np.where(mask, hm_score, -1)
    hm_ys, hm_xs = np.where(mask, hm_ys, -10000), np.where(mask, hm_xs, -10000)
    hm_kps = np.stack([hm_xs, hm_ys], axis=-1)[:, None]  # (J, 1, K, 2)
    dist = ((reg_kps - hm_kps) ** 2).sum(axis=3) ** 0.5  # (J, K objects, K peaks)
    min_dist, min_ind = dist.min(axis=2), dist.argmin(axis=2)  # (J, K)
    hm_score = np.take_along_axis(hm_score, min_ind, axis=1)
    hm_kps = np.stack([np.take_along_axis(one, min_ind, axis=1) for one in (hm_xs, hm_ys)], axis=-1)  # (J, K, 2)
    left, top, right, bottom = bboxes.T
    rejected = (hm_kps[..., 0] < left) | (hm_kps[..., 0] > right) | (hm_kps[..., 1] < top) | (hm_kps[..., 1] > bottom)
    rejected |= (hm_score < THRESHOLD) | (min_dist > np.maximum(bottom - top, right - left) * np.float32(0.3))
    keypoints = np.where(rejected[..., None], reg_kps[:, :, 0], hm_kps)
    return bboxes, keypoints.transpose(1, 0, 2)


def nms(heat: np.ndarray) -> np.ndarray:
    padded = np.pad(heat, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    hmax = sliding_window_view(padded, (3, 3), axis=(1, 2)).max(axis=(3, 4))
    return np.where(hmax == heat, heat, np.float32(0))


def topk_channel(scores: np.ndarray, k: int) -> tuple[np.ndarray, ...]:
    """Each map's K best: scores, cells, rows, columns, (C, K). Of equal ones the first; torch has no rule for them."""
    channels, _, width = scores.shape
    flat = scores.reshape(channels, -1)
    inds = np.argsort(-flat, axis=1, kind="stable")[:, :k]
    ys, xs = (inds // width).astype(np.float32), (inds % width).astype(np.float32)
    return np.take_along_axis(flat, inds, axis=1), inds, ys, xs
