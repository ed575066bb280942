"""IoU and OKS: COCO's numbers, and the pixel that the decoder's reference adds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask

from deepmark.runtime.boxes import iou, iou_of_sizes, landmark_similarity, oks_variances, squared_distances

_side = st.floats(0.5, 30, width=32)
_boxes = st.tuples(*[st.floats(-20, 20, width=32)] * 2, _side, _side)


@given(_boxes, st.lists(_boxes, min_size=1, max_size=4))
def test_iou_is_pycocotools(one: tuple[float, ...], others: list[tuple[float, ...]]) -> None:
    expected = mask.iou(np.array(others, np.float64), np.array([one], np.float64), [0])[:, 0]
    corners = np.array([one, *others], np.float64)
    corners[:, 2:] += corners[:, :2]
    found = iou(corners[0], corners[1:], least_union=1e-6)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_iou_of_sizes_is_cocos_for_empty_boxes_too() -> None:
    rng = np.random.default_rng(0)
    one, other = (np.hstack([rng.uniform(0, 50, (n, 2)), rng.uniform(0, 50, (n, 2))]) for n in (7, 5))
    other[0, 2:] = 0

    np.testing.assert_allclose(iou_of_sizes(one[:, None], other), mask.iou(one, other, [0] * 5), atol=1e-12)
    assert iou_of_sizes(other[0], other[0]) == 0


def test_corners_that_are_pixels_belong_to_their_boxes() -> None:
    one, other = np.array([0.0, 0, 9, 9]), np.array([[5.0, 0, 14, 9], [10, 0, 19, 9]])
    np.testing.assert_allclose(iou(one, other, rim=1), [50 / 150, 0])
    np.testing.assert_allclose(iou(one, other), [36 / 126, 0])


@pytest.mark.parametrize("one_by_one", [False, True])
def test_a_landmark_two_sigmas_away_is_as_similar_as_the_formula_says(*, one_by_one: bool) -> None:
    squared = squared_distances(np.array([[1.0, 2], [5, 6]]), np.array([[1.0, 3], [5, 6]]))
    found = landmark_similarity(squared, 36.0, oks_variances(np.array([0.1, 0.2])), one_by_one=one_by_one)
    np.testing.assert_allclose(found, [np.exp(-1 / (2 * 36 * 0.04)), 1])
