"""What of a person is not cloth: skin, head, hair, hands and shoes, in body units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepmark.models.datasets.drawings.body import Body
from deepmark.models.datasets.drawings.curves import Points, closed_curve, ellipse
from deepmark.models.datasets.drawings.textures import Material, plain, random_colour

_SKIN = (
    (203, 214, 238),
    (172, 194, 228),
    (143, 171, 214),
    (110, 145, 195),
    (80, 110, 160),
    (58, 80, 122),
    (42, 56, 88),
)
_HAIR = ((24, 22, 22), (30, 38, 58), (40, 60, 96), (60, 105, 160), (110, 170, 215), (150, 150, 155), (40, 60, 140))


@dataclass(frozen=True, slots=True)
class Looks:
    """How a person looks.

    Attributes:
        skin: material of the skin.
        hair: material of the hair.
        length: distance that the hair falls below the chin, in body units; negative for short hair.
        head: half width and half height of the head.
        shoes: material of the shoes, None for bare feet.
    """

    skin: Material
    hair: Material
    length: float
    head: tuple[float, float]
    shoes: Material | None


def random_looks(rng: np.random.Generator) -> Looks:
    """Draw skin, hair, head and shoes."""
    skin = np.array(_SKIN[rng.integers(len(_SKIN))]) + rng.normal(0, 8, 3)
    dyed = rng.random() < 0.06
    hair = random_colour(rng) if dyed else np.array(_HAIR[rng.integers(len(_HAIR))]) + rng.normal(0, 10, 3)
    length = rng.choice((-0.2, rng.uniform(-0.05, 0.1), rng.uniform(0.1, 0.6)), p=(0.4, 0.25, 0.35))
    shoes = plain(random_colour(rng) * 0.7) if rng.random() < 0.85 else None
    return Looks(
        skin=plain(np.clip(skin, 0, 255), grain=3),
        hair=plain(np.clip(hair, 0, 255), grain=22),
        length=float(length),
        head=(rng.uniform(0.165, 0.19), rng.uniform(0.215, 0.25)),
        shoes=shoes,
    )


def head(body: Body, looks: Looks) -> Points:
    """Return the head's outline."""
    return ellipse(body.surface(0.0, -0.17 - looks.head[1]), looks.head, count=20)


def hair_behind(body: Body, looks: Looks) -> Points:
    """Return the hair that lies behind the head and the shoulders; seen from behind it lies before them."""
    centre, (wide, high) = body.surface(0.0, -0.17 - looks.head[1]), looks.head
    low = centre[1] + high * 0.75 + max(looks.length, -0.08)
    spread = wide * (1.18 + 0.25 * max(looks.length, 0.0))
    nodes = [
        (centre[0] - wide * 1.1, centre[1] - high * 0.3),
        (centre[0], centre[1] - high * 1.15),
        (centre[0] + wide * 1.1, centre[1] - high * 0.3),
        (centre[0] + spread, low - 0.04),
        (centre[0], low + 0.02),
        (centre[0] - spread, low - 0.04),
    ]
    return closed_curve(np.array(nodes))


def hair_above(rng: np.random.Generator, body: Body, looks: Looks) -> tuple[Points, ...]:
    """Return the hair on the forehead, and locks that fall over the shoulders where the hair is long."""
    centre, (wide, high) = body.surface(0.0, -0.17 - looks.head[1]), looks.head
    fringe = rng.uniform(-0.55, -0.2)
    parting = rng.uniform(-0.5, 0.5)
    cap = [
        (-1.07, 0.05),
        (-0.95, -0.62),
        (0.0, -1.13),
        (0.95, -0.62),
        (1.07, 0.05),
        (0.85, fringe),
        (parting, fringe - 0.2),
        (-0.85, fringe),
    ]
    pieces = [closed_curve(centre + np.array(cap) * (wide, high))]
    if looks.length > 0.1:
        sides = [side for side in (-1, 1) if rng.random() < 0.55]
        pieces += [_lock(rng, centre, looks, side) for side in sides]
    return tuple(pieces)


def _lock(rng: np.random.Generator, centre: Points, looks: Looks, side: int) -> Points:
    (wide, high), length = looks.head, looks.length * rng.uniform(0.7, 1.1)
    thick, out = rng.uniform(0.06, 0.1), rng.uniform(-0.02, 0.1)
    x, y, end = centre[0] + side * wide * 0.98, centre[1], centre[1] + high + length
    nodes = [
        (x, y - high * 0.3),
        (x + side * thick * 0.6, y + high * 0.6),
        (x + side * (out + thick * 0.3), end),
        (x + side * (out - thick * 0.5), end - 0.03),
        (x - side * thick * 0.6, y + high * 0.6),
    ]
    return closed_curve(np.array(nodes))


def face(body: Body, looks: Looks) -> tuple[Points, ...]:
    """Return eyes and mouth, or nothing for a head seen from behind."""
    if body.back:
        return ()
    centre, (wide, high) = body.surface(0.0, -0.17 - looks.head[1]), looks.head
    aside = np.array([np.sin(body.turn) * wide * 0.4, 0.0])
    eye = (wide * 0.13, high * 0.06)
    left, right = (centre + aside + (side * wide * 0.4, -0.02 * high) for side in (-1, 1))
    mouth = centre + aside + (0.0, high * 0.48)
    return (
        ellipse(left, eye, count=8),
        ellipse(right, eye, count=8),
        ellipse(mouth, (wide * 0.24, high * 0.05), count=10),
    )


def hand(body: Body, side: int) -> Points:
    """Return a hand."""
    arm = body.arms[0 if side < 0 else 1]
    along = arm.joints[2] - arm.joints[1]
    along = along / max(float(np.linalg.norm(along)), 1e-6)
    size = arm.radii[2]
    return ellipse(
        arm.joints[2] + along * size * 1.6, (size * 1.1, size * 2.0), angle=float(np.arctan2(-along[0], along[1]))
    )


def foot(body: Body, side: int) -> Points:
    """Return a foot or a shoe."""
    leg = body.legs[0 if side < 0 else 1]
    size = leg.radii[2]
    toe = leg.joints[2] + (side * size * 0.5, size * 1.1)
    return ellipse(toe, (size * 1.5, size * 0.95), angle=side * 0.35, count=16)
