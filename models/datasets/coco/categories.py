"""What a COCO file labels, told from its categories: persons with 17 points, objects with boxes, or garments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from deepmark.errors import DataError
from deepmark.models.datasets.coco_document import CocoCategory, CocoDocument
from deepmark.models.datasets.deepfashion2.coco_categories import plain, plain_names
from deepmark.models.datasets.standard import LabelStandard
from deepmark.runtime.keypoints.schema import KeypointClass, KeypointSchema

_PERSON = "person"
_LANDMARKS = re.compile(rb'"keypoints"\s*:\s*\[\s*[^\]\s]')  # of some: tools write an empty list beside boxes
_HINT = "expected COCO's person_keypoints_*.json (one category, person), or instances_*.json (boxes without landmarks)"


class _CategoryWithPoints(CocoCategory):
    keypoints: list[str] | None = None


@dataclass(frozen=True, slots=True)
class CocoCategories:
    """The categories of COCO's own file.

    Attributes:
        schema: classes by ascending number of their category; persons with 17 landmarks, or objects without any.
        standard: COCO's rules, with the numbers of the categories, which need not follow each other.
    """

    schema: KeypointSchema
    standard: LabelStandard

    @classmethod
    def of(cls, document: CocoDocument) -> CocoCategories | None:
        """Read the categories; None for landmarks of garments, or of anything but persons: no file of COCO's own.

        Raises:
            DataError: a category is faulty or stands twice, or persons have other landmarks than COCO's.
        """
        garments = set().union(*plain_names(KeypointSchema.deepfashion2()))
        found = sorted((one for _, one in document.categories(_CategoryWithPoints)), key=lambda one: one.id)
        names = {plain(one.name) for one in found}
        has_landmarks = any(one.keypoints for one in found) or any(
            _LANDMARKS.search(bytes(one)) for one in document.annotations
        )
        if not found or (has_landmarks and (names & garments or _PERSON not in names)):
            return None
        if has_landmarks:
            return cls(_persons(found, document), LabelStandard("COCO", "persons", (found[0].id,)))
        ids = tuple(one.id for one in found)
        return cls(_objects(found, document), LabelStandard("COCO", "objects", ids))


def _persons(found: Sequence[_CategoryWithPoints], document: CocoDocument) -> KeypointSchema:
    """Give the schema of COCO's persons.

    Raises:
        DataError: these are other classes, or other landmarks.
    """
    schema = KeypointSchema.coco_person()
    (person,) = schema.classes
    if len(found) > 1:
        other = next(one.name for one in found if plain(one.name) != _PERSON)
        raise DataError(f"{document.path} has landmarks, and a category that is no person: {other!r}", hint=_HINT)
    names = found[0].keypoints or list(person.keypoint_names)
    if len(names) != len(person.keypoint_names):
        raise DataError(
            f"{document.path}: persons must have COCO's {len(person.keypoint_names)} keypoints, found {len(names)}",
            hint=_HINT,
        )
    for at, (name, expected) in enumerate(zip(names, person.keypoint_names, strict=True)):
        if plain(name) != plain(expected):
            raise DataError(
                f"{document.path}: keypoint {at + 1} of a person must be {expected!r}, found {name!r}",
                hint="in another order each point would be held against another one's sigma",
            )
    return schema


def _objects(found: Sequence[_CategoryWithPoints], document: CocoDocument) -> KeypointSchema:
    names = [one.name for one in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise DataError(f"{document.path}: two categories are named {twice!r}")
    classes = tuple(KeypointClass(name, (), (), (), ()) for name in names)
    return KeypointSchema(document.path.stem, classes, ())
