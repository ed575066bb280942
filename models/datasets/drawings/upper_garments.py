"""Tops, dresses and outwear."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from deepmark.models.datasets.drawings.body import ARMPIT_Y, HIP_Y, WAIST_Y, Body, Limb
from deepmark.models.datasets.drawings.coat_front import coat_parts, opening
from deepmark.models.datasets.drawings.curves import Point
from deepmark.models.datasets.drawings.garments import (
    DRESSES,
    LONG_SLEEVES,
    OUTWEAR,
    SHORT_SLEEVES,
    SLINGS,
    VESTS,
    Garment,
    GarmentPart,
    Names,
    both,
    sided,
)
from deepmark.models.datasets.drawings.lower_garments import HEM, SKIRT_CREASES, skirt_points, skirt_ring
from deepmark.models.datasets.drawings.necklines import Neckline, collar_flaps, neckline, strapped
from deepmark.models.datasets.drawings.sleeves import sleeve_part, sleeve_points, sleeve_style

_FLAPPED = {1: 0.25, 2: 0.3, 3: 0.45, 4: 0.5, 10: 0.2, 11: 0.2}  # how often a class has a shirt's collar or lapels
_SIDE: Names = ("left_side_chest", "left_side_waist", "left_side_lower")


def upper(rng: np.random.Generator, body: Body, class_id: int, *, layer: int = 0) -> Garment:
    """Draw a garment that hangs from the shoulders.

    Args:
        rng: source of chance.
        body: body that wears it.
        class_id: any class but shorts, trousers and skirt.
        layer: number of garments that are worn below it; it is looser by that.
    """
    ease = 0.012 + 0.028 * layer + (rng.uniform(0, 0.03) if class_id in SLINGS else rng.uniform(0.0, 0.085))
    sleeved = class_id in SHORT_SLEEVES + LONG_SLEEVES
    points: dict[str, Point] = {}
    if class_id in SLINGS:
        line = strapped(rng, body)
    elif class_id in VESTS:
        strap = rng.uniform(0.21, 0.36) * body.breadth
        line = neckline(rng, body, strap_top=strap)
        for side in (-1, 1):
            points[sided("left_strap_top", side)] = body.posed(side * strap, body.shoulder_line(strap))
    else:
        line = neckline(rng, body)
    points = line.points | points
    armpit = ARMPIT_Y + ease * 0.6 + rng.uniform(-0.01, 0.05)
    long = class_id in LONG_SLEEVES
    if sleeved:
        style = sleeve_style(rng, long=long)
        style = (style[0], style[1] + 0.02 * layer, style[2] + 0.02 * layer)
        for arm in body.arms:
            points[sided("left_shoulder", arm.side)] = _shoulder(arm, ease + style[1] * 0.4)
            pit = _armpit(body, arm, armpit, ease)
            points[sided("left_armpit", arm.side)] = pit
            points |= sleeve_points(arm, pit, style, long=long)
    points |= _sides(rng, body, armpit, ease, dress=class_id in DRESSES, sleeved=sleeved, outwear=class_id in OUTWEAR)
    if class_id in DRESSES:
        points |= _dress_skirt(rng, body, points)
    garment = _cut(class_id, points, line, body, sleeved=sleeved)
    if class_id in OUTWEAR:
        garment = _opened(rng, garment, line, body)
    if not body.back and points["collar_left"][1] > -0.06 and rng.random() < _FLAPPED.get(class_id, 0.0):
        end = "opening_left_top" if class_id in OUTWEAR else "collar_front_center"
        tips, flaps = collar_flaps(rng, garment.points, end)
        corners = garment.corners | tips.keys()
        garment = replace(garment, points=garment.points | tips, parts=garment.parts + flaps, corners=corners)
    if sleeved:
        sleeves = tuple(sleeve_part(side, long=long) for side in (-1, 1))
        garment = replace(garment, parts=garment.parts + sleeves)
    return garment


def _shoulder(arm: Limb, ease: float) -> Point:
    """Return the end of the shoulder seam: on top of the arm's first joint, further out as the arm hangs."""
    out = arm.at(0.0, 1.0) - arm.joints[0]
    direction = 0.75 * out + np.array([0.0, -0.75])
    return np.asarray(arm.joints[0] + direction / np.linalg.norm(direction) * (arm.radii[0] + 0.25 * ease + 0.004))


def _armpit(body: Body, arm: Limb, height: float, ease: float) -> Point:
    """Return the armpit, a little higher where the arm is raised."""
    rise = max(0.0, -float(arm.joints[1, 1] - arm.joints[0, 1])) * 0.12
    return body.posed(arm.side * (body.half_width(ARMPIT_Y) + ease), height - rise)


def _sides(
    rng: np.random.Generator, body: Body, armpit: float, ease: float, *, dress: bool, sleeved: bool, outwear: bool
) -> dict[str, Point]:
    """Draw the side seams and the hem: chest, waist (the body's, where the garment is long enough), lower end."""
    if dress:
        lower = HIP_Y + rng.uniform(-0.08, 0.05)
    elif outwear:
        lower = rng.choice((rng.uniform(0.75, 1.15), rng.uniform(1.15, 2.0)), p=(0.65, 0.35))
    else:
        lower = rng.choice((rng.uniform(0.56, 0.82), rng.uniform(0.82, 1.2)), p=(0.18, 0.82))
    start = armpit if sleeved else armpit - 0.02
    waist = float(np.clip(WAIST_Y, start + 0.42 * (lower - start), start + 0.68 * (lower - start)))
    chest = (start + waist) / 2 if sleeved else start
    boxy, spread = rng.uniform(0.0, 1.0), rng.uniform(-0.005, 0.10) * (0.4 if dress else 1.0)
    reach = body.half_width(ARMPIT_Y)
    points = {}
    for side in (-1, 1):
        lift = rng.normal(0, 0.012)
        for name, y in zip(_SIDE, (chest, waist, lower), strict=True):
            snug = body.half_width(min(y, HIP_Y + 0.05))
            half = max(snug, boxy * reach + (1 - boxy) * snug) + ease + spread * max(0.0, y - start)
            points[sided(name, side)] = body.posed(side * half, y + (lift if name == "left_side_lower" else 0.0))
    left, right = points["left_side_lower"], points["right_side_lower"]
    shift = body.surface(0.0, min(lower, HIP_Y))[0] - body.posed(0.0, min(lower, HIP_Y))[0]
    points["top_hem_center"] = (left + right) / 2 + np.array([shift, rng.uniform(-0.015, 0.07)])
    return points


def _dress_skirt(rng: np.random.Generator, body: Body, points: dict[str, Point]) -> dict[str, Point]:
    left, right = points["left_side_lower"], points["right_side_lower"]
    return skirt_points(rng, body, float(left[1] + right[1]) / 2, float(right[0] - left[0]) / 2)


def _cut(class_id: int, points: dict[str, Point], line: Neckline, body: Body, *, sleeved: bool) -> Garment:
    """Cut trunk and inside of a garment that is closed in front."""
    seen, unseen = (line.back, line.front) if body.back else (line.front, line.back)
    holder: Names = ("left_shoulder", "left_armpit") if sleeved else ("left_strap_top",)
    bodice: Names = ("_left_bodice",) if class_id in SLINGS and not body.back else ()
    if class_id in SLINGS and body.back:
        points |= {
            f"_{name}_bodice": points[f"_{name}_back"]
            + (points[f"{name}_strap_top"] - points[f"collar_{name}"]) * np.array([1.0, 0.0])
            for name in ("left", "right")
        }
        bodice = ("_left_bodice",)
    down = (*holder, *bodice, *_SIDE)
    if class_id in DRESSES:
        below: Names = skirt_ring(())
        hem = HEM
    else:
        below = ("top_hem_center",)
        hem = ("left_side_lower", "top_hem_center", "right_side_lower")
    collar = ("collar_left", *seen, "collar_right")
    ring = (*collar, *(sided(name, 1) for name in down), *below, *reversed(down))
    trunk = GarmentPart(ring, "trunk", ("collar_front_center", hem[len(hem) // 2]), (collar, hem))
    inside = GarmentPart(
        (*collar, *reversed(unseen)), "inside", trunk.axis, (("collar_left", *unseen, "collar_right"),)
    )
    corners = set(line.corners) | {name for name in both(*holder) if name in points}
    corners |= {name for name in both("left_cuff_outer", "left_cuff_inner") if name in points}
    corners |= set(both("left_skirt_hem") if class_id in DRESSES else both("left_side_lower"))
    if not sleeved:
        corners |= set(both("left_side_chest"))
    creases = ((("left_armpit", "top_hem_center"), ("right_armpit", "top_hem_center")) if sleeved else ()) + (
        ("left_side_waist", "right_side_chest"),
        ("right_side_waist", "left_side_chest"),
    )
    return Garment(
        class_id,
        points,
        (inside, trunk),
        frozenset(corners),
        hidden=frozenset(unseen) if body.back else frozenset(),
        creases=creases + (SKIRT_CREASES if class_id in DRESSES else ()),
    )


def _opened(rng: np.random.Generator, garment: Garment, line: Neckline, body: Body) -> Garment:
    """Cut the front of an outwear open, or, seen from behind, note that its front is hidden."""
    front, is_open = opening(rng, garment.points, body)
    points = garment.points | front
    corners = garment.corners | frozenset(both("opening_left_hem", "opening_left_top"))
    if body.back:
        return replace(garment, points=points, corners=corners, hidden=garment.hidden | frozenset(front))
    side: Names = ("left_shoulder", "left_armpit", *_SIDE)
    return replace(
        garment,
        points=points,
        corners=corners,
        parts=coat_parts(side, line.back, is_open=is_open),
        creases=(("left_armpit", "opening_left_lower"), ("right_armpit", "opening_right_lower")),
        fastened=None if is_open else ("opening_left_top", "opening_left_hem"),
    )
