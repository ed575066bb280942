"""One drawing: a picture and its labels, from a seed and a number."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from deepmark.models.datasets.drawings.annotation import DrawnItem, annotate
from deepmark.models.datasets.drawings.background import clutter, develop, ground
from deepmark.models.datasets.drawings.canvas import DrawingCanvas, DrawnSize
from deepmark.models.datasets.drawings.painting import paint
from deepmark.models.datasets.drawings.scene import Scene, compose
from deepmark.runtime.arrays import Image8

_ATTEMPTS = 20  # scenes in which no garment shows are drawn anew; one in some hundred


@dataclass(frozen=True, slots=True)
class Drawing:
    """A labelled picture.

    Attributes:
        image_bgr_u8: (H, W, 3).
        items: garments in the picture, at least one.
        shop: whether it is drawn as a shop would show it, else as a customer would.
    """

    image_bgr_u8: Image8
    items: tuple[DrawnItem, ...]
    shop: bool


def draw(seed: int, index: int, size: DrawnSize) -> Drawing:
    """Draw picture ``index`` of the set ``seed``; the same arguments, the same bytes.

    Args:
        seed: seed of the set.
        index: number of the picture.
        size: side of a square, or height and width, in pixels. In another shape the same people stand before the same
            things, but the camera is aimed anew, as much of them in the picture as there would be in a square.
    """
    scene, items = sketch(seed, index, size)
    rng = _stream(seed, index, 1)
    image = ground(rng, scene.canvas, shop=scene.shop)
    for layer in ([] if scene.shop else clutter(rng, scene.canvas)) + list(scene.layers):
        paint(image, layer, rng)
    return Drawing(develop(rng, image, shop=scene.shop), items, scene.shop)


def sketch(seed: int, index: int, size: DrawnSize) -> tuple[Scene, tuple[DrawnItem, ...]]:
    """Return the scene and the labels of a drawing without its pixels, in a fraction of the time."""
    rng = _stream(seed, index, 0)
    for _ in range(_ATTEMPTS):
        scene = compose(rng, DrawingCanvas.of(size))
        items = annotate(scene)
        if items:
            return scene, items
    raise AssertionError(f"no garment shows in {_ATTEMPTS} scenes of seed {seed}, index {index}")


def _stream(seed: int, index: int, purpose: int) -> np.random.Generator:
    """Return the chance of one picture: scene (0) and pixels (1) do not disturb each other."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, index, purpose))))


def encode(drawing: Drawing, quality: int = 92) -> bytes:
    """Return a drawing's picture as JPEG."""
    _, buffer = cv2.imencode(".jpg", drawing.image_bgr_u8, (cv2.IMWRITE_JPEG_QUALITY, quality))
    return buffer.tobytes()
