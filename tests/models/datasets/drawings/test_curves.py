"""Curves through landmarks."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from deepmark.models.datasets.drawings.body import random_body
from deepmark.models.datasets.drawings.curves import closed_curve, ellipse, open_curve, ring

NODES = arrays(np.float64, st.tuples(st.integers(3, 12), st.just(2)), elements=st.integers(-100, 100))


@given(nodes=NODES)
def test_a_closed_curve_passes_through_every_node(nodes: np.ndarray) -> None:
    curve = closed_curve(nodes)
    distance = np.linalg.norm(curve[None] - nodes[:, None], axis=2).min(axis=1)
    assert distance.max() < 1e-9


def test_a_circles_nodes_give_a_circle() -> None:
    curve = closed_curve(ellipse(np.zeros(2), (10.0, 10.0), count=12))
    np.testing.assert_allclose(np.linalg.norm(curve, axis=1), 10, atol=0.02)


def test_lines_between_corners_are_straight() -> None:
    square = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float64)
    curve = closed_curve(square, np.ones(4, np.bool_))
    inside = np.abs(curve - 0.5).max(axis=1)
    np.testing.assert_allclose(inside, 0.5, atol=1e-12)


def test_a_seam_lies_on_the_outline_between_corners() -> None:
    points = {
        name: np.array(place, np.float64)
        for name, place in zip("abcde", [(0, 0), (4, 1), (6, 0), (5, 5), (1, 5)], strict=True)
    }
    outline = ring(points, "abcde", {"a", "c"})
    seam = open_curve(points, "abc", {"a", "c"})
    np.testing.assert_allclose(seam, outline[: len(seam)], atol=1e-12)


def test_the_outer_side_of_a_hanging_arm_faces_away_from_the_body() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        for arm in random_body(rng, "flat").arms:
            outer, inner = arm.at(0.5, arm.radius(0.5)), arm.at(0.5, -arm.radius(0.5))
            assert arm.side * (outer[0] - inner[0]) > 0
