"""CenterNet's targets as its own loops make them: slow, padded, and without a line in common with the real ones.

After ``MultiPoseDataset.__getitem__`` and ``draw_umich_gaussian`` of CenterNet (commit 4c50fd3), with a class's
landmarks written to the channels of their groups.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

MAX_OBJECTS = 32


def loop_targets(garments: list[Any], groups: tuple[tuple[int, ...], ...], num_groups: int, res: int) -> dict[str, Any]:
    hm = np.zeros((len(groups), res, res), np.float32)
    hm_hp = np.zeros((num_groups, res, res), np.float32)
    wh = np.zeros((MAX_OBJECTS, 2), np.float32)
    kps = np.zeros((MAX_OBJECTS, num_groups * 2), np.float32)
    reg = np.zeros((MAX_OBJECTS, 2), np.float32)
    ind = np.zeros(MAX_OBJECTS, np.int64)
    reg_mask = np.zeros(MAX_OBJECTS, np.uint8)
    kps_mask = np.zeros((MAX_OBJECTS, num_groups * 2), np.uint8)
    hp_offset = np.zeros((MAX_OBJECTS * num_groups, 2), np.float32)
    hp_ind = np.zeros(MAX_OBJECTS * num_groups, np.int64)
    hp_mask = np.zeros(MAX_OBJECTS * num_groups, np.int64)
    for k, garment in enumerate(garments):
        bbox = np.clip(garment.box, 0, res - 1)
        h, w = bbox[3] - bbox[1], bbox[2] - bbox[0]
        if not (h > 0 and w > 0):
            continue
        radius = max(0, int(_radius(math.ceil(h), math.ceil(w))))
        ct = np.array([(bbox[0] + bbox[2]) / 2, (bbox[1] + bbox[3]) / 2], np.float32)
        ct_int = ct.astype(np.int32)
        wh[k] = w, h
        ind[k] = ct_int[1] * res + ct_int[0]
        reg[k] = ct - ct_int
        reg_mask[k] = 1
        for position, pt in enumerate(garment.landmarks):
            j = groups[garment.class_id][position]
            if pt[2] > 0 and 0 <= pt[0] < res and 0 <= pt[1] < res:
                kps[k, j * 2 : j * 2 + 2] = pt[:2] - ct_int
                kps_mask[k, j * 2 : j * 2 + 2] = 1
                pt_int = pt[:2].astype(np.int32)
                hp_offset[k * num_groups + j] = pt[:2] - pt_int
                hp_ind[k * num_groups + j] = pt_int[1] * res + pt_int[0]
                hp_mask[k * num_groups + j] = 1
                _draw(hm_hp[j], pt_int, radius)
        _draw(hm[garment.class_id], ct_int, radius)
    return {
        "hm": hm,
        "hm_hp": hm_hp,
        "wh": wh,
        "hps": kps,
        "reg": reg,
        "ind": ind,
        "reg_mask": reg_mask,
        "hps_mask": kps_mask,
        "hp_offset": hp_offset,
        "hp_ind": hp_ind,
        "hp_mask": hp_mask,
    }


def _radius(height: float, width: float, overlap: float = 0.7) -> float:
    b1 = height + width
    c1 = width * height * (1 - overlap) / (1 + overlap)
    r1 = (b1 - np.sqrt(b1**2 - 4 * c1)) / 2
    b2 = 2 * (height + width)
    c2 = (1 - overlap) * width * height
    r2 = (b2 - np.sqrt(b2**2 - 16 * c2)) / 8
    a3 = 4 * overlap
    b3 = -2 * overlap * (height + width)
    c3 = (overlap - 1) * width * height
    r3 = (b3 + np.sqrt(b3**2 - 4 * a3 * c3)) / (2 * a3)
    return float(min(r1, r2, r3))


def _draw(heatmap: Any, center: Any, radius: int) -> None:
    sigma = (2 * radius + 1) / 6
    for y in range(heatmap.shape[0]):
        for x in range(heatmap.shape[1]):
            dx, dy = x - center[0], y - center[1]
            if abs(dx) <= radius and abs(dy) <= radius:
                heatmap[y, x] = max(heatmap[y, x], math.exp(-(dx * dx + dy * dy) / (2 * sigma * sigma)))
