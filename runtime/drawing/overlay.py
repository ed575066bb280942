"""Detections drawn on a picture: outline, landmarks, the corners of the box, and a label.

An object without landmarks has the whole box drawn: corners alone are lost among the corners of others.

Everything is drawn twice: first wider in a dark tone, then in the class's colour, so that it reads on light and on dark
pictures. A landmark that the heatmap confirmed is a filled dot; one that comes from the regression alone is a ring.
What people labelled can be drawn too: a landmark without a position (NaN) is left out, and so is a score of NaN.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import groupby

import numpy as np

from deepmark.runtime.arrays import Image8, Mask
from deepmark.runtime.detections import Detections
from deepmark.runtime.drawing.label_layout import lay_out_labels
from deepmark.runtime.drawing.palette import HALO, Colour, class_colour, ink_on
from deepmark.runtime.drawing.pen import Pen, Points
from deepmark.runtime.drawing.text import CAP_HEIGHT, REGULAR, SEMIBOLD, put_text, text_width
from deepmark.runtime.keypoints.schema import KeypointSchema

_SMOOTH_BELOW = 1600  # pictures with sides shorter than that are drawn enlarged, and reduced again
_MAX_ENLARGEMENT = 4
_RING = 1.3  # radius of a ring in radii of a dot: wide enough to look hollow


def annotate(image: Image8, detections: Detections, schema: KeypointSchema) -> Image8:
    """Draw detections.

    Args:
        image: (H, W, 3) uint8, BGR; it stays as it is.
        detections: objects in pixels of this picture, best first.
        schema: names and outlines of the classes.

    Returns:
        A new picture of the same size; equal to ``image`` where nothing is drawn.
    """
    import cv2

    if not len(detections):
        return image.copy()
    height, width = image.shape[:2]
    zoom = min(max(-(-_SMOOTH_BELOW // max(height, width)), 1), _MAX_ENLARGEMENT)
    # Every pixel becomes zoom x zoom equal ones, so the reduction gives untouched pixels back exactly.
    size = (width * zoom, height * zoom)
    canvas = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    pen = Pen.for_picture(canvas, zoom)
    for one in reversed(range(len(detections))):  # the best on top
        _draw_object(pen, detections, one, schema)
    _draw_labels(pen, detections, schema)
    return np.asarray(cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def scaled(detections: Detections, factor: float) -> Detections:
    """Return the detections for the same picture at another size."""
    return replace(
        detections,
        boxes=(detections.boxes * factor).astype(np.float32),
        keypoints=tuple((points * factor).astype(np.float32) for points in detections.keypoints),
    )


def _draw_object(pen: Pen, detections: Detections, one: int, schema: KeypointSchema) -> None:
    class_id = int(detections.class_ids[one])
    colour = class_colour(class_id)
    box = pen.to_canvas(detections.boxes[one].reshape(2, 2))
    points = pen.to_canvas(detections.keypoints[one])
    pen = pen.thinner(_share_of_picture(box, pen.canvas))
    shown = _shown(box, pen)
    pen.lines(_corners(shown, pen) if len(points) else [_around(shown)], colour)
    known = np.isfinite(points[:, 0])
    outline = schema.classes[class_id].outline
    pen.lines([points[part] for line in outline for part in _unbroken(line, known)], colour)
    for point, refined in zip(points[known], detections.refined[one][known], strict=True):
        if refined:
            pen.disc(point, pen.dot + pen.halo, HALO)
            pen.disc(point, pen.dot, colour)
        else:
            pen.disc(point, _RING * pen.dot + 0.35 * pen.line + pen.halo, HALO)
            pen.disc(point, _RING * pen.dot, colour, 0.7 * pen.line)


def _unbroken(line: tuple[int, ...], known: Mask) -> list[list[int]]:
    """Split an outline where a landmark has no position."""
    return [list(part) for is_known, part in groupby(line, lambda at: bool(known[at])) if is_known]


def _share_of_picture(box: Points, canvas: Image8) -> float:
    """Factor by which an object is drawn thinner than one that fills half of the picture's sides."""
    height, width = canvas.shape[:2]
    return min(max(2 * _side(box) / math.sqrt(height * width), 0.4), 1.0)


def _side(box: Points) -> float:
    """Side of the square that is as large as a box (2, 2)."""
    return math.sqrt(float(np.prod((box[1] - box[0]).clip(0))))


def _shown(box: Points, pen: Pen) -> Points:
    """Cut a box (2, 2) to what the picture has room to draw of it."""
    height, width = pen.canvas.shape[:2]
    rim = pen.line / 2 + pen.halo
    return np.asarray(box.clip(rim, (max(width - 1 - rim, rim), max(height - 1 - rim, rim))), np.float64)


def _around(box: Points) -> Points:
    """Line around a box (2, 2)."""
    (x1, y1), (x2, y2) = box
    return np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2), (x1, y1)])


def _corners(box: Points, pen: Pen) -> list[Points]:
    """Four brackets at the corners of a box (2, 2)."""
    (x1, y1), (x2, y2) = box
    arm = min(0.12 * min(x2 - x1, y2 - y1) + 2 * pen.line, (x2 - x1) / 2, (y2 - y1) / 2)
    return [
        np.array([(x, y + inward_y * arm), (x, y), (x + inward_x * arm, y)])
        for x, inward_x in ((x1, 1), (x2, -1))
        for y, inward_y in ((y1, 1), (y2, -1))
    ]


def _draw_labels(pen: Pen, detections: Detections, schema: KeypointSchema) -> None:
    """Write class and score of each object, as far as there is room."""
    height, width = pen.canvas.shape[:2]
    boxes = [pen.to_canvas(box.reshape(2, 2)) for box in detections.boxes]
    pen = pen.for_labels(np.array([_side(box) for box in boxes]))
    chip_height, padding = 1.55 * pen.text, 0.5 * pen.text
    texts = [
        _fitting(schema.classes[int(class_id)].name, float(score), pen.text, width - 2 * padding)
        for class_id, score in zip(detections.class_ids, detections.scores, strict=True)
    ]
    sizes = [(_width(words, pen.text) + 2 * padding, chip_height) for words in texts]
    landmarks = np.concatenate([pen.to_canvas(points) for points in detections.keypoints])
    landmarks = landmarks[np.isfinite(landmarks).all(axis=1)]
    corners = lay_out_labels(
        sizes, [box.ravel().tolist() for box in boxes], (width, height), gap=2 * pen.halo, avoid=landmarks
    )
    for words, corner, size, class_id in zip(texts, corners, sizes, detections.class_ids, strict=True):
        if corner is None:
            continue
        colour = class_colour(int(class_id))
        (x, y), rim = corner, pen.halo
        pen.chip(x, y, *size, HALO)
        pen.chip(x + rim, y + rim, size[0] - 2 * rim, size[1] - 2 * rim, colour)
        _write(pen, words, (x + padding, y + (chip_height + CAP_HEIGHT * pen.text) / 2), ink_on(colour))


Words = tuple[tuple[str, int], ...]  # text and weight

_SPACE = 0.4  # between name and score, as a share of the text size


def _fitting(name: str, score: float, size: float, room: float) -> Words:
    """Name and score if they fit into ``room``, else the score alone; the name where there is no score."""
    if math.isnan(score):
        return ((name, SEMIBOLD),)
    words: Words = ((name, SEMIBOLD), (f"{score:.2f}", REGULAR))
    return words if _width(words, size) <= room else words[1:]


def _width(words: Words, size: float) -> float:
    return sum(text_width(text, size, weight) for text, weight in words) + _SPACE * size * (len(words) - 1)


def _write(pen: Pen, words: Words, baseline: tuple[float, float], ink: Colour) -> None:
    x, y = baseline
    for text, weight in words:
        put_text(pen.canvas, text, (x, y), pen.text, ink, weight)
        x += text_width(text, pen.text, weight) + _SPACE * pen.text
