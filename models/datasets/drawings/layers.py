"""A layer: one thing of a scene as it lies in the picture; a scene is a pile of them, the lowest first."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from deepmark.models.datasets.drawings.curves import Point, Points
from deepmark.models.datasets.drawings.garments import Names
from deepmark.models.datasets.drawings.textures import Material


@dataclass(frozen=True, slots=True)
class PaintLayer:
    """A filled shape.

    Attributes:
        polygons: closed outlines in pixels; the layer is their union.
        material: cloth, skin or colour that fills it.
        garment: position of its garment in the scene; None for skin, hair and things.
        ring: names of the garment's points on its outline.
        origin: (2,) x, y of the pixel at which the material begins; None for the picture's corner.
        axis: radians from the picture's vertical to the material's threads.
        unit: pixels per body unit.
        brightness: factor on the colours; a lining is in the shade.
        roundness: darkness of its rims beside its middle, in [0, 1].
        folds: strength of creases in the cloth, in [0, 1].
        rim: darkness of the outline, in [0, 1].
        shadow: darkness of the shadow on what lies below, in [0, 1].
        seams: lines drawn over it, in pixels.
        creases: start and end pixel of folds.
        buttons: pixels of buttons.
        boxes: left, top, right, bottom of each polygon.
    """

    polygons: tuple[Points, ...]
    material: Material
    garment: int | None = None
    ring: Names = ()
    origin: Point | None = None
    axis: float = 0.0
    unit: float = 1.0
    brightness: float = 1.0
    roundness: float = 0.3
    folds: float = 0.0
    rim: float = 0.0
    shadow: float = 0.0
    seams: tuple[Points, ...] = ()
    creases: tuple[Points, ...] = ()
    buttons: tuple[Point, ...] = ()
    boxes: tuple[tuple[float, ...], ...] = field(init=False)

    def __post_init__(self) -> None:
        """Measure the polygons once: every landmark of the scene is tested against them."""
        boxes = (np.concatenate([polygon.min(axis=0), polygon.max(axis=0)]) for polygon in self.polygons)
        object.__setattr__(self, "boxes", tuple(tuple(box.tolist()) for box in boxes))
