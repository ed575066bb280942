"""Input sizes as the command line takes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepmark.errors import UsageError
from deepmark.models.size import MAX_SIDE, MULTIPLE, parse_size

SIDES = st.integers(1, MAX_SIDE // MULTIPLE).map(lambda n: n * MULTIPLE)


@given(height=SIDES, width=SIDES)
def test_height_comes_before_width(height: int, width: int) -> None:
    assert parse_size(f"{height}x{width}") == (height, width)
    assert parse_size(f" {height} ") == (height, height)


@pytest.mark.parametrize("text", ["", "x", "96x", "x96", "-32", "3.2", "32x32x32", "256,256", "٣٢", "²"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="size must be N or HxW in pixels"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("100", "are 96 and 128"),
        ("0", "is 32"),
        ("256x250", "are 256x224 and 256x256"),
        ("1x32", "is 32x32"),
        ("99999999", "is 16384"),
    ],
)
def test_sides_that_the_network_cannot_halve_five_times_are_refused(text: str, nearest: str) -> None:
    with pytest.raises(UsageError, match="must be multiples of 32 from 32 to 16384") as refusal:
        parse_size(text)
    assert refusal.value.hint == f"the nearest {nearest}; for an hourglass, multiples of 128"
