"""Where a picture lies in the network's input at each scale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepmark.errors import DataError
from deepmark.runtime import letterbox
from deepmark.runtime.manifest import InputSpec
from deepmark.runtime.multi_inference import ScalesMode
from deepmark.runtime.scaled_view import ScaledView

SPEC = InputSpec(height=64, width=96, multiple=32, dynamic=True)
HOURGLASS = InputSpec(height=128, width=128, multiple=128, dynamic=True)


@pytest.mark.parametrize("image_hw", [(64, 96), (37, 211), (400, 12), (1, 1)])
def test_scale_1_of_a_fixed_input_is_the_letterbox(image_hw: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*image_hw, 3), np.uint8)
    view = ScaledView.of(image_hw, SPEC, 1.0, "fix")
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
    assert ScaledView.of(image_hw, spec, factor, "keep").input_hw == input_hw


def test_a_kept_picture_keeps_its_pixels() -> None:
    image = np.random.default_rng(0).integers(1, 256, (50, 70, 3), np.uint8)
    drawn = ScaledView.of((50, 70), SPEC, 1.0, "keep").draw(image)
    assert drawn.shape == (64, 96, 3)
    np.testing.assert_array_equal(drawn[7:57, 13:83], image)
    assert drawn.astype(int).sum() == image.astype(int).sum()


@given(
    high=st.integers(1, 900),
    wide=st.integers(1, 900),
    factor=st.floats(0.1, 4),
    mode=st.sampled_from(["fix", "keep"]),
)
def test_points_come_back_from_every_scale(high: int, wide: int, factor: float, mode: ScalesMode) -> None:
    view = ScaledView.of((high, wide), InputSpec(256, 256, 128, dynamic=True), factor, mode)
    points = np.array([[0, 0], [wide / 2, high / 3], [wide, high]], np.float32)
    back = view.transform.to_image(view.transform.to_cells(points))
    np.testing.assert_allclose(back, points, atol=1e-3 * max(1, high, wide) / min(1.0, factor))
    in_resized = view.in_resized.to_cells(points * np.float32(factor))
    np.testing.assert_allclose(view.transform.to_cells(points), in_resized, rtol=1e-4, atol=1e-3)


def test_sizes_beyond_the_limits_are_refused_before_anything_is_made() -> None:
    with pytest.raises(DataError, match=r"at scale 2 a picture of 4000x3000 needs an input of 8032x6016, the limit is"):
        ScaledView.of((3000, 4000), SPEC, 2.0, "keep")
    with pytest.raises(DataError, match=r"at scale 4 a picture of 8000x6000 has 32000x24000 pixels, the limit is"):
        ScaledView.of((6000, 8000), SPEC, 4.0, "fix")
    assert ScaledView.of((3000, 4000), SPEC, 2.0, "fix").input_hw == (64, 96)
