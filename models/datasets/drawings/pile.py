"""How a dressed person is painted: which part lies on which."""

from __future__ import annotations

import math

import numpy as np

from deepmark.models.datasets.drawings import people
from deepmark.models.datasets.drawings.body import Body
from deepmark.models.datasets.drawings.camera import SceneCamera
from deepmark.models.datasets.drawings.curves import Point, Points, open_curve, ring
from deepmark.models.datasets.drawings.garments import BOTTOMS, TROUSERS, Garment, GarmentPart, Slot
from deepmark.models.datasets.drawings.layers import PaintLayer
from deepmark.models.datasets.drawings.textures import Material, plain, random_colour, random_material


class Pile:
    """Piles the parts of a dressed body, or of garments laid out, the lowest first.

    Args:
        rng: source of chance for materials and hair.
        camera: body units to pixels.
        body: body that wears the garments.
        looks: skin, hair, head and shoes of the person.
        garments: garments from the skin outwards.
        tucked: whether the top is tucked into the bottom.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        camera: SceneCamera,
        body: Body,
        looks: people.Looks,
        garments: tuple[Garment, ...],
        *,
        tucked: bool,
    ) -> None:
        self._rng, self._camera, self._body, self._looks, self._garments = rng, camera, body, looks, garments
        self._pixels = [_project_all(garment.points, camera) for garment in garments]
        self._materials = [random_material(rng) for _ in garments]
        self._linings = [_lining(rng, material) for material in self._materials]
        self._rims = [float(rng.uniform(0.25, 0.85)) for _ in garments]
        self._folds = [float(rng.uniform(0.1, 0.9)) for _ in garments]
        order = list(range(len(garments)))
        if tucked and len(order) > 1 and garments[0].class_id in BOTTOMS:
            order[:2] = [1, 0]
        self._order = order
        self._sleeved = any("left_cuff_outer" in garment.points for garment in garments)
        long = any("left_sleeve_outer_elbow" in garment.points for garment in garments)
        self._arm_thickness = 0.8 if long else 1.0
        self._bare_from = 0.8 if long else 0.66 if self._sleeved else 0.2
        self._leg_thickness = 0.8 if any(garment.class_id == TROUSERS for garment in garments) else 1.0

    def laid_out(self) -> list[PaintLayer]:
        """Pile up garments without a body."""
        return [layer for number in self._order for layer in self._laid(number)]

    def _laid(self, number: int) -> list[PaintLayer]:
        slots: tuple[Slot, ...] = ("inside", "trunk", "left leg", "right leg", "left arm", "right arm")
        if self._rng.random() < 0.4:  # sleeves folded behind the trunk
            slots = ("left arm", "right arm", "inside", "trunk", "left leg", "right leg")
        return [layer for slot in slots for layer in self._cloth(slot, (number,))]

    def on_body(self) -> list[PaintLayer]:
        """Pile up a dressed person."""
        body, outer_first = self._body, tuple(reversed(self._order))
        behind, before = (
            tuple(arm.side for arm in body.arms if arm.in_front == in_front) for in_front in (False, True)
        )
        layers: list[PaintLayer] = []
        if not body.back:
            layers += self._plain(people.hair_behind(body, self._looks), self._looks.hair)
        layers += self._cloth("inside", outer_first)
        for side in behind:
            layers += self._arm(side)
        layers += self._legs()
        if not self._sleeved:  # bare shoulders: the cloth goes over them
            for arm in body.arms:
                layers += self._plain(arm.outline(), self._looks.skin)
        layers += self._plain(body.torso(), self._looks.skin)
        near = sorted(body.legs, key=lambda leg: leg.in_front)
        for number in self._order:
            layers += self._cloth("trunk", (number,))
            for leg in near:
                layers += self._cloth("left leg" if leg.side < 0 else "right leg", (number,))
        for side in before:
            layers += self._arm(side)
        return layers + self._head()

    def _arm(self, side: int) -> list[PaintLayer]:
        arm = self._body.arms[0 if side < 0 else 1]
        free = arm.shortened(self._bare_from)
        skin = self._plain(free.outline(self._arm_thickness), self._looks.skin) + self._plain(
            people.hand(self._body, side), self._looks.skin
        )
        return skin + self._cloth("left arm" if side < 0 else "right arm", tuple(self._order))

    def _legs(self) -> list[PaintLayer]:
        layers: list[PaintLayer] = []
        shoes = self._looks.shoes or self._looks.skin
        for leg in sorted(self._body.legs, key=lambda leg: leg.in_front):
            layers += self._plain(leg.outline(self._leg_thickness), self._looks.skin)
            layers += self._plain(people.foot(self._body, leg.side), shoes)
        return layers

    def _head(self) -> list[PaintLayer]:
        body, looks = self._body, self._looks
        layers = self._plain(people.head(body, looks), looks.skin)
        for piece in people.face(body, looks):
            layers += self._plain(piece, plain((50, 45, 70)))
        if body.back:
            return layers + self._plain(people.hair_behind(body, looks), looks.hair)
        return layers + [
            layer for piece in people.hair_above(self._rng, body, looks) for layer in self._plain(piece, looks.hair)
        ]

    def _plain(self, outline: Points, material: Material) -> list[PaintLayer]:
        shape = self._camera.project(outline)
        return [PaintLayer((shape,), material, unit=self._camera.scale, roundness=0.3, rim=0.15, shadow=0.15)]

    def _cloth(self, slot: Slot, numbers: tuple[int, ...]) -> list[PaintLayer]:
        return [
            self._part(number, part) for number in numbers for part in self._garments[number].parts if part.slot == slot
        ]

    def _part(self, number: int, part: GarmentPart) -> PaintLayer:
        garment, pixels = self._garments[number], self._pixels[number]
        start, end = pixels[part.axis[0]], pixels[part.axis[1]]
        inside = part.slot == "inside"
        trunk = part.slot == "trunk"
        buttons: tuple[Point, ...] = ()
        if garment.fastened and "opening_right_hem" in part.ring:
            first, last = (pixels[name] for name in garment.fastened)
            buttons = tuple(first + (last - first) * t for t in np.linspace(0.06, 0.9, 5))
        return PaintLayer(
            (ring(pixels, part.ring, garment.corners),),
            self._linings[number] if inside else self._materials[number],
            garment=number,
            ring=part.ring,
            origin=start,
            axis=math.atan2(-(end[0] - start[0]), end[1] - start[1]),
            unit=self._camera.scale,
            brightness=0.62 if inside else 1.0,
            roundness=0.35,
            folds=self._folds[number],
            rim=self._rims[number],
            shadow=0.0 if inside else 0.3,
            seams=tuple(open_curve(pixels, seam, garment.corners) for seam in part.seams),
            creases=tuple(np.array([pixels[a], pixels[b]]) for a, b in garment.creases) if trunk else (),
            buttons=buttons,
        )


def _project_all(points: dict[str, Point], camera: SceneCamera) -> dict[str, Point]:
    pixels = camera.project(np.array(list(points.values())))
    return dict(zip(points, pixels, strict=True))


def _lining(rng: np.random.Generator, material: Material) -> Material:
    return material if rng.random() < 0.6 else plain(random_colour(rng))
