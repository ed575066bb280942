"""Layers to pixels: cloth, its volume, its folds, its rims, and the shadow it throws."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from deepmark.models.datasets.drawings.annotation import fill
from deepmark.models.datasets.drawings.curves import Points, ellipse
from deepmark.models.datasets.drawings.layers import PaintLayer
from deepmark.models.datasets.drawings.textures import Image, Plane, Threads, cloth, soft_noise

_Mask = npt.NDArray[np.uint8]
_BITS = 4  # bits after the point of the coordinates that OpenCV takes


def paint(image: Image, layer: PaintLayer, rng: np.random.Generator) -> None:
    """Paint a layer onto a picture, in place."""
    window = _window(layer, image.shape[1:])
    if window is None:
        return
    left, top, right, bottom = window
    view = image[:, top:bottom, left:right]
    corner = np.array([left, top], np.float64)
    mask = np.zeros(view.shape[1:], np.uint8)
    fill(mask, tuple(polygon - corner for polygon in layer.polygons), 255, smooth=True)
    if layer.shadow:
        _throw_shadow(view, mask, layer.shadow, reach=max(1.0, 0.022 * layer.unit))
    colours = _colours(layer, corner, view.shape[1:], rng)
    shade = _volume(mask, layer, corner, rng)
    if layer.rim or layer.seams:
        _draw_lines(shade, layer, corner)
    alpha = mask * np.float32(1 / 255)
    shade *= np.float32(layer.brightness) * alpha
    view *= 1 - alpha
    view += colours * shade
    for button in layer.buttons:
        _draw_button(view, button - corner, layer)


def _window(layer: PaintLayer, picture_hw: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """Return the part of the picture that the layer and its shadow may touch: left, top, right, bottom."""
    pad = 3 + 0.05 * layer.unit * bool(layer.shadow)
    left, top = (max(0, math.floor(min(box[side] for box in layer.boxes) - pad)) for side in (0, 1))
    right, bottom = (
        min(end, math.ceil(max(box[side] for box in layer.boxes) + pad) + 1)
        for side, end in zip((2, 3), picture_hw[::-1], strict=True)
    )
    return (left, top, right, bottom) if right - left > 1 and bottom - top > 1 else None


def _throw_shadow(view: Image, mask: _Mask, darkness: float, *, reach: float) -> None:
    soft = cv2.boxFilter(mask, -1, (2 * round(reach) + 1,) * 2)
    soft = cv2.boxFilter(soft, -1, (2 * round(reach) + 1,) * 2)
    view *= 1 - soft * np.float32(darkness / 255)


def _colours(layer: PaintLayer, corner: Points, shape: tuple[int, ...], rng: np.random.Generator) -> Image:
    """Return the material's colours; creases push the pattern aside."""
    if layer.material.pattern == "plain" and not layer.material.grain:
        return np.asarray(layer.material.palette[0].reshape(3, 1, 1))
    origin = np.zeros(2) if layer.origin is None else layer.origin - corner
    x = ((np.arange(shape[1]) - origin[0]) / layer.unit).astype(np.float32)[None, :]
    y = ((np.arange(shape[0]) - origin[1]) / layer.unit).astype(np.float32)[:, None]
    cos, sin = np.float32(np.cos(layer.axis)), np.float32(np.sin(layer.axis))
    u, v = cos * x + sin * y, cos * y - sin * x
    if layer.folds:
        push = np.float32(0.03 * layer.folds)
        wobble = soft_noise(rng, shape, (3, 3))
        u, v = u + push * wobble, v - push * wobble
    return cloth(layer.material, Threads(u, v))


def _volume(mask: _Mask, layer: PaintLayer, corner: Points, rng: np.random.Generator) -> Plane:
    """Return the brightness of each pixel: darker towards the rims, light and dark along folds."""
    if not layer.roundness:
        return np.ones(mask.shape, np.float32)
    reach = max(2.0, 0.07 * layer.unit)
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    shade = np.minimum(depth * np.float32(1 / reach), 1)
    shade = np.asarray(1 - np.float32(layer.roundness) * (1 - shade) ** 2, np.float32)
    if layer.folds:
        shade += np.float32(0.16 * layer.folds) * _ripples(rng, mask.shape, layer)
        if layer.creases:
            shade += _crease_lines(mask.shape, layer, corner, rng)
    return shade


def _ripples(rng: np.random.Generator, shape: tuple[int, ...], layer: PaintLayer) -> Plane:
    """Return noise that is long along the threads' direction, -1..1."""
    rows, columns = (
        max(1, round(side / (layer.unit * length))) for side, length in zip(shape, (0.5, 0.16), strict=False)
    )
    if abs(np.sin(layer.axis)) > 0.7:
        rows, columns = columns, rows
    return soft_noise(rng, shape, (min(rows, 24), min(columns, 24)))


def _crease_lines(shape: tuple[int, ...], layer: PaintLayer, corner: Points, rng: np.random.Generator) -> Plane:
    """Return soft dark lines from where the cloth is pulled, -1..0."""
    lines = np.zeros(shape, np.uint8)
    thick = max(1, round(0.018 * layer.unit))
    for start, end in layer.creases:
        for _ in range(2):
            first = start + (end - start) * rng.uniform(0.0, 0.15)
            last = start + (end - start) * rng.uniform(0.25, 0.75) + rng.normal(0, 0.05 * layer.unit, 2)
            _line(lines, np.array([first, last]) - corner, 255, thick)
    soft = cv2.boxFilter(cv2.boxFilter(lines, -1, (2 * thick + 1,) * 2), -1, (2 * thick + 1,) * 2)
    return soft * np.float32(-0.45 * layer.folds / 255)


def _draw_lines(shade: Plane, layer: PaintLayer, corner: Points) -> None:
    """Darken the rim of the layer and, more, its seams."""
    lines = np.zeros(shade.shape, np.uint8)
    width = max(1, round(0.011 * layer.unit))
    for polygon in layer.polygons:
        _line(lines, polygon - corner, round(130 * layer.rim), width, closed=True)
    for seam in layer.seams:
        _line(lines, seam - corner, round(90 + 120 * layer.rim), width)
    shade *= 1 - lines * np.float32(1 / 255)


def _line(canvas: _Mask, points: Points, value: int, thickness: int, *, closed: bool = False) -> None:
    whole = np.clip(np.rint(points * (1 << _BITS)), -(2**24), 2**24).astype(np.int32)
    cv2.polylines(canvas, [whole], closed, value, thickness, cv2.LINE_AA, _BITS)


def _draw_button(view: Image, centre: Points, layer: PaintLayer) -> None:
    dark = float(layer.material.palette[0].mean()) > 110
    spot = np.zeros(view.shape[1:], np.uint8)
    fill(spot, (ellipse(centre, (max(1.0, 0.018 * layer.unit),) * 2, count=12),), 255, smooth=True)
    alpha = spot * np.float32(1 / 255)
    view += alpha * (np.float32(30 if dark else 225) - view)
