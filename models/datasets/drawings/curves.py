"""Smooth lines through given points: a garment's outline passes exactly through its landmarks."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from deepmark.runtime.arrays import F64, Mask

Points = F64  # (N, 2): x, y
Point = F64  # (2,): x, y

_SAMPLES = 6  # points drawn per piece of curve
_T = np.arange(_SAMPLES) / _SAMPLES
_HERMITE = np.stack(  # (samples, 4): weights of start, tangent there, end, tangent there
    [2 * _T**3 - 3 * _T**2 + 1, _T**3 - 2 * _T**2 + _T, 3 * _T**2 - 2 * _T**3, _T**3 - _T**2], axis=1
)


def ring(points: Mapping[str, Point], names: Sequence[str], corners: Collection[str] = ()) -> Points:
    """Draw a closed curve through named points, smooth but for the ``corners``."""
    nodes = np.array([points[name] for name in names])
    return closed_curve(nodes, np.array([name in corners for name in names]))


def closed_curve(nodes: Points, corner: Mask | None = None) -> Points:
    """Draw a closed curve through ``nodes``; every sixth point of the result is a node.

    Cubic Hermite pieces whose tangents are those of the parabola through three neighbours, so unevenly spaced
    landmarks do not make the line overshoot. At a ``corner`` both pieces run straight towards their other end.
    """
    count = len(nodes)
    here = np.arange(count)
    next_, previous = (here + 1) % count, here - 1
    chord = nodes[next_] - nodes
    length = np.maximum(np.hypot(chord[:, 0], chord[:, 1]), 1e-9)[:, None]
    slope = chord / length
    before, length_before = slope[previous], length[previous]
    tangent = (length_before * slope + length * before) / (length_before + length)
    leaving = tangent if corner is None else np.where(corner[:, None], slope, tangent)
    arriving = tangent if corner is None else np.where(corner[:, None], before, tangent)
    corners = np.stack([nodes, length * leaving, nodes[next_], length * arriving[next_]], axis=1)  # (N, 4, 2)
    return np.asarray((_HERMITE @ corners).reshape(-1, 2))


def open_curve(points: Mapping[str, Point], names: Sequence[str], corners: Collection[str] = ()) -> Points:
    """Draw a curve through named points from the first to the last: the same line that `ring` draws between them."""
    return ring(points, names, {*corners, names[0], names[-1]})[: (len(names) - 1) * _SAMPLES + 1]


def tube(joints: Points, radii: Sequence[float]) -> Points:
    """Draw the outline of a limb: a smooth band around a line of three joints with a round far end."""
    normals = joint_normals(joints)
    width = np.asarray(radii)[:, None]
    along = joints[-1] - joints[-2]
    tip = joints[-1] + along / max(float(np.hypot(*along)), 1e-9) * radii[-1]
    return closed_curve(np.concatenate([joints + width * normals, tip[None], (joints - width * normals)[::-1]]))


def joint_normals(joints: Points) -> Points:
    """Return the unit normal at each of three joints, to the right hand of the direction (x right, y down).

    For a limb that hangs down this is the image's left. At the bend it is the bisector, longer as the bend is sharper.
    """
    (x0, y0), (x1, y1), (x2, y2) = joints.tolist()
    first, second = _unit(y0 - y1, x1 - x0), _unit(y1 - y2, x2 - x1)
    middle = _unit(first[0] + second[0], first[1] + second[1])
    bend = max(middle[0] * first[0] + middle[1] * first[1], 0.75)  # any longer would put the elbow far outside
    return np.array([first, (middle[0] / bend, middle[1] / bend), second])


def _unit(x: float, y: float) -> tuple[float, float]:
    length = max(math.hypot(x, y), 1e-9)
    return x / length, y / length


def ellipse(centre: Point, radii: tuple[float, float], *, angle: float = 0.0, count: int = 24) -> Points:
    """Return points on an ellipse; ``angle`` in radians."""
    t = np.arange(count) * (2 * np.pi / count)
    x, y = radii[0] * np.cos(t), radii[1] * np.sin(t)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([centre[0] + cos * x - sin * y, centre[1] + sin * x + cos * y], axis=1)
