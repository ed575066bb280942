"""A garment: named points on a body, and the parts that are cut along them.

A garment is built in body units. Its landmarks are points of the outlines of its parts by construction, and a landmark
means the same point in every class that has it: they share the functions in `upper_garments`, `lower_garments` and
`coat_front`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal

from deepmark.models.datasets.drawings.curves import Point
from deepmark.runtime.keypoints.schema import KeypointSchema

Slot = Literal["inside", "trunk", "left arm", "right arm", "left leg", "right leg"]
Names = tuple[str, ...]

CLASS_IDS = tuple(range(1, 14))
SHORT_SLEEVES, LONG_SLEEVES, OUTWEAR = (1, 3, 10), (2, 4, 11), (3, 4)
VESTS, SLINGS = (5, 12), (6, 13)
SHORTS, TROUSERS, SKIRT = 7, 8, 9
DRESSES = (10, 11, 12, 13)
TOPS = (1, 2, 5, 6)
BOTTOMS = (SHORTS, TROUSERS, SKIRT)


@dataclass(frozen=True, slots=True)
class GarmentPart:
    """A piece of cloth.

    Attributes:
        ring: names of the points around it.
        slot: layer of a dressed body that it belongs to.
        axis: names of two points; the cloth's threads run from the first to the second.
        seams: lines through named points of the ring that are drawn stronger: hems, cuffs, collars, fronts.
    """

    ring: Names
    slot: Slot
    axis: tuple[str, str]
    seams: tuple[Names, ...] = ()


@dataclass(frozen=True, slots=True)
class Garment:
    """One garment on a body.

    Attributes:
        class_id: DeepFashion2's number of the class, 1-13.
        points: every landmark by its name in the keypoint schema, and helper points (``"_..."``).
        parts: pieces of the garment, the lowest first where they share a slot.
        corners: points where the outline is not smooth.
        hidden: landmarks on the side that faces away.
        creases: lines of two points that folds run along.
        fastened: names of two points between which buttons or a zip are drawn, or None.
    """

    class_id: int
    points: dict[str, Point]
    parts: tuple[GarmentPart, ...]
    corners: frozenset[str]
    hidden: frozenset[str] = frozenset()
    creases: tuple[tuple[str, str], ...] = ()
    fastened: tuple[str, str] | None = None


@functools.cache
def landmark_names(class_id: int) -> Names:
    """Return the landmarks of a class in DeepFashion2's order."""
    return KeypointSchema.deepfashion2().classes[class_id - 1].keypoint_names


@functools.cache
def class_name(class_id: int) -> str:
    """Return DeepFashion2's name of a class, for example ``"short sleeve top"``."""
    return KeypointSchema.deepfashion2().class_names[class_id - 1]


def both(*names: str) -> Names:
    """Return the names, which are of the left, and then their right partners in reverse: halfway around a garment."""
    return names + mirrored(names)


def mirrored(names: Names) -> Names:
    """Return the right partners of names of the left, in reverse."""
    return tuple(sided(name, 1) for name in reversed(names))


def sided(name: str, side: int) -> str:
    """Return the name of a left point's partner on ``side`` (-1 left, +1 right)."""
    return name if side < 0 else name.replace("left", "right")
