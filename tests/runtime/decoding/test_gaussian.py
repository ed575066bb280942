"""Eq. (2): the kernel, its borders, and the promise that whole maps and single cells give the same bits."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepmark.runtime.arrays import F64
from deepmark.runtime.decoding.gaussian import Kernel
from deepmark.runtime.decoding.padded import Border, PaddedMaps, blur

SIGMAS = st.sampled_from([0.0, 1e-200, 0.05, 0.25, 0.45, 0.9, 1.0, 50.0, 1e200])
BORDERS = st.sampled_from(["zero", "replicate"])


@st.composite
def maps(draw: st.DrawFn) -> np.ndarray:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 7)), draw(st.integers(1, 7)))
    return rng.random(shape).astype(np.float32)


@pytest.mark.parametrize(("border", "opencv"), [("zero", cv2.BORDER_CONSTANT), ("replicate", cv2.BORDER_REPLICATE)])
@pytest.mark.parametrize("sigma", [0.25, 0.45, 0.9, 3.0])
def test_blurring_is_opencvs_convolution_with_a_normalised_gaussian(border: Border, opencv: int, sigma: float) -> None:
    heatmap = np.random.default_rng(1).random((9, 13)).astype(np.float32)
    g = np.exp(-np.array([1.0, 0.0, 1.0]) / (2 * sigma**2))
    kernel: F64 = np.outer(g, g) / g.sum() ** 2
    expected = cv2.filter2D(np.pad(heatmap, 1, mode="constant" if border == "zero" else "edge"), -1, kernel)[1:-1, 1:-1]
    np.testing.assert_allclose(blur(heatmap[None], sigma, border)[0], expected, atol=1e-6)


@given(heatmaps=maps(), border=BORDERS)
def test_a_sigma_of_zero_returns_the_map_itself(heatmaps: np.ndarray, border: Border) -> None:
    assert blur(heatmaps, 0.0, border) is heatmaps
    np.testing.assert_array_equal(blur(heatmaps, 1e-3, border), heatmaps)  # and a tiny one all but does


@given(heatmaps=maps(), sigma=SIGMAS, border=BORDERS)
def test_single_cells_are_the_cells_of_the_map_to_the_bit(heatmaps: np.ndarray, sigma: float, border: Border) -> None:
    padded = PaddedMaps.of(heatmaps, border)
    before = padded.values.copy()
    inner = np.zeros(before.shape, np.bool_)
    inner[:, 1:-1, 1:-1] = True
    cells = padded.blurred_at(np.flatnonzero(inner), sigma)
    np.testing.assert_array_equal(cells, blur(heatmaps, sigma, border).reshape(-1))
    np.testing.assert_array_equal(padded.values, before)


@given(heatmaps=maps(), sigma=SIGMAS, border=BORDERS)
def test_a_mirrored_map_blurs_to_the_mirror_image_to_the_bit(
    heatmaps: np.ndarray, sigma: float, border: Border
) -> None:
    blurred = blur(heatmaps, sigma, border)
    for mirror in (np.s_[:, ::-1], np.s_[:, :, ::-1], np.s_[:, ::-1, ::-1]):
        np.testing.assert_array_equal(blur(np.ascontiguousarray(heatmaps[mirror]), sigma, border), blurred[mirror])


@given(sigma=st.floats(1e-300, 1e300))
def test_the_weights_add_up_to_one_and_fall_outwards(sigma: float) -> None:
    kernel = Kernel.of(sigma)
    assert kernel.centre >= kernel.edge >= kernel.corner >= 0
    assert kernel.centre + 4 * kernel.edge + 4 * kernel.corner == pytest.approx(1, abs=1e-6)


@given(heatmaps=maps(), sigma=SIGMAS)
def test_a_replicated_border_leaves_a_constant_map_alone_and_zeros_darken_its_rim(
    heatmaps: np.ndarray, sigma: float
) -> None:
    constant = np.full_like(heatmaps, 0.5)
    np.testing.assert_allclose(blur(constant, sigma, "replicate"), 0.5, rtol=1e-6)
    rim = blur(constant, sigma, "zero")[:, 0]
    assert (rim <= 0.5 + 1e-6).all()
    assert sigma < 0.1 or (rim < 0.5).all()
