"""``heads.npz``: what it must hold, and what is refused."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from sparse_maps import packed, random_arrays

from deepmark.errors import BundleError
from deepmark.runtime.heads.weights import read_head_weights

HEADS = {"wh": 2, "hps": 6, "reg": 2, "hp_offset": 2}
Change = Callable[[dict[str, np.ndarray]], object]


def _read(content: bytes) -> None:
    read_head_weights(content, HEADS, features=5, source="heads.npz of shirt.deepmark")


def _with(name: str, value: np.ndarray) -> Change:
    return lambda arrays: arrays.update({name: value})


@pytest.mark.parametrize("hidden", [0, 8])
def test_whole_files_are_read(hidden: int) -> None:
    weights = read_head_weights(packed(random_arrays(HEADS, 5, hidden)), HEADS, features=5, source="")
    assert list(weights.centres.last) == ["wh", "reg", "hps"]
    assert weights.landmarks is not None
    assert (weights.centres.first is None) == (hidden == 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: arrays.pop("reg.2.bias"), "expected the arrays .*, found "),
        (_with("extra", np.zeros(1, np.float32)), "found extra, "),
        (_with("wh.2.weight", np.zeros((3, 8, 1, 1), np.float32)), r"wh.2.weight must be float32 \(2, 8, 1, 1\)"),
        (_with("wh.0.weight", np.zeros((8, 6, 3, 3), np.float32)), r"wh.0.weight must be float32 \(8, 5, 3, 3\)"),
        (_with("wh.0.bias", np.zeros((8, 1), np.float32)), "expected the arrays"),
        (_with("hps.2.bias", np.zeros(6)), r"hps.2.bias must be float32 \(6,\), found float64 \(6,\)"),
        (_with("hps.2.bias", np.full(6, np.nan, np.float32)), "hps.2.bias holds values that are not finite"),
    ],
)
def test_other_arrays_are_refused_and_named(change: Change, message: str) -> None:
    arrays = random_arrays(HEADS, 5, 8)
    change(arrays)
    with pytest.raises(BundleError, match=f"heads.npz of shirt.deepmark does not fit its model: .*{message}"):
        _read(packed(arrays))


def _pickled() -> bytes:
    arrays = random_arrays(HEADS, 5, 8)
    return packed(arrays | {"wh.0.bias": np.array([{}], object)})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive",
        packed(random_arrays(HEADS, 5, 8))[:-40],
        packed(random_arrays(HEADS, 5, 8))[:200],
        _pickled(),
    ],
    ids=["empty", "text", "cut", "cut short", "pickle"],
)
def test_what_is_no_archive_is_one_sentence(content: bytes) -> None:
    with pytest.raises(BundleError, match=r"heads\.npz of shirt\.deepmark is no NumPy archive"):
        _read(content)


def test_a_single_array_is_no_archive() -> None:
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    with pytest.raises(BundleError, match="is no NumPy archive"):
        _read(stream.getvalue())
