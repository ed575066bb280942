"""Lists of lists as flat arrays, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepmark.runtime.arrays import F32, Index
from deepmark.runtime.decoding.ragged import argmax_of_each, expand, highest_of_each

RANGES = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 6)), max_size=12)
LISTS = st.lists(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), max_size=6), max_size=12)


@pytest.mark.slow
@given(ranges=RANGES)
def test_ranges_are_written_out_one_after_the_other(ranges: list[tuple[int, int]]) -> None:
    starts = np.array([start for start, _ in ranges], np.intp)
    counts = np.array([count for _, count in ranges], np.intp)
    owner, values = expand(starts, counts)
    expected = [(i, start + k) for i, (start, count) in enumerate(ranges) for k in range(count)]
    assert list(zip(owner.tolist(), values.tolist(), strict=True)) == expected


def joined(lists: list[list[float]]) -> tuple[Index, F32, list[int]]:
    """Write lists one after the other: whose each value is, the values, and where each list begins."""
    owner = np.array([i for i, values in enumerate(lists) for _ in values], np.intp)
    flat = np.array([value for values in lists for value in values], np.float32)
    return owner, flat, np.cumsum([0, *map(len, lists)]).tolist()


@given(lists=LISTS)
def test_the_first_of_the_largest_values_wins_in_every_list(lists: list[list[float]]) -> None:
    owner, flat, starts = joined(lists)
    expected = [start + values.index(max(values)) for start, values in zip(starts, lists, strict=False) if values]
    assert argmax_of_each(owner, flat).tolist() == expected


@given(lists=LISTS, count=st.integers(1, 7))
def test_the_highest_of_every_list_are_kept_where_they_stand(lists: list[list[float]], count: int) -> None:
    owner, flat, starts = joined(lists)
    expected = []
    for start, values in zip(starts, lists, strict=False):
        order = np.argsort(-np.array(values), kind="stable")[:count].tolist()
        expected += sorted(start + i for i in order)
    assert highest_of_each(owner, flat, count).tolist() == expected
