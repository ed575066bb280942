"""Pictures to network input: the formula, exactly, for every value a pixel can have."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepmark.errors import DataError
from deepmark.runtime.arrays import F32, Image8
from deepmark.runtime.manifest import Preprocess
from deepmark.runtime.preprocess import normalise

NUMBERS = Preprocess()


def _formula(image: Image8, numbers: Preprocess) -> F32:
    """CenterNet's lines, ``(image / 255 - mean) / std`` in float64, and channels first."""
    normal = (image / 255 - np.array(numbers.mean)) / np.array(numbers.std)
    return np.asarray(normal.transpose(2, 0, 1)[None], np.float32)


def test_every_pixel_value_of_every_channel_is_the_formula_s() -> None:
    image = np.stack(np.meshgrid(np.arange(256), [0, 128, 255], [0]), axis=-1).reshape(3, 256, 3).astype(np.uint8)
    image = np.concatenate([np.roll(image, shift, axis=2) for shift in range(3)])
    np.testing.assert_array_equal(normalise(image, NUMBERS), _formula(image, NUMBERS))


def test_it_stays_within_a_rounding_of_centernet_s_float32_constants() -> None:
    image = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 256, 3)
    mean, std = np.array(NUMBERS.mean, np.float32), np.array(NUMBERS.std, np.float32)
    centernet = ((image / 255.0 - mean) / std).astype(np.float32).transpose(2, 0, 1)[None]
    np.testing.assert_allclose(normalise(image, NUMBERS), centernet, rtol=3e-7, atol=3e-7)


@given(st.integers(1, 9), st.integers(1, 9), st.booleans(), st.integers(0, 2**32 - 1))
def test_the_result_is_ready_for_an_engine(height: int, width: int, mirrored: bool, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    view = image[:, ::-1] if mirrored else image
    x = normalise(view, NUMBERS)
    assert x.shape == (1, 3, height, width)
    assert x.dtype == np.float32
    assert x.flags.c_contiguous
    np.testing.assert_array_equal(x, _formula(view, NUMBERS))


def test_each_channel_has_its_own_mean_and_std() -> None:
    numbers = Preprocess(mean=(0, 0.5, 1), std=(1, 0.5, 2))
    white = np.full((1, 1, 3), 255, np.uint8)
    np.testing.assert_array_equal(normalise(white, numbers).ravel(), [1, 1, 0])


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (np.zeros((4, 4, 3), np.float32), r"float32 \(4, 4, 3\)"),
        (np.zeros((4, 4), np.uint8), r"uint8 \(4, 4\)"),
        (np.zeros((4, 4, 4), np.uint8), r"uint8 \(4, 4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), r"uint8 \(0, 4, 3\)"),
        (np.zeros((3, 4, 4), np.uint8), r"uint8 \(3, 4, 4\)"),
        ([[1, 2, 3]], "list"),
        (None, "NoneType"),  # what cv2.imread gives for a file that it cannot read
    ],
)
def test_what_is_no_picture_is_refused_in_words(image: object, found: str) -> None:
    with pytest.raises(DataError, match=rf"a picture must be a uint8 array \(H, W, 3\), found {found}"):
        normalise(image, NUMBERS)  # type: ignore[arg-type]  # on purpose
