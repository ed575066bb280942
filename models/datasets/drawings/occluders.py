"""Things before the garments: bags, patches, sticks and cards."""

from __future__ import annotations

import numpy as np

from deepmark.models.datasets.drawings.body import Body
from deepmark.models.datasets.drawings.camera import SceneCamera
from deepmark.models.datasets.drawings.canvas import DrawingCanvas
from deepmark.models.datasets.drawings.curves import Points, closed_curve, ellipse
from deepmark.models.datasets.drawings.layers import PaintLayer
from deepmark.models.datasets.drawings.textures import plain, random_colour, random_material


def bag(rng: np.random.Generator, body: Body, camera: SceneCamera) -> tuple[PaintLayer, ...]:
    """Draw a bag with its strap, across the chest or on a shoulder."""
    side = int(rng.choice((-1, 1)))
    start = body.posed(rng.choice((-side, side)) * 0.24, 0.02)
    middle = body.posed(side * rng.uniform(0.22, 0.5), rng.uniform(0.6, 1.15))
    wide, high = rng.uniform(0.12, 0.28), rng.uniform(0.1, 0.26)
    strap = rng.uniform(0.012, 0.03)
    corners = np.array([(-1, -0.9), (1, -0.9), (1.05, 0.95), (-1.05, 0.95)]) * (wide, high)
    body_of_bag = closed_curve(middle + corners, np.ones(4, np.bool_) if rng.random() < 0.5 else None)
    aside = np.array([strap, strap * 0.4])
    band = np.array([start - aside, start + aside, middle + aside, middle - aside])
    material, unit = plain(random_colour(rng), grain=8), camera.scale
    return (
        PaintLayer((camera.project(band),), material, unit=unit, rim=0.4, shadow=0.25),
        PaintLayer((camera.project(body_of_bag),), material, unit=unit, rim=0.5, shadow=0.35, roundness=0.4),
    )


def phone(rng: np.random.Generator, body: Body, camera: SceneCamera) -> tuple[PaintLayer, ...]:
    """Draw a phone that a hand holds up, as people do before a mirror."""
    side = int(rng.choice((-1, 1)))
    centre = body.posed(side * rng.uniform(0.0, 0.35), rng.uniform(-0.45, 0.35))
    wide, high = rng.uniform(0.06, 0.1), rng.uniform(0.13, 0.2)
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (wide, high)
    return (PaintLayer((camera.project(centre + corners),), plain(random_colour(rng) * 0.5), rim=0.5, shadow=0.2),)


def patch(rng: np.random.Generator, target: Points, canvas: DrawingCanvas) -> PaintLayer:
    """Draw a card, a blob or a bar somewhere about ``target`` (pixels).

    It is there to hide landmarks, so it may be cloth.
    """
    low, high = (np.clip(corner, 0, canvas.sides) for corner in (target.min(axis=0), target.max(axis=0)))
    centre = rng.uniform(low, np.maximum(high, low + 1))
    reach = canvas.short * float(np.exp(rng.uniform(np.log(0.03), np.log(0.17))))
    kind = rng.integers(3)
    if kind == 0:
        shape = ellipse(centre, (reach, reach * rng.uniform(0.4, 1.0)), angle=rng.uniform(0, np.pi))
    elif kind == 1:
        angle, ratio = rng.uniform(0, np.pi / 2), rng.uniform(0.3, 1.0)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        shape = centre + np.array([(-1, -ratio), (1, -ratio), (1, ratio), (-1, ratio)]) @ turn * reach
    else:
        spokes = np.sort(rng.uniform(0, 2 * np.pi, 6))
        shape = closed_curve(
            centre + reach * rng.uniform(0.5, 1.1, (6, 1)) * np.stack([np.cos(spokes), np.sin(spokes)], axis=1)
        )
    return PaintLayer(
        (shape,), random_material(rng), origin=centre, unit=canvas.short * 0.35, rim=rng.uniform(0, 0.6), shadow=0.2
    )
