"""The layout that DeepFashion2 is evaluated in: the landmarks of all classes one after the other, 294 in all.

A model has one channel per *group* of landmarks, and `decode` gathers a class's own landmarks out of them. Here these
go to the class's own range of the layout; all others stay 0.
"""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import numpy.typing as npt

from deepmark.errors import DataError
from deepmark.runtime.arrays import F64
from deepmark.runtime.keypoints.schema import KeypointSchema

BOXES_OR_POINTS = "COCO's persons with landmarks are in person_keypoints_*.json, boxes alone in instances_*.json"
_OTHER_DATA = f"evaluate it on the data that it was trained for; {BOXES_OR_POINTS}"


def class_ranges(schema: KeypointSchema) -> tuple[slice, ...]:
    """Give each class's range of the layout, for example 0-25, 25-58, ... for DeepFashion2."""
    ends = list(accumulate(len(one.groups) for one in schema.classes))
    return tuple(slice(start, end) for start, end in zip([0, *ends], ends, strict=False))


def to_294(keypoints: npt.ArrayLike, class_index: int, schema: KeypointSchema) -> F64:
    """Put landmarks of one class into the layout of all.

    Args:
        keypoints: (..., P, D) landmarks in the class's own order.
        class_index: 0-based number of the class.
        schema: DeepFashion2's for 294 landmarks; in any grouping.

    Returns:
        (..., 294, D), zeros outside the class's range.
    """
    own = np.asarray(keypoints, np.float64)
    wide = np.zeros((*own.shape[:-2], schema.num_landmarks, own.shape[-1]))
    wide[..., class_ranges(schema)[class_index], :] = own
    return wide


def sigmas_294(schema: KeypointSchema) -> F64:
    """Give the OKS sigmas of all landmarks, (294,)."""
    return np.array([sigma for one in schema.classes for sigma in one.sigmas])


def require_same_classes(model: KeypointSchema, data: KeypointSchema) -> None:
    """Refuse a model whose detections would mean something else in this data set; its grouping may be any.

    Raises:
        DataError: names the first class that differs.
    """
    if len(model.classes) != len(data.classes):
        raise DataError(
            f"the model finds {len(model.classes)} class{'es' * (len(model.classes) > 1)} ({model.name}),"
            f" the data set has {len(data.classes)} ({data.name})",
            hint=_OTHER_DATA,
        )
    for number, (found, expected) in enumerate(zip(model.classes, data.classes, strict=True), 1):
        if (found.name, len(found.groups)) != (expected.name, len(expected.groups)):
            raise DataError(
                f"class {number} of the model is {found.name!r} with {len(found.groups)} landmarks, of the data set"
                f" {expected.name!r} with {len(expected.groups)}",
                hint=_OTHER_DATA,
            )
