"""Shorts, trousers and skirts, and the skirts of dresses."""

from __future__ import annotations

import numpy as np

from deepmark.models.datasets.drawings.body import CROTCH_Y, HIP_Y, WAIST_Y, Body
from deepmark.models.datasets.drawings.curves import Point
from deepmark.models.datasets.drawings.garments import (
    SHORTS,
    SKIRT,
    TROUSERS,
    Garment,
    GarmentPart,
    Names,
    Slot,
    both,
    sided,
)

_WAIST: Names = ("waist_left", "waist_center", "waist_right")


def trousers(rng: np.random.Generator, body: Body) -> Garment:
    """Draw trousers: from tight to flared, from the calf to the floor."""
    ease, flare = rng.uniform(0.012, 0.06), rng.choice((0.0, 0.0, 1.0))
    knee, cuff = ease + rng.uniform(0.0, 0.05), ease + rng.uniform(0.0, 0.05) + flare * rng.uniform(0.05, 0.13)
    end = rng.uniform(1.86, 2.02) if rng.random() < 0.7 else rng.uniform(1.5, 1.86)
    points = _hips(rng, body, ease)
    for leg in body.legs:
        at_cuff, at_knee = leg.radius(min(end, 2.0)) + cuff, leg.radius(1.0) + knee
        points |= {
            sided("left_leg_outer_knee", leg.side): leg.at(1.0, at_knee),
            sided("left_leg_inner_knee", leg.side): leg.at(1.0, -at_knee),
            sided("left_leg_cuff_outer", leg.side): leg.at(end, at_cuff),
            sided("left_leg_cuff_inner", leg.side): leg.at(end, -at_cuff),
        }
    outer, inner = ("left_leg_outer_knee",), ("left_leg_inner_knee",)
    return _legged(TROUSERS, points, outer, inner)


def shorts(rng: np.random.Generator, body: Body) -> Garment:
    """Draw shorts: tight or wide, down to the knee at most."""
    ease = rng.uniform(0.012, 0.05)
    end, cuff = rng.uniform(0.3, 0.92), ease + rng.uniform(0.0, 0.08)
    points = _hips(rng, body, ease)
    for leg in body.legs:
        width = leg.radius(end) + cuff
        points[sided("left_leg_cuff_outer", leg.side)] = leg.at(end, width)
        points[sided("left_leg_cuff_inner", leg.side)] = leg.at(end, -min(width, leg.radius(end) + 0.03))
    return _legged(SHORTS, points, (), ())


def _hips(rng: np.random.Generator, body: Body, ease: float) -> dict[str, Point]:
    """Return waist, hips and crotch."""
    waist = WAIST_Y + rng.uniform(0.03, 0.26)
    dip = rng.uniform(-0.01, 0.035)
    crotch = body.surface(0.0, CROTCH_Y)
    crotch[1] += rng.uniform(0.0, 0.07)
    half = body.half_width(waist) + ease * 0.5
    wide = max(body.half_width(HIP_Y) + ease, half)
    return {
        "waist_left": body.posed(-half, waist),
        "waist_center": body.surface(0.0, waist + dip),
        "waist_right": body.posed(half, waist),
        "left_leg_hip": body.posed(-wide, HIP_Y + 0.04),
        "right_leg_hip": body.posed(wide, HIP_Y + 0.04),
        "crotch": crotch,
    }


def _legged(class_id: int, points: dict[str, Point], outer: Names, inner: Names) -> Garment:
    """Cut the legs (each with its half of the hips) and, below them, the hips that close the gap between."""
    left = (
        "waist_left",
        "left_leg_hip",
        *outer,
        "left_leg_cuff_outer",
        "left_leg_cuff_inner",
        *inner,
        "crotch",
        "waist_center",
    )
    right = tuple(sided(name, 1) for name in left)
    hips = ("waist_left", "waist_center", "waist_right", "right_leg_hip", "crotch", "left_leg_hip")
    waist = _WAIST
    down = ("waist_center", "crotch")
    parts = [GarmentPart(hips, "trunk", down)]
    slots: tuple[tuple[Names, int, Slot], ...] = ((left, -1, "left leg"), (right, 1, "right leg"))
    for names, side, slot in slots:
        outer_cuff, inner_cuff = sided("left_leg_cuff_outer", side), sided("left_leg_cuff_inner", side)
        seams = ((outer_cuff, inner_cuff), waist, down)
        parts.append(GarmentPart(names, slot, (sided("left_leg_hip", side), outer_cuff), seams))
    corners = {*both("left_leg_cuff_outer", "left_leg_cuff_inner"), "waist_left", "waist_right", "crotch"}
    creases = (("crotch", "left_leg_hip"), ("crotch", "right_leg_hip"))
    return Garment(class_id, points, tuple(parts), frozenset(corners), creases=creases)


def skirt(rng: np.random.Generator, body: Body) -> Garment:
    """Draw a skirt: from mini to the floor, from a pencil to a bell."""
    waist = WAIST_Y + rng.uniform(-0.02, 0.24)
    half = body.half_width(waist) + rng.uniform(0.01, 0.03)
    points = {
        "waist_left": body.posed(-half, waist),
        "waist_center": body.surface(0.0, waist + rng.uniform(0.0, 0.03)),
        "waist_right": body.posed(half, waist),
    }
    hip = body.half_width(HIP_Y) + rng.uniform(0.012, 0.05)
    points["_left_hip"], points["_right_hip"] = (body.posed(side * max(hip, half), HIP_Y) for side in (-1, 1))
    points |= skirt_points(rng, body, HIP_Y, hip)
    part = GarmentPart(
        (*_WAIST, *skirt_ring(("_left_hip",))), "trunk", ("waist_center", "skirt_hem_center"), (_WAIST, HEM)
    )
    corners = {"waist_left", "waist_right", *both("left_skirt_hem")}
    return Garment(SKIRT, points, (part,), frozenset(corners), creases=SKIRT_CREASES)


HEM: Names = ("left_skirt_hem", "_left_hem", "skirt_hem_center", "_right_hem", "right_skirt_hem")
SKIRT_CREASES = (("skirt_hem_center", "_middle"), ("_left_hem", "_middle"), ("_right_hem", "_middle"))


def skirt_ring(above: Names) -> Names:
    """Return the points of a skirt clockwise, from its right side (``above``: points of its left side) to its left."""
    left = (*above, "left_skirt_side", "left_skirt_hem", "_left_hem")
    return (*(sided(name, 1) for name in left), "skirt_hem_center", *reversed(left))


def skirt_points(rng: np.random.Generator, body: Body, top: float, half: float) -> dict[str, Point]:
    """Draw a skirt below height ``top`` where it is ``half`` wide to either side; it covers the legs."""
    length = rng.choice((rng.uniform(0.26, 0.6), rng.uniform(0.6, 1.1), rng.uniform(1.1, 1.5)), p=(0.4, 0.4, 0.2))
    if body.posture == "sitting":
        length = min(length, 0.8)
    hem = top + length
    flare = rng.uniform(-0.02, 0.16) if rng.random() < 0.55 else rng.uniform(0.16, 0.5)
    wide = half + flare * min(length, 1.0)
    curve, wave = rng.uniform(0.0, 0.08), rng.normal(0, 0.018, 2)
    middle = body.posed(0.0, top)[0]
    sides = {}
    for leg in body.legs:
        cover = [_reach(body, leg.side, y, middle) + 0.025 for y in (top + length / 2, hem)]
        at_hem = max(wide, cover[1])
        at_side = max(half + (at_hem - half) * rng.uniform(0.45, 0.62), cover[0])
        lift = rng.normal(0, 0.015)
        sides[leg.side] = (at_side, at_hem, hem + lift)
    slope = body.tilts[1] * 0.6
    points = {}
    for side, (at_side, at_hem, hem_y) in sides.items():
        sway = body.posed(side * at_hem, top)[1] - top
        points[sided("left_skirt_side", side)] = np.array([middle + side * at_side, top + length * 0.5 + sway * 0.5])
        points[sided("left_skirt_hem", side)] = np.array([middle + side * at_hem, hem_y + side * at_hem * slope])
    shift = body.surface(0.0, HIP_Y)[0] - body.posed(0.0, HIP_Y)[0]
    left, right = points["left_skirt_hem"], points["right_skirt_hem"]
    centre = (left + right) / 2 + np.array([shift, curve])
    points["skirt_hem_center"] = centre
    points["_left_hem"] = (left + centre) / 2 + np.array([0.0, curve * 0.35 + wave[0] * (1 + flare)])
    points["_right_hem"] = (right + centre) / 2 + np.array([0.0, curve * 0.35 + wave[1] * (1 + flare)])
    points["_middle"] = body.posed(0.0, top) * 0.75 + centre * 0.25
    return points


def _reach(body: Body, side: int, y: float, middle: float) -> float:
    """Return how far from ``middle`` the leg of a side reaches outward at height ``y``."""
    leg = body.legs[0 if side < 0 else 1]
    joints, radii = leg.joints, leg.radii
    if y >= joints[2, 1]:
        return 0.0
    centre = np.interp(y, joints[:, 1], joints[:, 0])
    return float(side * (centre - middle) + np.interp(y, joints[:, 1], radii))
