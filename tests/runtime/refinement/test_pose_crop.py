"""The part of a picture around a pose, against PoseFix's own data code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepmark.errors import DataError
from deepmark.runtime.refinement.pose_crop import PoseCrop, pose_box

INPUT = (384, 288)


@pytest.fixture(scope="module")
def golden(data: Path) -> dict[str, Any]:
    with np.load(data / "posefix.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.mark.parametrize("number", range(6))
def test_box_place_and_way_back_are_posefix_s(golden: dict[str, Any], number: int) -> None:
    case = {name.partition("_")[2]: value for name, value in golden.items() if name.startswith(f"crop{number}_")}
    points, valid = case["pose"][:, :2], case["pose"][:, 2] > 0

    box, crop = pose_box(points), PoseCrop.of_pose(points, INPUT)

    x, y, width, height = case["box_xywh"]
    np.testing.assert_allclose(box, [x, y, x + width, y + height], atol=1e-9)
    corners = crop.to_picture(np.array([[0, 0], INPUT[::-1]], np.float64)).ravel()
    np.testing.assert_allclose(corners, case["info_x1y1x2y2"], atol=1e-3)
    np.testing.assert_allclose(crop.to_input(points)[valid], case["pose_in_crop"][valid], atol=1e-3)
    np.testing.assert_allclose(crop.to_picture(case["refined_in_crop"]), case["refined_in_image"], atol=1e-3)


@pytest.mark.parametrize("number", [0, 4, 5])
def test_the_crop_shows_what_posefix_s_shows(golden: dict[str, Any], number: int) -> None:
    crop = PoseCrop.of_pose(golden[f"crop{number}_pose"][:, :2], INPUT).cut(golden["image_bgr_u8"])

    small = cv2.resize(crop.astype(np.float32), (72, 96), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(small, golden[f"crop{number}_image_small"].astype(np.float32), atol=1)


@given(
    points=st.lists(st.tuples(st.floats(-50, 400), st.floats(-50, 400)), min_size=1, max_size=8),
    hw=st.sampled_from([(256, 192), (64, 64), (96, 160)]),
)
def test_every_landmark_is_inside_and_comes_back(points: list[tuple[float, float]], hw: tuple[int, int]) -> None:
    pose = np.array(points)

    crop = PoseCrop.of_pose(pose, hw)

    inside = crop.to_input(pose)
    assert (inside >= -1e-6).all()
    assert (inside <= np.array(hw[::-1]) + 1e-6).all()
    np.testing.assert_allclose(crop.to_picture(inside), pose, atol=1e-6)


def test_a_pixel_of_the_picture_is_where_the_crop_says() -> None:
    image = np.zeros((200, 300, 3), np.uint8)
    image[120, 210] = 255

    crop = PoseCrop.of_box(np.array([190.0, 100.0, 230.0, 140.0]), (128, 96))

    y, x = np.unravel_index(crop.cut(image)[..., 0].argmax(), (128, 96))
    np.testing.assert_allclose(crop.to_picture(np.array([x, y], np.float64)), (210, 120), atol=0.5)


def test_a_picture_too_long_for_opencv_is_cut_too() -> None:
    image = np.zeros((40, 40_000, 3), np.uint8)
    image[:, 39_000:39_010] = 200
    crop = PoseCrop.of_box(np.array([38_990.0, 5.0, 39_020.0, 35.0]), (64, 64))

    cut = crop.cut(image)

    inside = crop.to_input(np.array([[39_005.0, 20.0]]))[0].round().astype(int)
    assert cut[inside[1], inside[0]].tolist() == [200, 200, 200]
    assert not cut[32, -1].any()


@pytest.mark.parametrize("points", [np.empty((0, 2)), np.array([[1.0, np.nan]]), np.array([[np.inf, 1.0]])])
def test_what_is_no_pose_is_refused(points: np.ndarray) -> None:
    with pytest.raises(DataError, match="landmarks that are all finite"):
        PoseCrop.of_pose(points, INPUT)


def test_a_box_without_extent_is_refused() -> None:
    with pytest.raises(DataError, match="an extent"):
        PoseCrop.of_box(np.array([5.0, 5.0, 5.0, 9.0]), INPUT)
