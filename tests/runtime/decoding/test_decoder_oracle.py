"""The decoder against its literal transcription (tests/support), on inputs that Hypothesis invents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from centernet_decoder import multi_pose_decode
from crowded_maps import TOP_K, crowded_heads, crowded_sparse_heads
from decoder_oracle import Thing, decode_slowly
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepmark.runtime.decoding.decoder import decode
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.detections import Detections
from deepmark.runtime.heads.maps import Heads
from deepmark.runtime.keypoints.schema import KeypointClass, KeypointSchema


def small_schema() -> KeypointSchema:
    """Three classes of 2, 1 and 3 landmarks in 4 groups; groups are shared and out of order."""
    two = KeypointClass("two", ("a", "b"), groups=(2, 0), mirror=(1, 0), sigmas=(0.1, 0.1))
    one = KeypointClass("one", ("a",), groups=(1,), mirror=(0,), sigmas=(0.1,))
    three = KeypointClass("three", ("a", "b", "c"), groups=(0, 3, 2), mirror=(2, 1, 0), sigmas=(0.1,) * 3)
    return KeypointSchema("small", (two, one, three), ("p", "q", "r", "s"))


SCHEMAS = {
    "small": small_schema(),
    "coco": KeypointSchema.coco_person(),
    "deepfashion2": KeypointSchema.deepfashion2(),
    "boxes": KeypointSchema("boxes", tuple(KeypointClass(name, (), (), (), ()) for name in "abc"), ()),
}

PROBABILITIES: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "rough": lambda rng, shape: rng.choice([0, 0, 0.05, 0.1, 0.25, 0.25, 0.5, 1], shape),  # ties everywhere
    "fp16": lambda rng, shape: rng.random(shape).astype(np.float16) ** 3,
    "smooth": lambda rng, shape: rng.random(shape) ** 4,
    "sparse": lambda rng, shape: rng.choice([0, 0.3, 0.9], shape, p=[0.95, 0.025, 0.025]),
    "at the threshold": lambda _, shape: np.full(shape, np.float32(0.1)),
    "tiny": lambda rng, shape: rng.random(shape) * 1e-30,
    "empty": lambda _, shape: np.zeros(shape),
    "full": lambda _, shape: np.ones(shape),
}


@st.composite
def params(draw: st.DrawFn) -> DecoderParams:
    unit = st.sampled_from([0.0, 0.3, 0.75, 1.0])
    sigma = st.sampled_from([0.0, 0.0, 0.25, 0.45, 0.9, 3.0])
    return DecoderParams(
        alpha=draw(unit),
        sigma_center=draw(sigma),
        sigma_keypoint=draw(sigma),
        gamma=draw(unit),
        mask=draw(st.booleans()),
        top_k=draw(st.sampled_from([1, 3, 8, 20, 1000])),
        keypoint_threshold=draw(st.sampled_from([0.1, 0.1, 0.02, 0.25, 0.6])),
        nms=draw(st.sampled_from([None, "soft", "hard"])),
        score_threshold=draw(st.sampled_from([0.0, 0.0, 0.1, 0.3, 0.5])),
        border=draw(st.sampled_from(["zero", "replicate"])),
        threshold_on=draw(st.sampled_from(["rescored", "raw"])),
        unrefined=draw(st.sampled_from(["zero", "skip"])),
        nms_iou=draw(st.sampled_from([0.1, 0.5, 1.0])),
        nms_sigma=draw(st.sampled_from([0.1, 0.5])),
        nms_score=draw(st.sampled_from([0.0, 0.001, 0.2])),
    )


@st.composite
def heads(draw: st.DrawFn, schema: KeypointSchema, *, sides: st.SearchStrategy[int]) -> Heads:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    cells = (draw(sides), draw(sides))
    classes, groups = len(schema.classes), schema.num_groups
    make = st.sampled_from(sorted(PROBABILITIES)).map(PROBABILITIES.__getitem__)
    reach = draw(st.sampled_from([1, 3, 12]))
    quantised = draw(st.booleans())

    def regression(channels: int, low: float, high: float) -> np.ndarray:
        values = rng.uniform(low, high, (channels, *cells))
        return (np.round(values * 2) / 2 if quantised else values).astype(np.float32)

    boxes = Heads(
        hm=draw(make)(rng, (classes, *cells)).astype(np.float32),
        wh=regression(2, -1, 4 * reach),
        reg=regression(2, -0.2, 1.2) if draw(st.booleans()) else None,
    )
    if not groups:
        return boxes
    return replace(
        boxes,
        hps=regression(2 * groups, -reach, reach),
        hm_hp=draw(make)(rng, (groups, *cells)).astype(np.float32) if draw(st.integers(0, 4)) else None,
        hp_offset=regression(2, -0.2, 1.2) if draw(st.booleans()) else None,
    )


def assert_same(found: Detections, expected: list[Thing]) -> None:
    assert found.class_ids.tolist() == [thing.class_id for thing in expected]
    for name, values in {
        "scores": [thing.score for thing in expected],
        "box_scores": [thing.box_score for thing in expected],
        "keypoints_score": [thing.keypoints_score for thing in expected],
    }.items():
        np.testing.assert_allclose(getattr(found, name), np.array(values, np.float32), atol=1e-6, err_msg=name)
    boxes = np.array([thing.box for thing in expected], np.float32).reshape(-1, 4)
    np.testing.assert_allclose(found.boxes, boxes, atol=1e-4)
    for i, thing in enumerate(expected):
        assert found.refined[i].tolist() == thing.refined
        points = np.array(thing.keypoints, np.float32).reshape(-1, 2)
        np.testing.assert_allclose(found.keypoints[i], points, atol=1e-4)
        np.testing.assert_allclose(found.keypoint_scores[i], np.array(thing.values, np.float32), atol=1e-6)


@pytest.mark.slow
@settings(max_examples=250, deadline=None)
@given(data=st.data(), options=params(), name=st.sampled_from(["small", "small", "boxes"]))
def test_small_networks_decode_as_specified(data: st.DataObject, options: DecoderParams, name: str) -> None:
    schema = SCHEMAS[name]
    maps = data.draw(heads(schema, sides=st.integers(1, 9)))
    assert_same(decode(maps, schema, options), decode_slowly(maps, schema, options))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["coco", "deepfashion2"])
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), options=params())
def test_real_schemas_decode_as_specified(name: str, data: st.DataObject, options: DecoderParams) -> None:
    schema = SCHEMAS[name]
    maps = data.draw(heads(schema, sides=st.integers(4, 8)))
    few = replace(options, top_k=min(options.top_k, 8))
    assert_same(decode(maps, schema, few), decode_slowly(maps, schema, few))


def crowded_params(**changed: Any) -> DecoderParams:
    return replace(DecoderParams.baseline(), top_k=TOP_K, **changed)


def changed_landmarks(heads: Heads, params: DecoderParams) -> float:
    """Tell how many of the K objects' landmarks would be others if every peak of a map counted."""
    few = decode(heads, SCHEMAS["coco"], params)
    all_peaks = decode(heads, SCHEMAS["coco"], replace(params, top_k=heads.hm.size))
    np.testing.assert_array_equal(few.scores, all_peaks.scores[:TOP_K])  # the baseline's order: the same objects
    pairs = zip(few.keypoints, all_peaks.keypoints[:TOP_K], strict=True)
    return float(np.mean([(one != other).any(axis=1) for one, other in pairs]))


@pytest.mark.slow
@pytest.mark.parametrize("levels", [None, 8])
@pytest.mark.parametrize("changed", [{}, {"sigma_keypoint": 0.9}, {"threshold_on": "raw", "sigma_keypoint": 0.9}])
def test_of_a_crowded_landmark_map_only_the_k_highest_peaks_count(levels: int | None, changed: dict[str, Any]) -> None:
    heads, params = crowded_heads(levels=levels), crowded_params(**changed)
    assert_same(decode(heads, SCHEMAS["coco"], params), decode_slowly(heads, SCHEMAS["coco"], params))
    assert changed_landmarks(heads, params) > 0.5


@pytest.mark.parametrize("top_k", [1, TOP_K, 200])
def test_the_baseline_is_what_centernets_own_code_gives_for_a_crowded_map(top_k: int) -> None:
    heads = crowded_heads()
    found = decode(heads, SCHEMAS["coco"], replace(DecoderParams.baseline(), top_k=top_k))
    boxes, landmarks = multi_pose_decode(heads, top_k)
    np.testing.assert_allclose(found.boxes, boxes[: len(found)], atol=1e-4)
    np.testing.assert_allclose(np.stack(found.keypoints), landmarks[: len(found)], atol=1e-4)
    assert len(found) >= min(top_k, 100)


def test_only_the_k_highest_peaks_count_in_sparse_heads_too() -> None:
    heads, params = crowded_sparse_heads(), crowded_params()
    dense = heads.dense()
    assert_same(decode(heads, SCHEMAS["coco"], params), decode_slowly(dense, SCHEMAS["coco"], params))
    assert changed_landmarks(dense, params) > 0.5


def test_under_the_mask_every_cell_counts_however_many_there_are() -> None:
    heads, params = crowded_heads(), crowded_params(mask=True)
    assert changed_landmarks(heads, params) == 0
