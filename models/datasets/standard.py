"""Whose rules labelled data follow: which metric they are measured by, and how files number the classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class LabelStandard:
    """The rules of a data set.

    Attributes:
        name: whose metric it is. DeepFashion2's is COCO's with its own sigmas and with the box for a garment's area,
            and means over all sizes alone.
        items: what is labelled, for people: ``"garments"``, ``"persons"`` or ``"objects"``.
        category_ids: number of each class in files, by the class's place in the schema.
    """

    name: Literal["DeepFashion2", "COCO"]
    items: str
    category_ids: tuple[int, ...]


DEEPFASHION2 = LabelStandard("DeepFashion2", "garments", tuple(range(1, 14)))
