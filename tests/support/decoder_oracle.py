"""The decoder's specification as loops: slow, obviously right, and without a line in common with the real one.

Every map is scanned for every object. Values that decide (comparisons, ties) are float32 like the network's; sums of
many values are Python floats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.heads.maps import Heads
from deepmark.runtime.keypoints.schema import KeypointSchema

f32 = np.float32
NOTHING = f32(0)

Point = tuple[np.float32, np.float32]
Peak = tuple[Point, np.float32]  # position and value


@dataclass
class Thing:
    class_id: int
    box_score: np.float32
    box: tuple[np.float32, ...]
    score: np.float32 = NOTHING
    keypoints_score: float = 0.0
    keypoints: list[Point] = field(default_factory=list)
    values: list[np.float32] = field(default_factory=list)
    refined: list[bool] = field(default_factory=list)


def decode_slowly(heads: Heads, schema: KeypointSchema, params: DecoderParams) -> list[Thing]:
    hm = blurred(heads.hm, params.sigma_center, params.border)
    hm_hp = None if heads.hm_hp is None else blurred(heads.hm_hp, params.sigma_keypoint, params.border)
    peaks: list[list[Peak]] = []
    if hm_hp is not None and not params.mask:
        peaks = [highest_peaks(heads, hm_hp, group, params) for group in range(len(hm_hp))]
    things = [
        make_thing(heads, hm_hp, peaks, schema, params, class_id, y, x, score)
        for score, class_id, y, x in centres(hm, params)
    ]
    things = [thing for thing in things if thing.score >= f32(params.score_threshold)]
    things.sort(key=lambda thing: -thing.score)  # stable
    if params.nms is None:
        return things
    survivors = [one for c in range(len(schema.classes)) for one in suppressed(things, c, params)]
    position = {id(thing): number for number, thing in enumerate(things)}
    survivors.sort(key=lambda one: (-one[0], position[id(one[1])]))
    for score, thing in survivors:
        thing.score = f32(score)
    return [thing for _, thing in survivors if thing.score >= f32(params.score_threshold)]


def blurred(maps: np.ndarray, sigma: float, border: str) -> np.ndarray:
    if sigma == 0:
        return maps
    e = math.exp(-0.5 / sigma / sigma)
    total = (1 + 2 * e) ** 2
    centre, edge, corner = f32(1 / total), f32(e / total), f32(e * e / total)
    out = np.zeros_like(maps)
    for c in range(len(maps)):
        for y in range(maps.shape[1]):
            for x in range(maps.shape[2]):

                def at(dy: int, dx: int, c: int = c, y: int = y, x: int = x) -> np.float32:
                    return read(maps[c], y + dy, x + dx, border)

                edges = (at(0, -1) + at(0, 1)) + (at(-1, 0) + at(1, 0))
                corners = (at(-1, -1) + at(-1, 1)) + (at(1, -1) + at(1, 1))
                out[c, y, x] = maps[c, y, x] * centre + edges * edge + corners * corner
    return out


def read(one_map: np.ndarray, y: int, x: int, border: str) -> np.float32:
    height, width = one_map.shape
    if border == "zero" and not (0 <= y < height and 0 <= x < width):
        return f32(0)
    return f32(one_map[min(max(y, 0), height - 1), min(max(x, 0), width - 1)])


def is_local_maximum(one_map: np.ndarray, y: int, x: int) -> bool:
    height, width = one_map.shape
    return all(
        one_map[y, x] >= one_map[yy, xx]
        for yy in range(max(y - 1, 0), min(y + 2, height))
        for xx in range(max(x - 1, 0), min(x + 2, width))
    )


def centres(hm: np.ndarray, params: DecoderParams) -> list[tuple[np.float32, int, int, int]]:
    found = [
        (hm[c, y, x], c, y, x)
        for c in range(hm.shape[0])
        for y in range(hm.shape[1])
        for x in range(hm.shape[2])
        if hm[c, y, x] > 0 and is_local_maximum(hm[c], y, x)
    ]
    found.sort(key=lambda one: -one[0])  # stable: equal scores stay in the order class, row, column
    return found[: params.top_k]


def make_thing(
    heads: Heads,
    hm_hp: np.ndarray | None,
    peaks: list[list[Peak]],
    schema: KeypointSchema,
    params: DecoderParams,
    class_id: int,
    y: int,
    x: int,
    score: np.float32,
) -> Thing:
    half = f32(0.5)
    w, h = max(heads.wh[0, y, x], f32(0)), max(heads.wh[1, y, x], f32(0))
    cx = f32(x) + (half if heads.reg is None else heads.reg[0, y, x])
    cy = f32(y) + (half if heads.reg is None else heads.reg[1, y, x])
    thing = Thing(class_id, score, (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2))
    for group in schema.groups[class_id]:
        assert heads.hps is not None
        coarse = (f32(x) + heads.hps[2 * group, y, x], f32(y) + heads.hps[2 * group + 1, y, x])
        found = None
        if hm_hp is not None and params.mask:
            found = highest_under_mask(heads, hm_hp, group, coarse, w, h, params)
        elif hm_hp is not None:
            found = nearest_peak(peaks[group], coarse, w, h)
        if found is not None and inside(found[0], thing.box):
            (px, py), value = found
            gamma = f32(params.gamma)
            other = f32(1 - params.gamma)
            thing.keypoints.append((gamma * px + other * coarse[0], gamma * py + other * coarse[1]))
            thing.values.append(value)
            thing.refined.append(True)
        else:
            thing.keypoints.append(coarse)
            thing.values.append(f32(0))
            thing.refined.append(False)
    counted = sum(thing.refined) if params.unrefined == "skip" else len(thing.values)
    thing.keypoints_score = sum(float(v) for v in thing.values) / counted if counted else 0.0
    thing.score = score
    if hm_hp is not None:
        thing.score = f32(params.alpha * float(score) + (1 - params.alpha) * thing.keypoints_score)
    return thing


def inside(point: Point, box: tuple[np.float32, ...]) -> bool:
    return bool(box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3])


def passes(heads: Heads, group: int, y: int, x: int, value: np.float32, params: DecoderParams) -> bool:
    assert heads.hm_hp is not None
    if params.threshold_on == "raw":
        return bool(heads.hm_hp[group, y, x] > f32(params.keypoint_threshold) and value > f32(1e-12))
    return bool(value > f32(params.keypoint_threshold))


def position(heads: Heads, y: int, x: int) -> Point:
    if heads.hp_offset is None:
        return f32(x) + f32(0.5), f32(y) + f32(0.5)
    return f32(x) + heads.hp_offset[0, y, x], f32(y) + heads.hp_offset[1, y, x]


def highest_under_mask(
    heads: Heads,
    hm_hp: np.ndarray,
    group: int,
    coarse: Point,
    w: np.float32,
    h: np.float32,
    params: DecoderParams,
) -> Peak | None:
    s = max(min(w, h) / f32(9), f32(1 / 6))
    mx, my = math.floor(coarse[0]), math.floor(coarse[1])
    best, where = f32(0), None
    for y in range(hm_hp.shape[1]):
        for x in range(hm_hp.shape[2]):
            squared = f32((x - mx) ** 2 + (y - my) ** 2)
            value = hm_hp[group, y, x] * np.exp(squared / (f32(-2) * s * s))
            if value > best and passes(heads, group, y, x, value, params):
                best, where = value, (y, x)
    return None if where is None else (position(heads, *where), best)


def nearest_peak(peaks: list[Peak], coarse: Point, w: np.float32, h: np.float32) -> Peak | None:
    nearest, found = f32(math.inf), None
    for (px, py), value in peaks:
        squared = (px - coarse[0]) * (px - coarse[0]) + (py - coarse[1]) * (py - coarse[1])
        if squared < nearest:
            nearest, found = squared, ((px, py), value)
    if found is None or np.sqrt(nearest) > f32(0.3) * max(w, h):
        return None
    return found


def highest_peaks(heads: Heads, hm_hp: np.ndarray, group: int, params: DecoderParams) -> list[Peak]:
    """The K highest local maxima of one map that pass; of equal ones the first; in the order of their cells."""
    cells = [
        (y, x)
        for y in range(hm_hp.shape[1])
        for x in range(hm_hp.shape[2])
        if passes(heads, group, y, x, hm_hp[group, y, x], params) and is_local_maximum(hm_hp[group], y, x)
    ]
    cells.sort(key=lambda cell: -hm_hp[group][cell])  # stable
    return [(position(heads, y, x), hm_hp[group, y, x]) for y, x in sorted(cells[: params.top_k])]


def suppressed(things: list[Thing], class_id: int, params: DecoderParams) -> list[tuple[float, Thing]]:
    """Greedy suppression of one class; returns the survivors behind their decayed scores."""
    left = [(float(thing.score), thing) for thing in things if thing.class_id == class_id]
    survivors: list[tuple[float, Thing]] = []
    while left:
        best = max(range(len(left)), key=lambda i: (left[i][0], -i))
        score, picked = left.pop(best)
        survivors.append((score, picked))
        after = []
        for other_score, other in left:
            overlap = iou(picked.box, other.box)
            if params.nms == "hard":
                if overlap <= params.nms_iou:
                    after.append((other_score, other))
                continue
            decayed = other_score * math.exp(-overlap * overlap / params.nms_sigma)
            if overlap == 0 or decayed >= params.nms_score:
                after.append((decayed, other))
        left = after
    return survivors


def iou(a: tuple[np.float32, ...], b: tuple[np.float32, ...]) -> float:
    ax1, ay1, ax2, ay2 = (float(one) for one in a)
    bx1, by1, bx2, by2 = (float(one) for one in b)
    width = max(0.0, min(ax2, bx2) - max(ax1, bx1) + 1)
    height = max(0.0, min(ay2, by2) - max(ay1, by1) + 1)
    both = (ax2 - ax1 + 1) * (ay2 - ay1 + 1) + (bx2 - bx1 + 1) * (by2 - by1 + 1)
    return width * height / (both - width * height)
