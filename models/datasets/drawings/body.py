"""A body: its build, its pose, and where its surface lies.

Body units: y down, x to the image's right, the base of the neck at (0, 0), the hips one unit below it. Left and right
are the picture's, not the person's; that holds for people seen from behind too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from deepmark.models.datasets.drawings.curves import Point, Points, closed_curve, joint_normals, tube

Posture = Literal["standing", "sitting", "flat"]

SHOULDER_Y, ARMPIT_Y, WAIST_Y, HIP_Y, CROTCH_Y = 0.07, 0.28, 0.62, 0.98, 1.14
_TORSO_YS = (-0.3, -0.08, 0.04, SHOULDER_Y, ARMPIT_Y, WAIST_Y, HIP_Y, CROTCH_Y)
_DEPTH = 0.6  # a torso's depth as a part of its width
_UPPER_ARM, _FOREARM, _THIGH, _SHIN = 0.56, 0.52, 0.80, 0.80


@dataclass(frozen=True, slots=True)
class Limb:
    """An arm or a leg.

    Attributes:
        joints: (3, 2), shoulder, elbow, wrist or hip, knee, ankle.
        radii: half its thickness at the joints, in body units.
        side: -1 at the image's left, +1 at its right.
        in_front: whether it is nearer to the camera than the torso (arms) or than the other leg.
    """

    joints: Points
    radii: tuple[float, float, float]
    side: int
    in_front: bool

    def at(self, along: float, out: float = 0.0) -> Point:
        """Return the point ``along`` the limb (0 first joint, 1 second, 2 third), ``out`` units to its outer side.

        "Outer" is the side that faces away from the body when the limb hangs down, and stays that side of the limb.
        """
        normals = joint_normals(self.joints) * -self.side
        first = min(int(along), 1)
        line = self.joints + out * normals
        return np.asarray(line[first] + (line[first + 1] - line[first]) * (along - first))

    def radius(self, along: float) -> float:
        """Return the thickness at ``along`` (see `at`)."""
        return float(np.interp(along, (0.0, 1.0, 2.0), self.radii))

    def shortened(self, start: float) -> Limb:
        """Return the limb without the part before ``start`` (below 1)."""
        joints = np.stack([self.at(start), self.joints[1], self.joints[2]])
        return replace(self, joints=joints, radii=(self.radius(start), *self.radii[1:]))

    def outline(self, thickness: float = 1.0) -> Points:
        """Return the limb's outline; ``thickness`` below 1 keeps it inside a sleeve."""
        return tube(self.joints, [thickness * radius for radius in self.radii])


@dataclass(frozen=True, slots=True)
class Body:
    """A posed body.

    Attributes:
        widths: half width of the torso at `_TORSO_YS`, as seen from the front.
        turn: radians that the side which we see is turned towards the image's right.
        back: whether we see the back.
        bend: distance of the middle of the spine from a straight one, in body units.
        tilts: slope of the shoulders and of the hips.
        arms: arm at the image's left, arm at its right.
        legs: leg at the image's left, leg at its right.
        posture: a flat one is no body, only the shape of garments laid out.
    """

    widths: tuple[float, ...]
    turn: float
    back: bool
    bend: float
    tilts: tuple[float, float]
    arms: tuple[Limb, Limb]
    legs: tuple[Limb, Limb]
    posture: Posture

    @property
    def breadth(self) -> float:
        """How wide the turned torso looks, as a part of its width from the front."""
        return math.hypot(math.cos(self.turn), _DEPTH * math.sin(self.turn))

    def half_width(self, y: float) -> float:
        """Return half the width of the torso, as it looks, at height ``y``."""
        return float(np.interp(y, _TORSO_YS, self.widths)) * self.breadth

    def shoulder_line(self, x: float) -> float:
        """Return the height of the shoulder's skin ``x`` from the middle, a little cloth's thickness above it."""
        ys = (-0.08, 0.03, SHOULDER_Y)
        return float(np.interp(abs(x), [self.half_width(y) for y in ys], ys)) - 0.012

    def posed(self, x: float, y: float) -> Point:
        """Bend the upright torso: where its point (x, y) really is."""
        return _bend(x, y, self.bend, self.tilts)

    def surface(self, across: float, y: float, *, seen: bool = True) -> Point:
        """Return a point of the torso's seen or unseen half at height ``y``.

        Args:
            across: distance from the middle line of the chest or the back, in body units.
            y: height, in body units.
            seen: whether the point lies on the half that faces the camera; a turned torso carries its middle line to
                the side.
        """
        half = self.half_width(max(y, 0.0))
        round_off = math.sqrt(max(0.0, 1 - min(1.0, abs(across) / half) ** 2))
        shift = math.sin(self.turn) * _DEPTH * half * round_off * (1.0 if seen else -1.0)
        return self.posed(across * math.cos(self.turn) + shift * 0.9, y)

    def torso(self) -> Points:
        """Return the outline of the torso with the neck."""
        ys = (-0.26, -0.08, 0.03, SHOULDER_Y, ARMPIT_Y, WAIST_Y, HIP_Y, CROTCH_Y + 0.02)
        left = [self.posed(-self.half_width(y), y) for y in ys]
        right = [self.posed(self.half_width(y), y) for y in ys]
        return closed_curve(np.array(left + right[::-1]))


def random_body(rng: np.random.Generator, posture: Posture) -> Body:
    """Draw a build and a pose."""
    flat = posture == "flat"
    stout = rng.uniform(0.88, 1.22)
    shoulder, chest, waist, hip = rng.uniform((0.33, 0.29, 0.22, 0.28), (0.41, 0.36, 0.30, 0.36)) * stout
    neck = rng.uniform(0.085, 0.115)
    turn = 0.0 if flat or rng.random() < 0.35 else float(np.clip(rng.normal(0, 0.42), -1.1, 1.1))
    back = bool(not flat and rng.random() < 0.14)
    bend, tilts = (0.0, (0.0, 0.0)) if flat else (rng.normal(0, 0.035), tuple(rng.normal(0, 0.06, 2)))
    widths = (neck, neck, neck * 1.5, shoulder * 0.92, chest, waist, hip, hip * 0.93)
    breadth = math.hypot(math.cos(turn), _DEPTH * 0.7 * math.sin(turn))
    arm_radii = _radii(rng, (0.088, 0.066, 0.045), stout)
    leg_radii = _radii(rng, (0.160, 0.100, 0.060), stout)
    arms, legs = [], []
    for side in (-1, 1):
        joint = _bend(side * (shoulder - 0.03) * breadth, SHOULDER_Y + 0.06, bend, tilts)
        near = side * turn < -0.25 or not (abs(turn) > 0.25 or rng.random() < 0.1)
        arms.append(_arm(rng, joint, arm_radii, side, near=near, flat=flat, back=back))
        hip_joint = _bend(side * hip * 0.52 * breadth, HIP_Y + 0.06, bend, tilts)
        legs.append(_leg(rng, hip_joint, leg_radii, side, posture=posture, crossed=abs(turn) > 0.6))
    return Body(widths, turn, back, bend, tilts, (arms[0], arms[1]), (legs[0], legs[1]), posture)


def _bend(x: float, y: float, bend: float, tilts: tuple[float, float]) -> Point:
    t = min(max(y, -0.3), 1.15)
    slope = tilts[0] * (1 - t) + tilts[1] * t
    return np.array([x + bend * 4 * t * (1 - t), y + x * slope])


def _radii(rng: np.random.Generator, radii: tuple[float, float, float], stout: float) -> tuple[float, float, float]:
    first, second, third = np.array(radii) * rng.uniform(0.85, 1.1) * math.sqrt(stout)
    return float(first), float(second), float(third)


def _toward(side: int, angle: float) -> Point:
    """Return a direction: 0 down, positive away from the body, in radians."""
    return np.array([side * math.sin(angle), math.cos(angle)])


def _arm(
    rng: np.random.Generator,
    shoulder: Point,
    radii: tuple[float, float, float],
    side: int,
    *,
    near: bool,
    flat: bool,
    back: bool,
) -> Limb:
    """Draw an arm: hanging, held out, raised, at the hip, or before the body."""
    if flat:
        raised = rng.uniform(0.15, 1.25)
        upper, lower = raised, raised + rng.normal(0, 0.08)
        across = False
    else:
        habit = rng.choice(5, p=(0.44, 0.16, 0.08, 0.14, 0.18))
        low, high = ((0.05, 0.35), (0.35, 1.1), (1.1, 2.5), (0.45, 0.9), (0.0, 0.4))[habit]
        bends = ((-0.05, 0.45), (-0.1, 0.9), (-0.9, 0.9), (1.3, 1.9), (1.0, 2.4))[habit]
        upper = rng.uniform(low, high)
        lower = upper - rng.uniform(*bends)
        across = habit >= 3
    short = 1.0 if flat else rng.uniform(0.78, 1.02)
    elbow = shoulder + _toward(side, upper) * _UPPER_ARM * short
    wrist = elbow + _toward(side, lower) * _FOREARM * short
    in_front = near if not (across and back) else False
    return Limb(np.stack([shoulder, elbow, wrist]), radii, side, in_front or flat)


def _leg(
    rng: np.random.Generator,
    hip: Point,
    radii: tuple[float, float, float],
    side: int,
    *,
    posture: Posture,
    crossed: bool,
) -> Limb:
    """Draw a leg: standing or walking, sitting (a thigh seen from its end), or laid out."""
    if posture == "flat":
        upper = rng.uniform(0.03, 0.2)
        lower, short = upper - rng.uniform(0, 0.08), 1.0
    elif posture == "sitting":
        upper = rng.uniform(0.1, 0.75)
        lower, short = rng.uniform(-0.45, 0.25), rng.uniform(0.35, 0.7)
    else:
        upper = rng.uniform(-0.05 if crossed else 0.0, 0.26)
        lower, short = upper - rng.uniform(-0.04, 0.28), rng.uniform(0.92, 1.02)
    knee = hip + _toward(side, upper) * _THIGH * short
    ankle = knee + _toward(side, lower) * _SHIN * rng.uniform(0.92, 1.02)
    return Limb(np.stack([hip, knee, ankle]), radii, side, side > 0)
