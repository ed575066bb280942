"""How much two boxes, or two sets of landmarks, have in common: IoU and OKS.

Boxes are four numbers in the last axis; the axes before it broadcast, so ``iou(one[:, None], other)`` compares every
box of one list with every box of another. Everybody who compares objects does it here, in float64, each with the
conventions of what they reproduce: the decoder's reference counts pixels, COCO keeps areas above zero, and the order in
which a product is divided decides the last bit.
"""

from __future__ import annotations

import numpy as np

from deepmark.runtime.arrays import F64, Mask

AREA_GUARD = float(np.spacing(1))  # COCO adds it to areas
_SMALLEST = float(np.nextafter(0, 1))  # divides nothing but 0


def iou(one: F64, other: F64, *, rim: float = 0.0, least_union: float = _SMALLEST) -> F64:
    """Compute intersection over union of boxes that are given by their corners.

    Args:
        one: (..., 4) x1, y1, x2, y2.
        other: (..., 4) boxes of a shape that broadcasts with ``one``'s.
        rim: length added to every side; 1 where corners are pixels that belong to their box.
        least_union: area that a smaller union counts as.

    Returns:
        (...) values in [0, 1].
    """
    one_size, other_size = _sizes(one, rim), _sizes(other, rim)
    width = np.minimum(one[..., 2], other[..., 2]) - np.maximum(one[..., 0], other[..., 0]) + rim
    height = np.minimum(one[..., 3], other[..., 3]) - np.maximum(one[..., 1], other[..., 1]) + rim
    return _ratio(width, height, one_size[0] * one_size[1], other_size[0] * other_size[1], least_union)


def iou_of_sizes(one: F64, other: F64, *, least_union: float = _SMALLEST, of_first: Mask | bool = False) -> F64:
    """Compute intersection over union of boxes that are given by a corner and their size, as COCO's are.

    Args:
        one: (..., 4) x, y, width, height.
        other: (..., 4) boxes of a shape that broadcasts with ``one``'s.
        least_union: area that a smaller union counts as.
        of_first: (...) where the area of ``one`` takes the union's place, as COCO compares boxes with a crowd.

    Returns:
        (...) values in [0, 1].
    """
    width, height = (
        np.minimum(one[..., at] + one[..., at + 2], other[..., at] + other[..., at + 2])
        - np.maximum(one[..., at], other[..., at])
        for at in (0, 1)
    )
    area, other_area = one[..., 2] * one[..., 3], other[..., 2] * other[..., 3]
    whole = _ratio(width, height, area, other_area, least_union)
    if not np.any(of_first):
        return whole
    return np.where(of_first, width.clip(0) * height.clip(0) / np.maximum(area, least_union), whole)


def _sizes(corners: F64, rim: float) -> tuple[F64, F64]:
    return corners[..., 2] - corners[..., 0] + rim, corners[..., 3] - corners[..., 1] + rim


def _ratio(width: F64, height: F64, area: F64, other_area: F64, least_union: float) -> F64:
    shared = width.clip(0) * height.clip(0)
    ratio: F64 = shared / np.maximum(area + other_area - shared, least_union)
    return ratio


def oks_variances(sigmas: F64) -> F64:
    """Give what `landmark_similarity` divides by: (P,) OKS sigmas -> (P,)."""
    return np.asarray((2 * sigmas) ** 2)


def squared_distances(one: F64, other: F64) -> F64:
    """Give the squared distances of points x, y: (..., P, 2) and (..., P, 2) -> (..., P)."""
    return np.asarray(np.square(one - other).sum(axis=-1))


def landmark_similarity(squared: F64, area: F64 | float, variances: F64, *, one_by_one: bool = False) -> F64:
    """Compute ``exp(-d^2 / (2 * area * (2 * sigma)^2))`` of every landmark; their mean is the object's OKS.

    Args:
        squared: (..., P) squared distances of the landmarks.
        area: area of the object's box, of a shape that broadcasts with ``squared``.
        variances: (P,) values of `oks_variances`.
        one_by_one: whether to divide by one factor after the other, as COCO's code does, instead of by their product;
            the results differ in the last bit.

    Returns:
        (..., P) values in [0, 1].
    """
    exponent = squared / variances / area / 2 if one_by_one else squared / (2 * area * variances)
    return np.asarray(np.exp(-exponent))
