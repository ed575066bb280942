"""Where labels go: beside their boxes, inside the picture, and never over each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepmark.runtime.arrays import F64, Mask

_GRID = 24  # positions per side of the search around a box, besides its corners
_REACH = 1.5  # label heights that a label may be away from its box before nobody would know whose it is

Size = tuple[float, float]  # width, height
Box = Sequence[float]  # x1, y1, x2, y2


def lay_out_labels(
    sizes: Sequence[Size], boxes: Sequence[Box], picture: Size, *, gap: float, avoid: F64
) -> list[Size | None]:
    """Find a place for every label: close to its box, and covering little of what is drawn.

    Args:
        sizes: width and height of each label, the most important one first.
        boxes: x1, y1, x2, y2 of the object of each label, in the same unit; may reach beyond the picture.
        picture: width and height of the picture; no label leaves it.
        gap: least distance between two labels, and between a label and the picture's edge.
        avoid: (N, 2) points x, y that labels should not cover; they may if everything else is worse.

    Returns:
        Upper left corner (x, y) of each label, or None where there is no free place near its box.
    """
    taken = np.empty((0, 4))
    chosen: list[Size | None] = []
    for size, box in zip(sizes, boxes, strict=True):
        shown = _clip(box, picture)
        corners = _candidates(size, shown, picture, gap)
        corners = corners[_free(corners, size, taken, gap)]
        if not len(corners):
            chosen.append(None)
            continue
        near = avoid[((avoid >= corners.min(axis=0)) & (avoid <= corners.max(axis=0) + size)).all(axis=1)]
        x, y = (float(value) for value in corners[_cost(corners, size, shown, near).argmin()])
        chosen.append((x, y))
        taken = np.vstack([taken, [x, y, x + size[0], y + size[1]]])
    return chosen


def _candidates(size: Size, box: Box, picture: Size, gap: float) -> F64:
    """List the places to try, best first of equals, as upper left corners (N, 2) that keep the label in the picture."""
    (width, height), (x1, y1, x2, y2) = size, box
    room = (picture[0] - width - gap, picture[1] - height - gap)
    if min(room) < gap:
        return np.empty((0, 2))
    above, below = y1 - height - gap, y2 + gap
    right = x2 - width
    at_corners = [
        (x1, above), (right, above), (x1, below), (right, below),
        (x1, y1 + gap), (right, y1 + gap), (x1, y2 - height - gap), (right, y2 - height - gap),
    ]  # fmt: skip
    reach = _REACH * height
    xs = np.linspace(x1 - width - reach, x2 + reach, _GRID)
    ys = np.linspace(above - reach, below + reach, _GRID)
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    return np.vstack([at_corners, grid]).clip(gap, room)


def _free(corners: F64, size: Size, taken: F64, gap: float) -> Mask:
    """Tell which corners (N, 2) a label of this size can have without touching a ``taken`` rectangle (M, 4)."""
    low, high = corners[:, None] - gap, corners[:, None] + size + gap
    overlaps = np.all((low < taken[:, 2:]) & (high > taken[:, :2]), axis=2)  # (N, M)
    return np.asarray(~np.any(overlaps, axis=1), np.bool_)


def _cost(corners: F64, size: Size, box: Box, avoid: F64) -> F64:
    """Rate places (N, 2), the lower the better, in points covered; all else weighs about as much as one."""
    low, high = corners[:, None], corners[:, None] + size
    covered = ((avoid >= low) & (avoid <= high)).all(axis=2).sum(axis=1)
    box_low, box_high = np.array(box[:2]), np.array(box[2:])
    away = np.maximum(box_low - high, low - box_high)[:, 0]  # (N, 2) below 0 where the label reaches over the box
    distance = np.linalg.norm(away.clip(0), axis=1) / size[1]
    on_box = (-away).clip(0, size).prod(axis=1) / (size[0] * size[1])
    from_usual = np.linalg.norm(corners - (box[0], box[1] - size[1]), axis=1) / size[1]
    return np.asarray(covered + distance + on_box + 0.1 * from_usual, np.float64)


def _clip(box: Box, picture: Size) -> tuple[float, float, float, float]:
    """Cut a box to the picture."""
    (x1, y1, x2, y2), (width, height) = box, picture
    return min(max(x1, 0), width), min(max(y1, 0), height), min(max(x2, 0), width), min(max(y2, 0), height)
