"""Labels stay in the picture and off each other, whatever is to be labelled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepmark.runtime.drawing.label_layout import lay_out_labels

NOTHING = np.empty((0, 2))

SIDES = st.floats(1, 4000)
COORDINATES = st.floats(-5000, 9000)
LABELS = st.lists(
    st.tuples(
        st.tuples(st.floats(1, 400), st.floats(1, 80)),
        st.tuples(COORDINATES, COORDINATES, SIDES, SIDES).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])),
    ),
    max_size=25,
)
POINTS = st.lists(st.tuples(COORDINATES, COORDINATES), max_size=20).map(lambda points: np.array(points).reshape(-1, 2))


@pytest.mark.slow
@given(labels=LABELS, picture=st.tuples(SIDES, SIDES), gap=st.floats(0, 10), avoid=POINTS)
def test_no_label_leaves_the_picture_or_overlaps_another(
    labels: list[tuple[tuple[float, float], tuple[float, ...]]],
    picture: tuple[float, float],
    gap: float,
    avoid: np.ndarray,
) -> None:
    sizes, boxes = [size for size, _ in labels], [box for _, box in labels]

    corners = lay_out_labels(sizes, boxes, picture, gap=gap, avoid=avoid)

    assert len(corners) == len(labels)
    slack = 1e-6
    taken: list[tuple[float, ...]] = []
    for corner, (width, height) in zip(corners, sizes, strict=True):
        if corner is None:
            continue
        x, y = corner
        assert gap - slack <= x <= picture[0] - width - gap + slack
        assert gap - slack <= y <= picture[1] - height - gap + slack
        for left, top, right, bottom in taken:
            apart = (left - x - width, x - right, top - y - height, y - bottom)
            assert max(apart) >= gap - slack
        taken.append((x, y, x + width, y + height))


def test_a_lone_label_stands_on_the_upper_left_corner_of_its_box() -> None:
    assert lay_out_labels([(50, 20)], [(100, 100, 300, 300)], (400, 400), gap=2, avoid=NOTHING) == [(100, 78)]


def test_a_label_moves_rather_than_cover_landmarks() -> None:
    shoulder = np.array([[110.0, 90.0], [130.0, 85.0]])

    (corner,) = lay_out_labels([(50, 20)], [(100, 100, 300, 300)], (400, 400), gap=2, avoid=shoulder)

    assert corner is not None
    x, y = corner
    assert not ((shoulder >= (x, y)) & (shoulder <= (x + 50, y + 20))).all(axis=1).any()
    assert x + 50 >= 100 - 30  # still at its box
    assert y + 20 >= 100 - 30


def test_the_first_label_gets_the_best_place() -> None:
    box = (100, 100, 300, 300)

    first, second = lay_out_labels([(50, 20), (60, 20)], [box, box], (400, 400), gap=2, avoid=NOTHING)

    assert first == (100.0, 78.0)
    assert second is not None
    assert second != first


def test_a_label_larger_than_the_picture_is_left_out() -> None:
    assert lay_out_labels([(50, 20)], [(0, 0, 40, 40)], (40, 40), gap=0, avoid=NOTHING) == [None]


def test_a_label_without_room_near_its_box_is_left_out() -> None:
    box = (10, 10, 30, 30)

    corners = lay_out_labels([(90, 20)] * 12, [box] * 12, (100, 400), gap=1, avoid=NOTHING)

    assert corners[0] is not None
    assert None in corners  # the picture goes on below, but nobody would know whose label that is
    assert all(corner is None or corner[1] < 100 for corner in corners)
