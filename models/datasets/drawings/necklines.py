"""Necklines, and the shoulders and straps that hold a garment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from deepmark.models.datasets.drawings.body import Body
from deepmark.models.datasets.drawings.curves import Point
from deepmark.models.datasets.drawings.garments import GarmentPart, Names, sided

Shape = Literal["round", "v", "square", "high", "sweetheart"]


@dataclass(frozen=True, slots=True)
class Neckline:
    """The opening for the neck.

    Attributes:
        points: landmarks, and points that help to draw them, by name.
        front: names of the front edge from the left to the right, without the ends ``collar_left``/``collar_right``.
        back: names of the back edge from the left to the right, without its ends.
        corners: points where the edge is not smooth.
    """

    points: dict[str, Point]
    front: Names
    back: Names
    corners: frozenset[str]


def neckline(rng: np.random.Generator, body: Body, *, strap_top: float | None = None) -> Neckline:
    """Draw a round, V, square or high neckline that lies on the shoulders.

    Args:
        rng: source of chance.
        body: body that wears it.
        strap_top: distance from the middle at which the shoulder of a sleeveless top ends, in body units; the neckline
            stays inside. None for other tops.
    """
    shape: Shape = rng.choice(("round", "v", "square", "high"), p=(0.45, 0.27, 0.13, 0.15))
    if shape == "high" and strap_top is None:
        width, depth, top = 1.12 * body.half_width(0.0), -rng.uniform(0.03, 0.12), -rng.uniform(0.1, 0.17)
    else:
        depth = rng.uniform(0.08, 0.24) if shape == "round" else rng.uniform(0.14, 0.38)
        width, top = rng.uniform(0.125, 0.215) * body.breadth, 0.0
    if strap_top is not None:
        width = min(width, strap_top - 0.05)
    if shape != "high" or strap_top is not None:
        top = body.shoulder_line(width)
        depth += top
    left, right = body.posed(-width, top), body.posed(width, top + rng.normal(0, 0.006))
    middle = body.surface(0.0, depth)
    lean = {"round": (0.64, 0.74), "v": (0.52, 0.50), "square": (0.88, 0.97), "high": (0.5, 0.85)}[shape]
    points = {
        "collar_left": left,
        "collar_right": right,
        "collar_front_center": middle,
        "collar_front_left_mid": _between(left, middle, lean),
        "collar_front_right_mid": _between(right, middle, lean),
        "collar_back_center": body.surface(0.0, top + rng.uniform(-0.02, 0.035), seen=False),
    }
    corners = {"collar_left", "collar_right"}
    if shape == "v":
        corners.add("collar_front_center")
    if shape == "square":
        corners |= {"collar_front_left_mid", "collar_front_right_mid"}
    front = ("collar_front_left_mid", "collar_front_center", "collar_front_right_mid")
    return _turned(Neckline(points, front, ("collar_back_center",), frozenset(corners)), body)


def strapped(rng: np.random.Generator, body: Body) -> Neckline:
    """Draw the top of a sling: a bodice that hangs on two thin straps."""
    strap, width = rng.uniform(0.15, 0.21) * body.breadth, rng.uniform(0.022, 0.055)
    top, dip = rng.uniform(0.16, 0.31), rng.choice((rng.uniform(-0.03, 0.02), rng.uniform(0.03, 0.15)))
    back = top + rng.uniform(0.0, 0.12)
    lean = rng.uniform(-0.04, 0.03)
    points = {
        "collar_front_center": body.surface(0.0, top + dip),
        "collar_back_center": body.surface(0.0, back, seen=False),
    }
    for name, side in (("left", -1), ("right", 1)):
        inner, outer = side * (strap - width / 2), side * (strap + width / 2)
        points |= {
            f"collar_{name}": body.posed(inner, body.shoulder_line(inner)),
            f"{name}_strap_top": body.posed(outer, body.shoulder_line(outer)),
            f"collar_front_{name}_mid": body.surface(inner - side * lean, top),
            f"_{name}_bodice": body.surface(outer - side * lean, top + 0.005),
            f"_{name}_back": body.surface(inner, back, seen=False),
        }
    corners = {"collar_left", "collar_right", "collar_front_left_mid", "collar_front_right_mid"}
    corners |= {"_left_back", "_right_back", "_left_bodice", "_right_bodice", "left_strap_top", "right_strap_top"}
    front = ("collar_front_left_mid", "collar_front_center", "collar_front_right_mid")
    line = Neckline(points, front, ("_left_back", "collar_back_center", "_right_back"), frozenset(corners))
    return _turned(line, body)


def collar_flaps(
    rng: np.random.Generator, points: dict[str, Point], end: str
) -> tuple[dict[str, Point], tuple[GarmentPart, ...]]:
    """Draw a shirt's collar or a jacket's lapels: two flaps that fold outwards from the neckline.

    Args:
        rng: source of chance.
        points: points of the garment, seen from the front.
        end: name of the point where the left flap ends.

    Returns:
        The flaps' tips by name, and the flaps, which lie on the trunk.
    """
    reach, drop = rng.uniform(0.05, 0.12), rng.uniform(0.35, 0.75)
    tips, parts = {}, []
    for side in (-1, 1):
        ring = tuple(sided(name, side) for name in ("collar_left", "collar_front_left_mid", end, "_left_flap"))
        start, stop = points[ring[0]], points[ring[2]]
        tips[ring[3]] = start + (stop - start) * np.array([drop * 0.4, drop]) + np.array([side * reach, 0.01])
        parts.append(GarmentPart(ring, "trunk", (ring[0], ring[2]), (ring, (ring[3], ring[0]))))
    return tips, tuple(parts)


def _turned(line: Neckline, body: Body) -> Neckline:
    """Put front and back onto the right halves: seen from behind, the back is the half that we see."""
    if not body.back:
        return line
    shift = 2 * (body.surface(0.0, 0.1)[0] - body.posed(0.0, 0.1)[0])
    moved = {
        name: np.array([point[0] + shift * (1 if name in line.back else -1), point[1]])
        for name, point in line.points.items()
        if name in line.back or name in line.front
    }
    return Neckline(line.points | moved, line.front, line.back, line.corners)


def _between(end: Point, middle: Point, part: tuple[float, float]) -> Point:
    """Return the point ``part[1]`` of the way down and ``1 - part[0]`` of the way in from ``end`` to ``middle``."""
    along = np.array([1 - part[0], part[1]])
    return np.asarray(end * (1 - along) + middle * along)
