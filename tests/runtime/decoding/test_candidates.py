"""The list of cells that landmarks may come from: complete, and not longer than it must be."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepmark.runtime.decoding.candidates import find_candidates
from deepmark.runtime.decoding.padded import Border, blur
from deepmark.runtime.decoding.params import DecoderParams

ALL = np.ones(2, np.bool_)


@given(
    seed=st.integers(0, 2**32),
    sigma=st.sampled_from([0.0, 0.25, 0.9, 3.0]),
    border=st.sampled_from(["zero", "replicate"]),
    side=st.integers(1, 9),
)
def test_every_cell_above_the_threshold_is_listed_with_its_value(
    seed: int, sigma: float, border: Border, side: int
) -> None:
    heatmap = (np.random.default_rng(seed).random((2, side, side + 1)) ** 4).astype(np.float32)
    found = find_candidates(heatmap, ALL, DecoderParams(sigma_keypoint=sigma, border=border))
    dense = blur(heatmap, sigma, border)
    expected = [np.flatnonzero(one > np.float32(0.1)) for one in dense]
    assert found.cells.tolist() == np.concatenate(expected).tolist()
    np.testing.assert_array_equal(found.values, dense[dense > np.float32(0.1)])
    np.testing.assert_array_equal(found.xy, [found.cells % (side + 1), found.cells // (side + 1)])
    starts, counts = found.in_group(np.arange(2))
    assert counts.tolist() == [len(cells) for cells in expected]
    assert starts.tolist() == [0, len(expected[0])]


@given(seed=st.integers(0, 2**32), top=st.integers(-3, 12), rows=st.integers(0, 12))
def test_rows_are_found_also_beyond_the_map(seed: int, top: int, rows: int) -> None:
    heatmap = np.random.default_rng(seed).random((2, 6, 5)).astype(np.float32)
    found = find_candidates(heatmap, ALL, DecoderParams(sigma_keypoint=0.0, keypoint_threshold=0.5))
    starts, counts = found.in_rows(np.array([0, 1]), np.array([top, top]), np.array([top + rows, top + rows]))
    for group in range(2):
        inside = [y for y in range(6) if top <= y <= top + rows]
        expected = [y * 5 + x for y in inside for x in range(5) if heatmap[group, y, x] > 0.5]
        assert found.cells[starts[group] : starts[group] + counts[group]].tolist() == expected


def test_a_flat_map_at_the_threshold_counts_where_rounding_lifts_it_above() -> None:
    heatmap = np.full((2, 5, 5), 0.1, np.float32)
    assert (blur(heatmap, 0.45, "replicate") > heatmap).any()  # the nine weights add up to 1 + 1e-7
    assert len(find_candidates(heatmap, ALL, DecoderParams(sigma_keypoint=0.45, border="replicate")).cells) == 50


@pytest.mark.parametrize("mask", [True, False])
@pytest.mark.parametrize("threshold_on", ["raw", "rescored"])
def test_a_value_equal_to_the_threshold_is_not_above_it(mask: bool, threshold_on: Literal["raw", "rescored"]) -> None:
    heatmap = np.zeros((2, 5, 5), np.float32)
    heatmap[:, 2, 2] = 0.1
    params = DecoderParams(sigma_keypoint=0.0, mask=mask, threshold_on=threshold_on)
    assert not len(find_candidates(heatmap, ALL, params).cells)
    heatmap[:, 2, 2] = np.nextafter(np.float32(0.1), np.float32(1))
    assert len(find_candidates(heatmap, ALL, params).cells) == 2


def test_maps_of_unused_groups_are_left_out() -> None:
    heatmap = np.full((2, 4, 4), 0.9, np.float32)
    found = find_candidates(heatmap, np.array([False, True]), DecoderParams())
    assert found.in_group(np.arange(2))[1].tolist() == [0, 16]


def test_without_the_mask_only_local_maxima_are_listed() -> None:
    heatmap = np.zeros((2, 5, 5), np.float32)
    heatmap[0, 2] = 0.2, 0.3, 0.3, 0.2, 0.9
    found = find_candidates(heatmap, ALL, DecoderParams.baseline())
    assert found.cells.tolist() == [11, 12, 14]
    raw = DecoderParams(mask=False, sigma_keypoint=0.9, threshold_on="raw")
    assert find_candidates(heatmap, ALL, raw).cells.tolist() == [11, 14]  # blurred, 12 stands on a slope
