"""The letterbox: CenterNet's numbers, its pixels, its exact inverse."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepmark.errors import DataError
from deepmark.runtime.arrays import F32, F64, Image8
from deepmark.runtime.input_fit import input_size
from deepmark.runtime.transform import WARP_LIMIT, Letterbox, letterbox, warp

SIDES = st.integers(1, 40_000)
SMALL_SIDES = st.integers(1, 300)
INPUT_SIDES = st.integers(1, 32).map(lambda n: 32 * n)


def three_point_matrix(image_hw: tuple[int, int], input_hw: tuple[int, int]) -> F64:
    """CenterNet's ``get_affine_transform`` without rotation: three points in float32, solved by OpenCV."""
    (height, width), (input_height, input_width) = image_hw, input_hw
    longest = np.float32(max(height, width))
    centre = np.array([width / 2.0, height / 2.0], np.float32)
    input_centre = np.array([input_width * 0.5, input_height * 0.5], np.float32)

    def three(middle: F32, side: np.float32) -> F32:
        above = middle + np.array([0, side * -0.5], np.float32)
        arm = middle - above
        return np.array([middle, above, above + np.array([-arm[1], arm[0]], np.float32)], np.float32)

    matrix = cv2.getAffineTransform(three(centre, longest), three(input_centre, np.float32(input_width)))
    return matrix.astype(np.float64, copy=False)


def picture(height: int, width: int, seed: int = 0) -> Image8:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@given(image=st.tuples(SIDES, SIDES), network=st.tuples(INPUT_SIDES, INPUT_SIDES))
def test_to_image_undoes_to_cells(image: tuple[int, int], network: tuple[int, int]) -> None:
    box = Letterbox.fit(image, network)
    corners = np.array([[0, 0], [image[1], 0], [image[1], image[0]]], np.float32)
    np.testing.assert_allclose(box.to_image(box.to_cells(corners)), corners, atol=1e-6 * max(image))


@given(image=st.tuples(SIDES, SIDES), network=st.tuples(INPUT_SIDES, INPUT_SIDES))
def test_the_matrix_is_centernets(image: tuple[int, int], network: tuple[int, int]) -> None:
    expected = three_point_matrix(image, network)
    corners = np.array([[0, 0, 1], [image[1], 0, 1], [image[1], image[0], 1]], np.float64)
    ours = corners @ Letterbox.centernet(image, network).matrix().T
    np.testing.assert_allclose(ours, corners @ expected.T, atol=1e-3 * max(network) / 256)


@given(image=st.tuples(SIDES, SIDES), network=st.tuples(INPUT_SIDES, INPUT_SIDES))
def test_points_and_pixels_go_the_same_way(image: tuple[int, int], network: tuple[int, int]) -> None:
    box = Letterbox.fit(image, network)
    corners = np.array([[0, 0], [image[1], image[0]]], np.float32)
    in_input = np.c_[corners, [1, 1]] @ box.matrix().T
    np.testing.assert_allclose(box.to_cells(corners), in_input / 4, rtol=1e-6, atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(image=st.tuples(SMALL_SIDES, SMALL_SIDES), network=st.sampled_from([(64, 64), (128, 96), (96, 160)]))
def test_the_warped_picture_is_centernets_within_one_grey_level(
    image: tuple[int, int], network: tuple[int, int]
) -> None:
    pixels = picture(*image)
    expected = cv2.warpAffine(pixels, three_point_matrix(image, network), network[::-1], flags=cv2.INTER_LINEAR)
    warped = warp(pixels, Letterbox.centernet(image, network), network)
    assert np.abs(warped.astype(int) - expected).max() <= 1


def test_a_portrait_picture_is_centred_and_fits_by_its_longer_side() -> None:
    box = Letterbox.fit((400, 200), (256, 256))  # 200 wide, 400 high: scale 0.64, 64 pixels of border left and right
    corners = np.array([[0, 0], [200, 400]], np.float32)
    np.testing.assert_allclose(box.to_cells(corners), [[16, 0], [48, 64]], atol=1e-5)
    warped, same = letterbox(np.full((400, 200, 3), 255, np.uint8), (256, 256))
    assert same == box
    assert (warped[:, :63] == 0).all()
    assert (warped[:255, 65:191] == 255).all()


@given(image=st.tuples(SIDES, SIDES), side=INPUT_SIDES)
def test_in_a_square_the_whole_picture_lies_where_centernet_puts_it(image: tuple[int, int], side: int) -> None:
    assert Letterbox.fit(image, (side, side)) == Letterbox.centernet(image, (side, side))


@given(image=st.tuples(SIDES, SIDES), network=st.tuples(INPUT_SIDES, INPUT_SIDES))
def test_a_picture_lies_whole_in_its_input_and_touches_two_of_its_sides(
    image: tuple[int, int], network: tuple[int, int]
) -> None:
    box = Letterbox.fit(image, network)
    corners = np.array([[0, 0, 1], [image[1], image[0], 1]], np.float64) @ box.matrix().T
    high, wide = network
    assert corners[0].min() >= -1e-6
    assert (corners[1] <= np.array([wide, high]) + 1e-6).all()
    assert np.isclose(corners[1], [wide, high], rtol=1e-9).any()


@given(image=st.tuples(SIDES, SIDES), network=st.tuples(INPUT_SIDES, INPUT_SIDES))
def test_an_input_of_the_pictures_shape_has_the_scale_of_the_models_own_size(
    image: tuple[int, int], network: tuple[int, int]
) -> None:
    shaped = input_size(image, network, multiple=32, fit="rect")
    assert Letterbox.fit(image, shaped).scale == Letterbox.fit(image, network).scale


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (10, 20_000), (20_000, 10), (3, WARP_LIMIT), (8, 40_000)])
def test_extreme_sizes_are_warped(size: tuple[int, int]) -> None:
    warped, box = letterbox(np.full((*size, 3), 200, np.uint8), (128, 128))
    assert warped.shape == (128, 128, 3)
    assert warped.dtype == np.uint8
    middle = box.to_image(np.array([16, 16], np.float32))
    np.testing.assert_allclose(middle, (size[1] / 2, size[0] / 2), atol=1e-2)
    if size != (1, 1):
        assert warped.any()


@pytest.mark.parametrize("size", [(120, 200), (201, 90), (1, 1), (7, 300)])
def test_pictures_too_long_for_opencv_4_are_warped_likewise(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # smooth: OpenCV 4 takes positions to 1/32 pixel
    smooth = cv2.GaussianBlur(picture(*size), (0, 0), 3).astype(np.uint8, copy=False)
    expected, _ = letterbox(smooth, (96, 128))
    monkeypatch.setattr("deepmark.runtime.transform.WARP_LIMIT", 1)
    warped, _ = letterbox(smooth, (96, 128))
    assert np.abs(warped.astype(int) - expected).max() <= 1


def test_a_reversed_view_is_warped_as_its_copy() -> None:
    pixels = picture(30, 40)
    np.testing.assert_array_equal(letterbox(pixels[..., ::-1], (64, 64))[0], letterbox(pixels, (64, 64))[0][..., ::-1])


def test_an_empty_picture_is_refused_in_words() -> None:
    with pytest.raises(DataError, match="cannot fit an image of 0x480 into an input of 256x256"):
        Letterbox.fit((480, 0), (256, 256))


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (np.zeros((4, 5, 3), np.float32), r"float32 \(4, 5, 3\)"),
        (np.zeros((4, 5), np.uint8), r"uint8 \(4, 5\)"),
        (np.zeros((4, 5, 4), np.uint8), r"uint8 \(4, 5, 4\)"),
        (np.zeros((0, 5, 3), np.uint8), r"uint8 \(0, 5, 3\)"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_bgr_picture_is_refused_in_words(image: np.ndarray, found: str) -> None:
    with pytest.raises(DataError, match=f"uint8 array .*, found {found}"):
        letterbox(image, (64, 64))
