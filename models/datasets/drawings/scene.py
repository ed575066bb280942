"""A scene: who wears what, how it is piled up, and where the camera stands."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from deepmark.models.datasets.drawings import occluders
from deepmark.models.datasets.drawings.body import Body, Posture, random_body
from deepmark.models.datasets.drawings.camera import SceneCamera, aim
from deepmark.models.datasets.drawings.canvas import DrawingCanvas
from deepmark.models.datasets.drawings.curves import Points
from deepmark.models.datasets.drawings.garments import Garment, landmark_names
from deepmark.models.datasets.drawings.layers import PaintLayer
from deepmark.models.datasets.drawings.outfits import dress, lay_apart, random_outfit
from deepmark.models.datasets.drawings.people import random_looks
from deepmark.models.datasets.drawings.pile import Pile


@dataclass(frozen=True, slots=True)
class WornGarment:
    """A garment in a picture.

    Attributes:
        class_id: DeepFashion2's number of the class, 1-13.
        landmarks: (n, 2) pixels, in DeepFashion2's order; may lie outside the picture.
        names: names of the landmarks, in the same order.
        hidden: names of the landmarks on the side that faces away.
    """

    class_id: int
    landmarks: Points
    names: tuple[str, ...]
    hidden: frozenset[str]


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that is in a picture, before a pixel is coloured.

    Attributes:
        canvas: height and width of the picture.
        worn: garments in the picture.
        layers: painted layers, the lowest first.
        viewpoint: DeepFashion2's number: 1 not worn, 2 from the front, 3 from the side or behind.
        shop: whether it is drawn as a shop would show it: nothing stands before or behind.
    """

    canvas: DrawingCanvas
    worn: tuple[WornGarment, ...]
    layers: tuple[PaintLayer, ...]
    viewpoint: int
    shop: bool


_SIDE_VIEW = math.radians(32)  # turned further than this, a person is seen from the side


def compose(rng: np.random.Generator, canvas: DrawingCanvas) -> Scene:
    """Draw a scene for a picture."""
    posture: Posture = rng.choice(("standing", "sitting", "flat"), p=(0.7, 0.1, 0.2))
    classes = random_outfit(rng, posture)
    body = random_body(rng, posture)
    tucked = bool(rng.random() < 0.3)
    garments = dress(rng, body, classes)
    if posture == "flat":
        garments = lay_apart(rng, garments)
    looks = random_looks(rng)
    camera = _aim_camera(rng, body, garments, canvas)
    shop = bool(rng.random() < 0.35)
    pile = Pile(rng, camera, body, looks, garments, tucked=tucked)
    layers = pile.laid_out() if posture == "flat" else pile.on_body()
    worn = tuple(_worn(garment, camera) for garment in garments)
    layers += _things(rng, body, camera, worn, canvas, shop=shop, flat=posture == "flat")
    viewpoint = 1 if posture == "flat" else 3 if body.back or abs(body.turn) > _SIDE_VIEW else 2
    return Scene(canvas, worn, tuple(layers), viewpoint, shop)


def _aim_camera(
    rng: np.random.Generator, body: Body, garments: tuple[Garment, ...], canvas: DrawingCanvas
) -> SceneCamera:
    """Aim at the whole person, at all that is worn, or at one garment so near that parts of it are outside."""
    boxes = [np.array([garment.points[name] for name in landmark_names(garment.class_id)]) for garment in garments]
    everything = np.concatenate(boxes)
    if body.posture == "flat":
        return aim(rng, everything, canvas, fill=_log_uniform(rng, 0.45, 1.25), max_roll=0.7)
    kind = rng.choice(3, p=(0.22, 0.48, 0.3))
    if kind == 0:
        person = np.concatenate([body.torso(), *(limb.joints for limb in (*body.legs, *body.arms))])
        person = np.concatenate([person, np.array([[0.0, -0.75]])])
        return aim(rng, person, canvas, fill=_log_uniform(rng, 0.55, 1.1), max_roll=0.25)
    if kind == 1:
        return aim(rng, everything, canvas, fill=_log_uniform(rng, 0.6, 1.1), max_roll=0.3)
    return aim(rng, boxes[rng.integers(len(boxes))], canvas, fill=_log_uniform(rng, 0.8, 1.6), max_roll=0.3)


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def _worn(garment: Garment, camera: SceneCamera) -> WornGarment:
    names = landmark_names(garment.class_id)
    points = camera.project(np.array([garment.points[name] for name in names]))
    return WornGarment(garment.class_id, points, names, garment.hidden & frozenset(names))


def _things(
    rng: np.random.Generator,
    body: Body,
    camera: SceneCamera,
    worn: tuple[WornGarment, ...],
    canvas: DrawingCanvas,
    *,
    shop: bool,
    flat: bool,
) -> list[PaintLayer]:
    """Draw what stands before the garments."""
    layers: list[PaintLayer] = []
    if not flat and rng.random() < 0.16:
        layers.extend(occluders.bag(rng, body, camera))
    if not flat and rng.random() < 0.08:
        layers.extend(occluders.phone(rng, body, camera))
    if not shop and rng.random() < 0.45:
        target = worn[rng.integers(len(worn))].landmarks
        layers.extend(occluders.patch(rng, target, canvas) for _ in range(rng.integers(1, 5)))
    return layers
