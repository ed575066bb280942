"""What is behind: walls, floors, clutter, and cloth that nobody wears."""

from __future__ import annotations

import cv2
import numpy as np

from deepmark.models.datasets.drawings.canvas import DrawingCanvas
from deepmark.models.datasets.drawings.curves import closed_curve, ellipse
from deepmark.models.datasets.drawings.layers import PaintLayer
from deepmark.models.datasets.drawings.textures import (
    Image,
    Material,
    Threads,
    cloth,
    plain,
    random_colour,
    random_material,
    soft_noise,
)
from deepmark.runtime.arrays import F32, Image8


def ground(rng: np.random.Generator, canvas: DrawingCanvas, *, shop: bool) -> Image:
    """Draw what the picture is filled with: a wall with a floor, a cloudy colour, or a pattern."""
    kind = rng.choice(4, p=(0.55, 0.35, 0.1, 0.0) if shop else (0.2, 0.3, 0.25, 0.25))
    colour = random_colour(rng)
    if shop:
        colour = colour * 0.3 + 178.0
    image = np.empty((3, *canvas.hw), np.float32)
    image[:] = colour[:, None, None]
    if kind == 1:
        cells = int(rng.integers(1, 7))
        clouds = soft_noise(rng, canvas.hw, (cells, cells))
        image += clouds * ((random_colour(rng) - colour) * np.float32(0.25 if shop else 0.6))[:, None, None]
    elif kind == 2:
        x, y = (np.arange(side, dtype=np.float32) / np.float32(canvas.short * 0.4) for side in canvas.hw[::-1])
        image[:] = cloth(random_material(rng), Threads(*np.meshgrid(x, y)))
    elif kind == 3:
        floor = int(canvas.height * rng.uniform(0.55, 0.95))
        image[:, floor:] = random_colour(rng)[:, None, None]
        image *= np.linspace(1.1, 0.8, canvas.height, dtype=np.float32)[:, None]
    return image


def clutter(rng: np.random.Generator, canvas: DrawingCanvas) -> list[PaintLayer]:
    """Draw furniture, posters, rails and hanging cloth, none of which is a garment."""
    return [_thing(rng, canvas) for _ in range(rng.integers(0, 12))]


def _thing(rng: np.random.Generator, canvas: DrawingCanvas) -> PaintLayer:
    centre = rng.uniform(-0.05, 1.05, 2) * canvas.sides
    reach = canvas.short * rng.uniform(0.04, 0.3, 2)
    kind = rng.integers(5)
    box = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    if kind == 0:
        shape = centre + box * reach
    elif kind == 1:
        shape = ellipse(centre, (float(reach[0]), float(reach[1])), angle=rng.uniform(0, 3))
    elif kind == 2:
        shape = centre + rng.uniform(-1.2, 1.2, (int(rng.integers(3, 6)), 2)) * reach
    elif kind == 3:  # a rail, a frame's edge, a branch: as thin as a limb
        angle, length = rng.uniform(0, np.pi), canvas.short * rng.uniform(0.15, 0.6)
        along = np.array([np.cos(angle), np.sin(angle)])
        across = np.array([-along[1], along[0]]) * canvas.short * rng.uniform(0.006, 0.05)
        shape = centre + np.array([along * length - across, along * length + across, across, -across])
    else:  # a towel, a curtain, a cushion
        shape = closed_curve(centre + box * reach * rng.uniform(0.7, 1.3, (4, 2)))
    material: Material = random_material(rng) if kind >= 2 and rng.random() < 0.6 else plain(random_colour(rng))
    return PaintLayer(
        (shape,), material, origin=centre, unit=canvas.short * 0.35, roundness=0.2, rim=rng.uniform(0, 0.7), shadow=0.1
    )


def develop(rng: np.random.Generator, image: Image, *, shop: bool) -> Image8:
    """Light the scene and take the picture, (H, W, 3): light from a side, its colour, contrast, blur and noise."""
    canvas = DrawingCanvas(*image.shape[1:])
    contrast, brightness = rng.uniform(0.75, 1.15), 128 + rng.normal(0, 10)
    strength = np.float32(contrast * (0.1 if shop else rng.uniform(0.05, 0.45)))
    light = np.float32(contrast) + strength * soft_noise(rng, canvas.hw, (1, 1))
    gain = rng.uniform(0.8, 1.2) * (1 + rng.normal(0, 0.05, 3))
    for channel in range(3):
        image[channel] *= light * np.float32(gain[channel])
    image += np.float32(brightness - 128 * contrast + 0.5)
    picture: F32 = cv2.merge(list(image))
    if rng.random() < 0.35:
        cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.3, 1.1)) * canvas.long / 256, dst=picture)
    elif rng.random() < 0.12:
        cv2.filter2D(picture, -1, _streak(rng, canvas.long), dst=picture)
    if rng.random() < 0.6:
        noise = rng.standard_normal(picture.shape[:2], np.float32) * np.float32(rng.uniform(1, 9))
        tint = rng.normal(1, 0.4, 3)
        picture += cv2.merge([noise * np.float32(t) for t in tint])
    np.clip(picture, 0, 255, out=picture)
    return picture.astype(np.uint8)


def _streak(rng: np.random.Generator, side: int) -> F32:
    """Return the kernel of a hand that shook, for a picture of this longer side."""
    length = max(3, round(side * 0.02)) | 1
    kernel = np.zeros((length, length), np.float32)
    angle, half = rng.uniform(0, np.pi), (length - 1) / 2
    reach = np.array([np.cos(angle), np.sin(angle)]) * half
    first, last = np.rint(half - reach).astype(int), np.rint(half + reach).astype(int)
    cv2.line(kernel, first.tolist(), last.tolist(), 1.0)
    return np.asarray(kernel / kernel.sum())
