"""Maps with a border of one cell: what is found in them, and that the border is never found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepmark.runtime.arrays import F32
from deepmark.runtime.decoding.padded import Border, PaddedMaps, blur


@st.composite
def maps(draw: st.DrawFn) -> F32:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 6)), draw(st.integers(1, 6)))
    return rng.choice([-0.001, 0, 0.25, 0.5, 1], shape).astype(np.float32)


@pytest.mark.parametrize("border", ["zero", "replicate"])
@given(heatmaps=maps(), sigma=st.sampled_from([0.0, 0.45, 3.0]))
def test_blurred_maps_stand_in_zeros_and_leave_the_given_ones_alone(
    border: Border, heatmaps: F32, sigma: float
) -> None:
    before = heatmaps.copy()
    blurred = PaddedMaps.blurred(heatmaps, sigma, border)
    np.testing.assert_array_equal(heatmaps, before)
    np.testing.assert_array_equal(blurred.inner, blur(heatmaps, sigma, border))
    np.testing.assert_array_equal(blurred.values, np.pad(blurred.inner, ((0, 0), (1, 1), (1, 1))))


@given(heatmaps=maps())
def test_every_cell_above_zero_that_no_neighbour_exceeds_is_a_maximum(heatmaps: F32) -> None:
    padded = PaddedMaps.of(heatmaps)
    expected = [
        (channel, y, x)
        for channel, y, x in np.ndindex(*heatmaps.shape)
        if 0 < heatmaps[channel, y, x] == heatmaps[channel, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].max()
    ]
    found = padded.local_maxima()
    assert list(zip(*map(np.ndarray.tolist, padded.locate(found)), strict=True)) == expected
    assert padded.flat.take(found).tolist() == [heatmaps[cell] for cell in expected]
