"""What is to be found, class by class in arrays, and as COCO annotations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from deepmark.models.datasets.deepfashion2 import ATTRIBUTES, Annotation, Item
from deepmark.models.datasets.deepfashion2.annotation import OCCLUDED, UNLABELLED
from deepmark.models.datasets.standard import DEEPFASHION2, LabelStandard
from deepmark.runtime.arrays import F64, I64, Mask
from deepmark.runtime.keypoints.schema import KeypointSchema

Kind = Literal["keypoints", "bbox"]
KINDS: tuple[Kind, ...] = ("keypoints", "bbox")


@dataclass(frozen=True, slots=True, eq=False)
class ClassTruth:
    """The N items of one class.

    Attributes:
        image_ids: (N,) numbers of the pictures, int64.
        boxes: (N, 4) x, y, width, height in pixels.
        areas: (N,) area in square pixels that the metric takes: the box's, of COCO's own labels the outline's.
        keypoints: (N, P, 3) x, y, v, in the class's own order.
        attributes: (N, 4) int8, in the order of `ATTRIBUTES`.
        ignored: (N,) neither to be found nor wrong when found; COCO's ``iscrowd``.
    """

    image_ids: I64
    boxes: F64
    areas: F64
    keypoints: F64
    attributes: npt.NDArray[np.int8]
    ignored: Mask

    def only(self, attribute: str, value: int) -> ClassTruth:
        """Ignore the items whose attribute has another value.

        DeepFashion2 defines no evaluation of subsets; this is our choice. A detection of an ignored item is no error.
        """
        other = self.attributes[:, ATTRIBUTES.index(attribute)] != value
        return replace(self, ignored=self.ignored | other)

    def visible_only(self) -> ClassTruth:
        """Leave occluded landmarks out of the metric, as if they were not labelled."""
        keypoints = self.keypoints.copy()
        keypoints[keypoints[..., 2] == OCCLUDED] = UNLABELLED
        return replace(self, keypoints=keypoints)


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """All that is to be found in a data set.

    Attributes:
        schema: classes and landmarks, with the official sigmas.
        image_ids: numbers of all pictures, those without garments too.
        classes: one entry per class of the schema.
        standard: rules that the labels follow.
    """

    schema: KeypointSchema
    image_ids: tuple[int, ...]
    classes: tuple[ClassTruth, ...]
    standard: LabelStandard = DEEPFASHION2

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Kinds of what is labelled: boxes, and landmarks where classes have any."""
        return KINDS if self.schema.num_landmarks else ("bbox",)

    def visible_only(self) -> Truth:
        """Leave the occluded landmarks of all classes out of the metric."""
        return replace(self, classes=tuple(one.visible_only() for one in self.classes))


def collect_truth(
    annotations: Sequence[Annotation], schema: KeypointSchema, standard: LabelStandard = DEEPFASHION2
) -> Truth:
    """Sort the items of all annotations by class."""
    items: list[list[tuple[int, Item]]] = [[] for _ in schema.classes]
    for annotation in annotations:
        for item in annotation.items:
            items[item.category_id - 1].append((annotation.image_id, item))
    classes = tuple(_class(found, len(one.groups)) for found, one in zip(items, schema.classes, strict=True))
    return Truth(schema, tuple(annotation.image_id for annotation in annotations), classes, standard)


def _class(items: Sequence[tuple[int, Item]], landmarks: int) -> ClassTruth:
    corners = np.array([item.box for _, item in items], np.float64).reshape(-1, 4)
    boxes = np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]])
    areas = [box.prod() if item.area is None else item.area for (_, item), box in zip(items, boxes[:, 2:], strict=True)]
    return ClassTruth(
        image_ids=np.array([image_id for image_id, _ in items], np.int64),
        boxes=boxes,
        areas=np.array(areas, np.float64),
        keypoints=np.array([item.landmarks for _, item in items], np.float64).reshape(len(items), landmarks, 3),
        attributes=np.array([[getattr(item, name) for name in ATTRIBUTES] for _, item in items], np.int8).reshape(
            -1, len(ATTRIBUTES)
        ),
        ignored=np.array([item.crowd for _, item in items], np.bool_),
    )


def coco_annotations(truth: ClassTruth, keypoints: F64, category_id: int) -> Iterator[dict[str, Any]]:
    """Give a class's items as COCO annotations, numbered from 1.

    Args:
        truth: items of the class.
        keypoints: (N, K, 3) landmarks of the items, in the layout wanted.
        category_id: 1-based number of the class.
    """
    rows = zip(
        truth.image_ids.tolist(),
        truth.boxes.tolist(),
        truth.areas.tolist(),
        keypoints.reshape(len(keypoints), keypoints.shape[1] * 3).tolist(),
        np.count_nonzero(keypoints[..., 2] > UNLABELLED, axis=1).tolist(),
        truth.ignored.tolist(),
        truth.attributes.tolist(),
        strict=True,
    )
    for number, (image_id, box, area, points, labelled, ignored, attributes) in enumerate(rows, 1):
        yield {
            "id": number,
            "image_id": image_id,
            "category_id": category_id,
            "bbox": box,
            "area": area,
            "iscrowd": int(ignored),
            "keypoints": points,
            "num_keypoints": labelled,
            **dict(zip(ATTRIBUTES, attributes, strict=True)),
        }
