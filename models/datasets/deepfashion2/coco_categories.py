"""The categories of a COCO file: some or all of DeepFashion2's classes, under DeepFashion2's numbers."""

from __future__ import annotations

import re

from deepmark.errors import DataError
from deepmark.models.datasets.coco_document import COCO_HINT, CocoCategory, CocoDocument
from deepmark.models.datasets.deepfashion2.annotation import CONVERTER_NAMES
from deepmark.runtime.keypoints.schema import KeypointSchema


def read_categories(document: CocoDocument, schema: KeypointSchema) -> frozenset[int]:
    """Give the numbers of the categories; they may be some of the schema's, under either name.

    Args:
        document: COCO file.
        schema: classes of DeepFashion2.

    Raises:
        DataError: there is none, or a number means another class; names what was found.
    """
    names = dict(enumerate(plain_names(schema), 1))
    found: set[int] = set()
    for where, category in document.categories(CocoCategory):
        if category.id not in names:
            raise DataError(
                f"{where}.id must be 1-{len(names)}, found {category.id} for {category.name!r}", hint=COCO_HINT
            )
        if plain(category.name) not in names[category.id]:
            right = next((number for number, known in names.items() if plain(category.name) in known), None)
            other = f", whose id is {right}" if right else ""
            raise DataError(
                f"{where}.name must be {schema.class_names[category.id - 1]!r} for id {category.id}, found"
                f" {category.name!r}{other}",
                hint=COCO_HINT,
            )
        found.add(category.id)
    if not found:
        raise DataError(f"{document.path}: categories is empty", hint=COCO_HINT)
    return frozenset(found)


def plain_names(schema: KeypointSchema) -> list[set[str]]:
    """Give the names of each class, as `plain` writes them: the annotation files' and the official converter's."""
    return [{plain(name), plain(CONVERTER_NAMES.get(name, name))} for name in schema.class_names]


def plain(name: str) -> str:
    """Write the name of a class in lower case, with blanks: ``Short_sleeve_top`` is short sleeve top."""
    return re.sub(r"[\s_-]+", " ", name).strip().lower()
