"""The size of the input for a picture, on the table that the C++ runtime is tested on too."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepmark.runtime.input_fit import Fit, input_size

TABLE: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "data" / "input_fit.json").read_text())
SIDES = st.integers(1, 40_000)
INPUT_SIDES = st.integers(1, 16).map(lambda n: 32 * n)


@pytest.mark.parametrize("case", TABLE, ids=[case["what"] for case in TABLE])
def test_the_table_that_both_runtimes_share(case: dict[str, Any]) -> None:
    resized = tuple(case["resized"]) if "resized" in case else None
    found = input_size(
        tuple(case["picture"]), tuple(case["size"]), multiple=case["multiple"], fit=case["fit"], resized=resized
    )
    assert found == tuple(case["input"])


@given(picture=st.tuples(SIDES, SIDES), size=st.tuples(INPUT_SIDES, INPUT_SIDES))
def test_a_rect_input_is_the_smallest_that_holds_the_whole_picture_at_its_scale(
    picture: tuple[int, int], size: tuple[int, int]
) -> None:
    found = input_size(picture, size, multiple=32, fit="rect")
    scale = min(Fraction(size[0], picture[0]), Fraction(size[1], picture[1]))
    for side, limit, length in zip(found, size, picture, strict=True):
        assert side % 32 == 0
        assert 32 <= side <= limit
        assert math.ceil(length * scale) <= side < length * scale + 32
    assert any(side == limit for side, limit in zip(found, size, strict=True))


@given(picture=st.tuples(SIDES, SIDES), side=INPUT_SIDES, fit=st.sampled_from(["square", "rect"]))
def test_a_turned_picture_has_a_turned_input(picture: tuple[int, int], side: int, fit: Fit) -> None:
    upright = input_size(picture, (side, side), multiple=32, fit=fit)
    assert input_size(picture[::-1], (side, side), multiple=32, fit=fit) == upright[::-1]
