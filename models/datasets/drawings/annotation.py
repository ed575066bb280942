"""What DeepFashion2's annotators would write down of a scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from deepmark.models.datasets.drawings.curves import Points
from deepmark.models.datasets.drawings.garments import class_name
from deepmark.models.datasets.drawings.scene import Scene, WornGarment
from deepmark.runtime.arrays import F64

OUTSIDE, OCCLUDED, VISIBLE = 0, 1, 2
_SUBPIXEL = 4  # bits after the point that OpenCV takes
_LEAST_SHARE = 0.06  # of its own area that must be seen for a garment to be labelled
_LEAST_AREA = 0.003  # of the picture, likewise
_LEAST_LANDMARKS = 0.25  # of all, inside the picture, likewise


@dataclass(frozen=True, slots=True)
class DrawnItem:
    """One labelled garment.

    Attributes:
        category_id: DeepFashion2's number of the class, 1-13.
        landmarks: (n, 3) x, y in pixels and v: 2 visible, 1 occluded, 0 outside the picture (then x = y = 0).
        bounding_box: x1, y1, x2, y2 in pixels: the smallest box around what is seen of the garment and its landmarks
            with v > 0, inside the picture.
        segmentation: closed outlines x1, y1, x2, y2, ... of what is seen of it, the largest first.
        scale: box's share of the picture: 1 below 10 %, 2 to 40 %, 3 above.
        occlusion: occluded share of the landmarks in the picture: 1 below 20 %, 2 to 50 %, 3 above.
        zoom_in: landmarks outside the picture: 1 none, 2 to 30 %, 3 above.
        viewpoint: 1 not worn, 2 from the front, 3 from the side or behind.
    """

    category_id: int
    landmarks: F64
    bounding_box: tuple[float, float, float, float]
    segmentation: tuple[tuple[float, ...], ...]
    scale: int
    occlusion: int
    zoom_in: int
    viewpoint: int

    @property
    def category_name(self) -> str:
        """DeepFashion2's name of the class."""
        return class_name(self.category_id)


def annotate(scene: Scene) -> tuple[DrawnItem, ...]:
    """Label every garment of which enough is seen."""
    seen, whole = _areas(scene)
    items = []
    for number, worn in enumerate(scene.worn):
        mask = (seen == number + 1).astype(np.uint8)
        area = int(np.count_nonzero(mask))
        if area < max(_LEAST_SHARE * whole[number], _LEAST_AREA * scene.canvas.area):
            continue
        landmarks = _landmarks(scene, number)
        if np.count_nonzero(landmarks[:, 2]) >= _LEAST_LANDMARKS * len(landmarks):
            items.append(_item(scene, worn, landmarks, mask))
    return tuple(items)


def fill(mask: npt.NDArray[np.uint8], polygons: tuple[Points, ...], value: int, *, smooth: bool = False) -> None:
    """Fill the union of polygons, given in pixels; ``smooth`` blends the rim."""
    line = cv2.LINE_AA if smooth else cv2.LINE_8
    for polygon in polygons:
        points = np.clip(np.rint(polygon * (1 << _SUBPIXEL)), -(2**24), 2**24).astype(np.int32)
        cv2.fillPoly(mask, [points], value, line, _SUBPIXEL)


def _areas(scene: Scene) -> tuple[npt.NDArray[np.uint8], list[int]]:
    """Return which garment is seen at each pixel (its position + 1), and the area of each without what lies above."""
    shape = scene.canvas.hw
    seen = np.zeros(shape, np.uint8)
    alone = np.zeros((len(scene.worn), *shape), np.uint8)
    for layer in scene.layers:
        fill(seen, layer.polygons, 0 if layer.garment is None else layer.garment + 1)
        if layer.garment is not None:
            fill(alone[layer.garment], layer.polygons, 1)
    return seen, [int(np.count_nonzero(mask)) for mask in alone]


def _landmarks(scene: Scene, number: int) -> F64:
    worn, last = scene.worn[number], scene.canvas.sides - 1
    points = np.round(worn.landmarks, 2)
    inside = np.all((points >= 0) & (points <= last), axis=1)
    labelled = np.zeros((len(points), 3))
    for row in np.flatnonzero(inside):
        covered = worn.names[row] in worn.hidden or _covered(
            scene, number, worn.names[row], tuple(points[row].tolist())
        )
        labelled[row] = *points[row], OCCLUDED if covered else VISIBLE
    return labelled


def _covered(scene: Scene, number: int, name: str, point: tuple[float, float]) -> bool:
    """Tell whether something lies on a landmark.

    The landmark lies on the topmost part of its garment that it is a point of. What touches it with its rim alone, as
    the neighbouring part of an outfit does, does not cover it.
    """
    margin = max(0.8, 0.004 * scene.canvas.long)
    x, y = point
    for layer in reversed(scene.layers):
        if layer.garment == number and name in layer.ring:
            return False
        for polygon, (left, top, right, bottom) in zip(layer.polygons, layer.boxes, strict=True):
            if left < x < right and top < y < bottom:
                distance = cv2.pointPolygonTest(polygon.astype(np.float32), point, measureDist=True)
                if distance > margin:
                    return True
    return True  # a point of no part that is drawn


def _item(scene: Scene, worn: WornGarment, landmarks: F64, mask: npt.NDArray[np.uint8]) -> DrawnItem:
    x, y, wide, high = cv2.boundingRect(mask)
    labelled = landmarks[landmarks[:, 2] > OUTSIDE, :2]
    low = np.minimum(labelled.min(axis=0), (x, y))
    top = np.maximum(labelled.max(axis=0), (x + wide - 1, y + high - 1))
    share = float(np.prod(top - low)) / scene.canvas.area
    occluded = float(np.mean(landmarks[landmarks[:, 2] > OUTSIDE, 2] == OCCLUDED))
    outside = float(np.mean(landmarks[:, 2] == OUTSIDE))
    return DrawnItem(
        category_id=worn.class_id,
        landmarks=landmarks,
        bounding_box=(float(low[0]), float(low[1]), float(top[0]), float(top[1])),
        segmentation=_outlines(mask),
        scale=1 if share < 0.1 else 2 if share <= 0.4 else 3,
        occlusion=1 if occluded < 0.2 else 2 if occluded < 0.5 else 3,
        zoom_in=1 if outside == 0 else 2 if outside <= 0.3 else 3,
        viewpoint=scene.viewpoint,
    )


def _outlines(mask: npt.NDArray[np.uint8]) -> tuple[tuple[float, ...], ...]:
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    kept = sorted(contours, key=lambda contour: -cv2.contourArea(contour))
    outlines: list[tuple[float, ...]] = []
    for contour in kept:
        simple = cv2.approxPolyDP(contour, 0.8, closed=True)
        if len(simple) >= 3 and (not outlines or cv2.contourArea(simple) >= 6):
            outlines.append(tuple(float(value) for value in simple.reshape(-1)))
    return tuple(outlines)


def document(items: tuple[DrawnItem, ...], *, pair_id: int, shop: bool) -> dict[str, Any]:
    """Return DeepFashion2's JSON document of one picture; ``style`` 0: no two pictures show the same garment."""
    found: dict[str, Any] = {"source": "shop" if shop else "user", "pair_id": pair_id}
    for number, item in enumerate(items, 1):
        found[f"item{number}"] = {
            "segmentation": [list(outline) for outline in item.segmentation],
            "scale": item.scale,
            "viewpoint": item.viewpoint,
            "zoom_in": item.zoom_in,
            "landmarks": _flat(item.landmarks),
            "style": 0,
            "bounding_box": list(item.bounding_box),
            "category_id": item.category_id,
            "occlusion": item.occlusion,
            "category_name": item.category_name,
        }
    return found


def _flat(landmarks: F64) -> list[float | int]:
    """Return x, y, v, x, y, v, ...; v whole."""
    return [number for x, y, v in landmarks.tolist() for number in (x, y, int(v))]
