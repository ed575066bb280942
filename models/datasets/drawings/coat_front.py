"""The front of outwear: two panels that meet, gape or hang apart."""

from __future__ import annotations

import numpy as np

from deepmark.models.datasets.drawings.body import HIP_Y, Body
from deepmark.models.datasets.drawings.curves import Point
from deepmark.models.datasets.drawings.garments import GarmentPart, Names, sided

_EDGE: Names = ("opening_left_top", "opening_left_upper", "opening_left_lower", "opening_left_hem")
_COLLAR: Names = ("collar_left", "collar_front_left_mid")


def opening(rng: np.random.Generator, points: dict[str, Point], body: Body) -> tuple[dict[str, Point], bool]:
    """Draw the edges of the front and the collar above them.

    Returns:
        The landmarks of the two edges with the collar's middle ones, and whether the front is open.
    """
    is_open = bool(rng.random() < 0.62) and not body.back
    top_y = float(points["collar_front_center"][1])
    hem = points["top_hem_center"]
    half_hem = abs(float(points["right_side_lower"][0] - points["left_side_lower"][0])) / 2
    neck = abs(float(points["collar_right"][0] - points["collar_left"][0])) / 2
    if is_open:
        top = rng.uniform(0.35, 0.95) * neck
        bottom = min(rng.uniform(0.5, 2.4) * top + 0.03, 0.72 * half_hem)
    else:
        top = bottom = rng.uniform(0.004, 0.016)
    belly = rng.uniform(-0.02, 0.05) if is_open else 0.0
    edges: dict[str, Point] = {}
    for side in (-1, 1):
        for name, part in zip(_EDGE, (0.0, 1 / 3, 2 / 3, 1.0), strict=True):
            gap = top + (bottom - top) * part + belly * np.sin(np.pi * part)
            y = top_y + (float(hem[1]) - top_y) * part
            middle = body.surface(0.0, min(y, HIP_Y), seen=not body.back)
            aside = middle[0] if part < 1 else hem[0]
            edges[sided(name, side)] = np.array([aside + side * gap, y + side * rng.normal(0, 0.004)])
        end, start = points[sided("collar_left", side)], edges[sided("opening_left_top", side)]
        lean = rng.uniform(-0.02, 0.03)
        edges[sided("collar_front_left_mid", side)] = (end + start) / 2 + np.array([side * lean, 0.02])
    return edges, is_open


def coat_parts(side: Names, back: Names, *, is_open: bool) -> tuple[GarmentPart, ...]:
    """Cut the lining of the back, which shows between the panels, and the two panels.

    Args:
        side: names of the left side from the shoulder down to the hem.
        back: names of the back's neckline, without its ends.
        is_open: the lining shows down to the hem, not at the neck alone.
    """
    right = tuple(sided(name, 1) for name in side)
    if is_open:
        lining = ("collar_left", *back, "collar_right", *right, "top_hem_center", *reversed(side))
    else:
        edge = ("collar_right", "collar_front_right_mid", "opening_right_top", "opening_left_top")
        lining = ("collar_left", *back, *edge, "collar_front_left_mid")
    parts = [
        GarmentPart(
            lining, "inside", ("collar_back_center", "top_hem_center"), (("collar_left", *back, "collar_right"),)
        )
    ]
    for where in (-1, 1):
        names = tuple(sided(name, where) for name in (*_COLLAR, *_EDGE))
        down = tuple(sided(name, where) for name in side)
        hem = (names[-1], down[-1])
        parts.append(GarmentPart((*names, *reversed(down)), "trunk", (names[2], names[-1]), (names, hem)))
    return tuple(parts)
