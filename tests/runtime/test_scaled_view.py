"""Where a picture lies in the network's input at each scale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepmark.errors import DataError
from deepmark.runtime import letterbox
from deepmark.runtime.input_fit import Fit
from deepmark.runtime.manifest import InputSpec
from deepmark.runtime.multi_inference import SINGLE, MultiInference, ScalesMode
from deepmark.runtime.scaled_view import ScaledView

SPEC = InputSpec(height=64, width=96, multiple=32, dynamic=True)
HOURGLASS = InputSpec(height=128, width=128, multiple=128, dynamic=True)
SQUARE = InputSpec(height=128, width=128, multiple=32, dynamic=True)
KEEP = MultiInference(scales_mode="keep")
RECT = MultiInference(fit="rect")


@pytest.mark.parametrize("image_hw", [(64, 96), (37, 211), (400, 12), (1, 1)])
def test_scale_1_of_a_fixed_input_is_the_letterbox(image_hw: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*image_hw, 3), np.uint8)
    view = ScaledView.of(image_hw, SPEC, 1.0, SINGLE)
    expected, box = letterbox(image, (64, 96))
    assert view.transform == box
    np.testing.assert_array_equal(view.draw(image), expected)


@pytest.mark.parametrize(
    ("spec", "image_hw", "factor", "input_hw"),
    [
        (SPEC, (63, 64), 1.0, (64, 96)),  # the next multiple strictly above
        (SPEC, (63, 64), 0.95, (64, 64)),
        (SPEC, (100, 20), 0.5, (64, 32)),
        (HOURGLASS, (128, 127), 1.0, (256, 128)),
        (HOURGLASS, (100, 140), 0.85, (128, 128)),
    ],
)
def test_a_kept_picture_gets_the_next_multiple_strictly_above_it(
    spec: InputSpec, image_hw: tuple[int, int], factor: float, input_hw: tuple[int, int]
) -> None:
    assert ScaledView.of(image_hw, spec, factor, KEEP).input_hw == input_hw


def test_a_kept_picture_keeps_its_pixels() -> None:
    image = np.random.default_rng(0).integers(1, 256, (50, 70, 3), np.uint8)
    drawn = ScaledView.of((50, 70), SPEC, 1.0, KEEP).draw(image)
    assert drawn.shape == (64, 96, 3)
    np.testing.assert_array_equal(drawn[7:57, 13:83], image)
    assert drawn.astype(int).sum() == image.astype(int).sum()


@given(
    high=st.integers(1, 900),
    wide=st.integers(1, 900),
    factor=st.floats(0.1, 4),
    mode=st.sampled_from(["fix", "keep"]),
    fit=st.sampled_from(["square", "rect"]),
)
def test_points_come_back_from_every_scale(high: int, wide: int, factor: float, mode: ScalesMode, fit: Fit) -> None:
    inference = MultiInference(scales_mode=mode, fit=fit)
    view = ScaledView.of((high, wide), InputSpec(256, 256, 128, dynamic=True), factor, inference)
    points = np.array([[0, 0], [wide / 2, high / 3], [wide, high]], np.float32)
    back = view.transform.to_image(view.transform.to_cells(points))
    np.testing.assert_allclose(back, points, atol=1e-3 * max(1, high, wide) / min(1.0, factor))
    in_resized = view.in_resized.to_cells(points * np.float32(factor))
    np.testing.assert_allclose(view.transform.to_cells(points), in_resized, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("factor", [1.0, 0.85, 1.1, 0.3])
@pytest.mark.parametrize("image_hw", [(400, 300), (300, 400), (108, 192), (57, 101), (5, 300), (80, 80)])
def test_a_rect_input_is_the_square_one_without_what_is_black(image_hw: tuple[int, int], factor: float) -> None:
    """Scale and pixels are the same, so what is found lies where it would lie in the square."""
    image = np.random.default_rng(0).integers(1, 256, (*image_hw, 3), np.uint8)
    square = ScaledView.of(image_hw, SQUARE, factor, SINGLE)
    rect = ScaledView.of(image_hw, SQUARE, factor, RECT)
    assert rect.transform.scale == square.transform.scale
    whole, drawn = square.draw(image), rect.draw(image)
    (high, wide), (top, left) = rect.input_hw, ((128 - side) // 2 for side in rect.input_hw)
    # OpenCV before 5 rounds places to 1/32 pixel, after adding the shift
    inside = whole[top : top + high, left : left + wide]
    assert np.mean(np.abs(drawn.astype(int) - inside) > 8) < 0.01
    assert int(whole.any(axis=2).sum()) == int(inside.any(axis=2).sum())  # nothing of the picture was left out
    points = np.array([[0, 0], [image_hw[1] / 2, image_hw[0] / 3]], np.float32)
    moved = square.transform.to_cells(points) - rect.transform.to_cells(points)
    np.testing.assert_allclose(moved, [[left / 4, top / 4]] * 2, atol=1e-4)


def test_what_the_manifest_says_is_the_fit_unless_it_is_asked_for() -> None:
    rect = InputSpec(height=128, width=128, multiple=32, dynamic=True, fit="rect")
    assert ScaledView.of((400, 300), rect, 1.0, SINGLE).input_hw == (128, 96)
    assert ScaledView.of((400, 300), rect, 1.0, MultiInference(fit="square")).input_hw == (128, 128)
    assert ScaledView.of((400, 300), SQUARE, 1.0, SINGLE).input_hw == (128, 128)


@pytest.mark.parametrize("fit", ["square", "rect"])
@pytest.mark.parametrize("image_hw", [(400, 300), (300, 400)], ids=["tall", "wide"])
@pytest.mark.parametrize("size", [(96, 64), (64, 96)], ids=["in tall", "in wide"])
def test_a_size_that_is_not_square_shows_every_picture_whole_and_as_large_as_it_can(
    image_hw: tuple[int, int], size: tuple[int, int], fit: Fit
) -> None:
    spec = InputSpec(*size, multiple=32, dynamic=True)
    view = ScaledView.of(image_hw, spec, 1.0, MultiInference(fit=fit))
    corners = view.transform.to_cells(np.array([[0, 0], [image_hw[1], image_hw[0]]], np.float32)) * 4
    shown = (corners[1] - corners[0])[::-1]  # height, width
    assert (corners >= -1e-4).all()
    assert (corners[1][::-1] <= np.array(view.input_hw) + 1e-4).all()
    assert np.isclose(shown, size).any()
    drawn = view.draw(np.full((*image_hw, 3), 255, np.uint8))
    assert drawn.shape[:2] == view.input_hw
    assert drawn.mean() == pytest.approx(255 * shown.prod() / np.prod(view.input_hw), abs=12)


@pytest.mark.parametrize(
    ("image_hw", "input_hw"), [((5000, 1), (128, 32)), ((1, 5000), (32, 128)), ((3, 40_000), (32, 128))]
)
def test_a_very_long_picture_keeps_one_multiple_on_its_shorter_side(
    image_hw: tuple[int, int], input_hw: tuple[int, int]
) -> None:
    view = ScaledView.of(image_hw, SQUARE, 1.0, RECT)
    assert view.draw(np.full((*image_hw, 3), 200, np.uint8)).shape[:2] == view.input_hw == input_hw


def test_sizes_beyond_the_limits_are_refused_before_anything_is_made() -> None:
    with pytest.raises(DataError, match=r"at scale 2 a picture of 4000x3000 needs an input of 8032x6016, the limit is"):
        ScaledView.of((3000, 4000), SPEC, 2.0, KEEP)
    with pytest.raises(DataError, match=r"at scale 4 a picture of 8000x6000 has 32000x24000 pixels, the limit is"):
        ScaledView.of((6000, 8000), SPEC, 4.0, SINGLE)
    assert ScaledView.of((3000, 4000), SPEC, 2.0, SINGLE).input_hw == (64, 96)
