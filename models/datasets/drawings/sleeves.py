"""Sleeves: short ones and long ones, along an arm."""

from __future__ import annotations

import numpy as np

from deepmark.models.datasets.drawings.body import Limb
from deepmark.models.datasets.drawings.curves import Point
from deepmark.models.datasets.drawings.garments import GarmentPart, Names, Slot, sided

OUTER_LONG: Names = (
    "left_shoulder",
    "left_sleeve_outer_upper",
    "left_sleeve_outer_elbow",
    "left_sleeve_outer_lower",
    "left_cuff_outer",
)
INNER_LONG: Names = (
    "left_cuff_inner",
    "left_sleeve_inner_lower",
    "left_sleeve_inner_elbow",
    "left_sleeve_inner_upper",
    "left_armpit",
)
OUTER_SHORT: Names = ("left_shoulder", "left_sleeve_outer_upper", "left_cuff_outer")
INNER_SHORT: Names = ("left_cuff_inner", "left_sleeve_inner_upper", "left_armpit")


def sleeve_style(rng: np.random.Generator, *, long: bool) -> tuple[float, float, float]:
    """Draw where a pair of sleeves ends (along the arm), its looseness, and its looseness at the cuff."""
    if long:
        end = rng.uniform(1.8, 2.04) if rng.random() < 0.75 else rng.uniform(1.45, 1.8)
        cuff = rng.choice((rng.uniform(0.004, 0.03), rng.uniform(0.03, 0.1)), p=(0.8, 0.2))
    else:
        end = rng.uniform(0.72, 1.08)
        cuff = rng.uniform(0.015, 0.1)
    return end, rng.uniform(0.012, 0.065), cuff


def sleeve_points(arm: Limb, armpit: Point, style: tuple[float, float, float], *, long: bool) -> dict[str, Point]:
    """Return the landmarks of one sleeve, from the upper outer side around the cuff to the upper inner side."""
    end, ease, cuff = style
    at_cuff = arm.radius(end) + cuff
    points = {"left_cuff_outer": arm.at(end, at_cuff), "left_cuff_inner": arm.at(end, -at_cuff)}
    if long:
        at_elbow, lower = arm.radius(1.0) + ease, (1.0 + end) / 2
        at_lower = (at_elbow + at_cuff) / 2
        points |= {
            "left_sleeve_outer_upper": arm.at(0.55, arm.radius(0.55) + ease),
            "left_sleeve_outer_elbow": arm.at(1.0, at_elbow),
            "left_sleeve_outer_lower": arm.at(lower, at_lower),
            "left_sleeve_inner_lower": arm.at(lower, -at_lower),
            "left_sleeve_inner_elbow": arm.at(1.0, -at_elbow),
        }
        inner = points["left_sleeve_inner_elbow"]
    else:
        upper = end * 0.5
        points["left_sleeve_outer_upper"] = arm.at(upper, arm.radius(upper) + (ease + cuff) / 2)
        inner = points["left_cuff_inner"]
    points["left_sleeve_inner_upper"] = (armpit + inner) / 2
    return {sided(name, arm.side): point for name, point in points.items()}


def sleeve_part(side: int, *, long: bool) -> GarmentPart:
    """Cut one sleeve."""
    outer, inner = (OUTER_LONG, INNER_LONG) if long else (OUTER_SHORT, INNER_SHORT)
    names = tuple(sided(name, side) for name in (*outer, *inner))
    slot: Slot = "left arm" if side < 0 else "right arm"
    cuff = (sided("left_cuff_outer", side), sided("left_cuff_inner", side))
    return GarmentPart(names, slot, (sided("left_shoulder", side), cuff[0]), (cuff, (names[-1], names[0])))
