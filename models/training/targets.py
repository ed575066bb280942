"""What the network shall answer for one picture: CenterNet's targets of the task multi_pose, in heatmap cells.

Written anew after ``multi_pose.py`` and ``image.py`` of https://github.com/xingyizhou/CenterNet (MIT, copyright 2019
Xingyi Zhou) for several classes with landmarks of their own, which share channels through a schema's groups.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from deepmark.runtime.arrays import F32, I64, Mask
from deepmark.runtime.keypoints.schema import KeypointSchema

Cells = I64  # (N, 2): column x, row y

MIN_OVERLAP = 0.7  # IoU that a box moved by the radius keeps at least


@dataclass(frozen=True, slots=True, eq=False)
class TargetGarment:
    """A labelled object as the network sees it.

    Attributes:
        class_id: 0-based channel of ``hm``.
        box: (4,) x1, y1, x2, y2 in cells; may reach beyond the map.
        landmarks: (n, 3) x, y in cells and v, in the class's own order; v > 0: labelled, seen or not.
    """

    class_id: int
    box: F32
    landmarks: F32


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """What the heads shall be; N objects and M landmarks lie inside the map of h x w cells.

    Attributes:
        hm: (classes, h, w), 1 at every object's centre cell and less around it.
        hm_hp: (groups, h, w), the same for landmarks.
        centres: (N, 2) x, y: the cells where ``wh``, ``reg`` and ``hps`` are read.
        wh: (N, 2) width and height in cells.
        reg: (N, 2) centre minus its cell.
        hps: (N, 2 * groups) landmark minus the centre's cell; x, y alternate; 0 where nothing is known.
        hps_known: (N, 2 * groups), which of these are labelled.
        landmarks: (M, 2) x, y: the cells where ``hp_offset`` is read.
        hp_offset: (M, 2) landmark minus its cell.
    """

    hm: F32
    hm_hp: F32
    centres: Cells
    wh: F32
    reg: F32
    hps: F32
    hps_known: Mask
    landmarks: Cells
    hp_offset: F32


def make_targets(garments: Sequence[TargetGarment], schema: KeypointSchema, map_hw: tuple[int, int]) -> Targets:
    """Make the targets of one picture.

    Boxes are clipped to the map as CenterNet does, to [0, size - 1]; what has no extent then is left out. Occluded
    landmarks (v = 1) are trained like visible ones.

    Args:
        garments: labelled garments.
        schema: keypoint schema, which says the channel of each landmark.
        map_hw: height and width of the heatmaps, in cells.
    """
    height, width = map_hw
    limit = np.array([width, height, width, height], np.float32) - 1
    boxes = [np.clip(garment.box, 0, limit) for garment in garments]
    shown = [(g, box) for g, box in zip(garments, boxes, strict=True) if box[2] > box[0] and box[3] > box[1]]
    count, groups = len(shown), schema.num_groups
    hm = np.zeros((len(schema.classes), height, width), np.float32)
    hm_hp = np.zeros((groups, height, width), np.float32)
    centres, hps = np.zeros((count, 2), np.int64), np.zeros((count, groups, 2), np.float32)
    wh, reg = np.zeros((count, 2), np.float32), np.zeros((count, 2), np.float32)
    known = np.zeros((count, groups), np.bool_)
    points: list[F32] = []
    for row, (garment, box) in enumerate(shown):
        wh[row] = box[2:] - box[:2]
        centre = (box[:2] + box[2:]) / 2
        centres[row] = centre.astype(np.int64)
        reg[row] = centre - centres[row]
        radius = int(gaussian_radius(math.ceil(wh[row, 1]), math.ceil(wh[row, 0])))
        draw_gaussian(hm[garment.class_id], centres[row, 0], centres[row, 1], radius)
        inside = _inside(garment.landmarks, map_hw)
        channels = np.array(schema.groups[garment.class_id])[inside]
        xy = garment.landmarks[inside, :2]
        hps[row, channels] = xy - centres[row]
        known[row, channels] = True
        for channel, (x, y) in zip(channels, xy.astype(np.int64), strict=True):
            draw_gaussian(hm_hp[channel], x, y, radius)
        points.append(xy)
    exact = np.concatenate([np.zeros((0, 2), np.float32), *points])
    cells = exact.astype(np.int64)
    return Targets(
        hm=hm,
        hm_hp=hm_hp,
        centres=centres,
        wh=wh,
        reg=reg,
        hps=hps.reshape(count, 2 * groups),
        hps_known=np.repeat(known, 2, axis=1),
        landmarks=cells,
        hp_offset=exact - cells.astype(np.float32),
    )


def _inside(landmarks: F32, map_hw: tuple[int, int]) -> Mask:
    """Tell which landmarks are labelled and lie on the map; (n,)."""
    x, y, v = landmarks.T
    found: Mask = (v > 0) & (x >= 0) & (x < map_hw[1]) & (y >= 0) & (y < map_hw[0])
    return found


def gaussian_radius(height: float, width: float, min_overlap: float = MIN_OVERLAP) -> float:
    """Return how far, in cells, a box's corners may move so that IoU with the box stays ``min_overlap`` at least.

    The least of three cases (both corners move the same way, inwards, outwards), each the root of a quadratic. Law and
    Deng, CornerNet, section 3.2, as CenterNet computes it.
    """
    around, area = height + width, height * width
    shifted = _smaller_root(1, around, area * (1 - min_overlap) / (1 + min_overlap))
    shrunk = _smaller_root(4, 2 * around, area * (1 - min_overlap))
    a = 4 * min_overlap
    b = -2 * min_overlap * around
    grown = (b + math.sqrt(b * b - 4 * a * (min_overlap - 1) * area)) / (2 * a)
    return min(shifted, shrunk, grown)


def _smaller_root(a: float, b: float, c: float) -> float:
    """Return the smaller root of a r^2 - b r + c = 0."""
    return (b - math.sqrt(b * b - 4 * a * c)) / (2 * a)


def draw_gaussian(heatmap: F32, x: int, y: int, radius: int) -> None:
    """Raise a map, in place, to a Gaussian of peak 1 and sigma (2 radius + 1) / 6 at cell (x, y), where that is higher.

    Args:
        heatmap: (h, w) map to raise.
        x: column on the map.
        y: row on the map.
        radius: cells in each direction that the Gaussian covers.
    """
    height, width = heatmap.shape
    left, right = min(x, radius), min(width - x, radius + 1)
    top, bottom = min(y, radius), min(height - y, radius + 1)
    part = heatmap[y - top : y + bottom, x - left : x + right]
    np.maximum(part, _gaussian(radius)[radius - top : radius + bottom, radius - left : radius + right], out=part)


@lru_cache(maxsize=256)
def _gaussian(radius: int) -> F32:
    """Return a Gaussian on (2 radius + 1)^2 cells, peak 1."""
    sigma = (2 * radius + 1) / 6
    squares = np.arange(-radius, radius + 1, dtype=np.float64) ** 2
    return np.exp(-(squares[:, None] + squares) / (2 * sigma**2)).astype(np.float32)
