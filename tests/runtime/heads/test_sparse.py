"""Sparse heads: the numbers of whole maps, computed only where they are read, and the same objects from them."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sparse_maps import dense_by_torch, random_arrays, weights_of

from deepmark.errors import DataError
from deepmark.runtime.decoding.decoder import decode
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.detections import Detections
from deepmark.runtime.heads.maps import Heads
from deepmark.runtime.heads.sparse import SparseHeads
from deepmark.runtime.heads.weights import patches_at
from deepmark.runtime.keypoints.schema import KeypointClass, KeypointSchema

FEATURES = 5
CLASSES = (
    KeypointClass("pair", ("first", "second"), groups=(2, 0), mirror=(0, 1), sigmas=(0.1, 0.1)),
    KeypointClass("other", ("only",), groups=(1,), mirror=(0,), sigmas=(0.1,)),
)
SCHEMA = KeypointSchema("two classes", CLASSES, ("zero", "one", "two"))
BOXES = KeypointSchema("two classes", tuple(KeypointClass(name, (), (), (), ()) for name in ("pair", "other")), ())
LANDMARK_HEADS = ("hm_hp", "hp_offset", "hps")
PARAMS = {
    "all": DecoderParams(),
    "baseline": DecoderParams.baseline(),
    "floor": DecoderParams(score_threshold=0.4, nms="soft", top_k=20),
    "raw": DecoderParams(threshold_on="raw", border="replicate", unrefined="skip"),
}


def _make(
    seed: int, height: int, width: int, hidden: int, absent: tuple[str, ...] = ()
) -> tuple[SparseHeads, dict[str, np.ndarray], dict[str, int]]:
    rng = np.random.default_rng(seed)
    channels = {"wh": 2, "hps": 6, "reg": 2, "hp_offset": 2}
    heads = {name: count for name, count in channels.items() if name not in absent}
    arrays = random_arrays(heads, FEATURES, hidden, seed)
    landmarks = None if "hm_hp" in absent else (rng.random((3, height, width)) ** 4).astype(np.float32)
    sparse = SparseHeads(
        hm=(rng.random((2, height, width)) ** 4).astype(np.float32),
        features=np.maximum(rng.standard_normal((FEATURES, height, width), np.float32), 0),
        weights=weights_of(arrays, heads, FEATURES),
        hm_hp=landmarks,
    )
    return sparse, arrays, heads


def _assert_same_maps(found: Heads, expected: Heads) -> None:
    for field in fields(Heads):
        one, other = getattr(found, field.name), getattr(expected, field.name)
        assert (one is None) == (other is None), field.name
        if one is not None:
            np.testing.assert_allclose(one, other, atol=1e-5, err_msg=field.name)


def _assert_same_objects(found: Detections, expected: Detections) -> None:
    np.testing.assert_array_equal(found.class_ids, expected.class_ids)
    for name in ("scores", "boxes", "keypoints_score"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-4, err_msg=name)
    for i in range(len(expected)):
        np.testing.assert_array_equal(found.refined[i], expected.refined[i])
        np.testing.assert_allclose(found.keypoints[i], expected.keypoints[i], atol=1e-4)


sides = st.integers(1, 14)
optional = st.sets(st.sampled_from(["reg", "hm_hp", "hp_offset"])).map(lambda names: tuple(sorted(names)))
absences = optional | st.sampled_from([LANDMARK_HEADS, (*LANDMARK_HEADS, "reg")])  # the latter find boxes only


@pytest.mark.slow
@settings(deadline=None)
@given(st.integers(0, 10**6), sides, sides, st.sampled_from([0, 1, 7, 30]), absences)
def test_every_cell_is_what_the_convolutions_give_there(
    seed: int, height: int, width: int, hidden: int, absent: tuple[str, ...]
) -> None:
    sparse, arrays, heads = _make(seed, height, width, hidden, absent)
    _assert_same_maps(sparse.dense(), dense_by_torch(sparse, arrays, heads))


@pytest.mark.slow
@settings(deadline=None)
@given(st.integers(0, 10**6), sides, sides, st.sampled_from([0, 7]), absences, st.sampled_from(sorted(PARAMS)))
def test_objects_are_those_of_the_whole_maps(
    seed: int, height: int, width: int, hidden: int, absent: tuple[str, ...], setting: str
) -> None:
    sparse, _, _ = _make(seed, height, width, hidden, absent)
    schema = BOXES if "hps" in absent else SCHEMA
    _assert_same_objects(*(decode(heads, schema, PARAMS[setting]) for heads in (sparse, sparse.dense())))


def test_single_cells_are_looked_up_as_in_whole_maps() -> None:
    sparse, arrays, heads = _make(1, 6, 9, 12)
    dense = dense_by_torch(sparse, arrays, heads)
    cells = np.array([0, 8, 53, 20, 20, 45])  # three corners, one cell twice
    owner, group = np.array([0, 0, 1, 3, 5]), np.array([2, 0, 2, 2, 0])
    found, expected = (one.at_centres(cells, owner, group) for one in (sparse, dense))
    for name in ("sizes", "offsets", "displacements"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-5, err_msg=name)
    of_landmarks, expected_offsets = (one.at_landmarks(cells) for one in (sparse, dense))
    assert of_landmarks is not None
    assert expected_offsets is not None
    np.testing.assert_allclose(of_landmarks, expected_offsets, atol=1e-5)


def test_only_the_groups_that_objects_have_are_computed_and_each_landmark_cell_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from deepmark.runtime.heads.weights import LinearLayer

    shapes: list[tuple[int, int]] = []
    honest = LinearLayer.__call__

    def watched(self: LinearLayer, columns: np.ndarray) -> np.ndarray:
        shapes.append((self.rows, columns.shape[1]))
        return honest(self, columns)

    monkeypatch.setattr(LinearLayer, "__call__", watched)
    sparse, _, _ = _make(2, 6, 6, 4)
    sparse.at_centres(np.array([7, 8]), np.array([0, 1]), np.array([1, 1]))
    assert shapes == [(12, 2), (2, 2), (2, 2), (2, 2)]  # the three heads' first layers as one; wh; reg; one group
    shapes.clear()
    sparse.at_landmarks(np.array([5, 9, 5, 5]))
    assert shapes == [(4, 2), (2, 2)]


def test_patches_beyond_the_border_are_zero_whatever_lies_on_the_other_side() -> None:
    features = np.full((1, 3, 4), np.nan, np.float32)
    features[0, 0, 0] = 5
    patch = patches_at(features, np.array([0])).reshape(3, 3)
    np.testing.assert_array_equal(patch[0], 0)
    np.testing.assert_array_equal(patch[:, 0], 0)
    assert patch[1, 1] == 5


def test_maps_of_no_object_ask_for_nothing() -> None:
    sparse, _, _ = _make(3, 4, 4, 8)
    empty = replace(sparse, hm=np.zeros_like(sparse.hm))
    assert len(decode(empty, SCHEMA, DecoderParams())) == 0


def test_dense_heads_are_dense() -> None:
    dense = _make(4, 4, 4, 8)[0].dense()
    assert dense.dense() is dense


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": np.zeros((4, 6, 6), np.float32)}, "features must have 5 channels, found 4"),
        ({"features": np.zeros((5, 6, 7), np.float32)}, r"head 'features' has \(6, 7\) cells, but hm has \(6, 6\)"),
        ({"features": np.zeros((5, 6, 6))}, "head 'features' must be a float32 array"),
        ({"hm_hp": np.zeros((2, 6, 6), np.float32)}, "head 'hm_hp' must have 3 channels, found 2"),
        ({"hm": None}, "head 'hm' must be a float32 array"),
    ],
)
def test_maps_that_do_not_belong_together_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        replace(_make(5, 6, 6, 8)[0], **change)  # type: ignore[arg-type]  # wrong types are among them


def test_a_schema_of_other_counts_is_refused() -> None:
    with pytest.raises(DataError, match="the heads have 2 classes and 3 keypoint groups"):
        decode(_make(6, 6, 6, 8)[0], KeypointSchema.coco_person(), DecoderParams())


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e9])
def test_features_that_no_network_gives_are_refused_by_the_heads_that_read_them(bad: float) -> None:
    sparse = _make(7, 6, 6, 8)[0]
    sparse.features[:] = bad
    with np.errstate(invalid="ignore"), pytest.raises(DataError, match="head 'wh' must hold finite numbers of cells"):
        decode(sparse, SCHEMA, DecoderParams())
