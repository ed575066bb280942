"""The decoder: the reference's numbers, each technique by hand, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepmark.errors import DataError
from deepmark.runtime.arrays import F32
from deepmark.runtime.decoding.decoder import decode
from deepmark.runtime.decoding.params import DecoderParams, Nms
from deepmark.runtime.detections import Detections
from deepmark.runtime.heads.maps import Heads
from deepmark.runtime.keypoints.schema import KeypointClass, KeypointSchema

BASELINE = DecoderParams.baseline()
OTHER = KeypointClass("other", ("only",), groups=(1,), mirror=(0,), sigmas=(0.1,))
PAIR = KeypointClass("pair", ("first", "second"), groups=(1, 0), mirror=(0, 1), sigmas=(0.1, 0.1))
SCHEMA = KeypointSchema("two classes", (PAIR, OTHER), ("zero", "one"))
BOXES = KeypointSchema("boxes", (KeypointClass("a", (), (), (), ()), KeypointClass("b", (), (), (), ())), ())


def empty_heads(side: int = 16) -> Heads:
    """Two classes, two groups, boxes of 9x9 cells, coarse landmarks at the centre, no object."""
    return Heads(
        hm=np.zeros((2, side, side), np.float32),
        wh=np.full((2, side, side), 9, np.float32),
        hps=np.zeros((4, side, side), np.float32),
        reg=np.zeros((2, side, side), np.float32),
        hm_hp=np.zeros((2, side, side), np.float32),
        hp_offset=np.zeros((2, side, side), np.float32),
    )


def one_object(score: float = 0.5, at: tuple[int, int] = (8, 8), class_id: int = 0) -> Heads:
    heads = empty_heads()
    heads.hm[class_id, at[1], at[0]] = score
    return heads


def landmark_map(heads: Heads) -> F32:
    assert heads.hm_hp is not None
    return heads.hm_hp


def coarse_map(heads: Heads) -> F32:
    assert heads.hps is not None
    return heads.hps


def random_heads(seed: int = 3, side: int = 24) -> Heads:
    rng = np.random.default_rng(seed)
    return Heads(
        hm=(rng.random((13, side, side)) ** 6).astype(np.float32),
        wh=rng.uniform(1, 15, (2, side, side)).astype(np.float32),
        hps=rng.normal(0, 4, (124, side, side)).astype(np.float32),
        reg=rng.random((2, side, side)).astype(np.float32),
        hm_hp=(rng.random((62, side, side)) ** 8).astype(np.float32),
        hp_offset=rng.random((2, side, side)).astype(np.float32),
    )


def assert_equal(one: Detections, other: Detections) -> None:
    for field in fields(Detections):
        a, b = getattr(one, field.name), getattr(other, field.name)
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y, err_msg=field.name)


@pytest.mark.parametrize("absent", [None, "reg", "hp_offset", "hm_hp"])
def test_the_baseline_is_the_references_own_decoder(data: Path, absent: str | None) -> None:
    golden = np.load(data / "decode_coco17.npz")
    maps = {name[3:]: golden[name] for name in golden if name.startswith("in_") and name[3:] != absent}
    expected = golden[f"dets_no_{absent}" if absent else "dets_full"]
    expected = expected[expected[:, 4] > 0]
    found = decode(Heads(**maps), KeypointSchema.coco_person(), replace(BASELINE, top_k=int(golden["K"])))
    np.testing.assert_allclose(found.boxes, expected[:, :4], atol=1e-5)
    np.testing.assert_allclose(found.scores, expected[:, 4], atol=1e-6)
    np.testing.assert_allclose(np.stack(found.keypoints).reshape(-1, 34), expected[:, 5:39], atol=1e-5)
    np.testing.assert_array_equal(found.class_ids, expected[:, 39])
    assert any(flags.any() for flags in found.refined) == (absent != "hm_hp")


def test_an_object_is_what_its_cell_says() -> None:
    heads = one_object(at=(5, 7))
    heads.wh[:, 7, 5] = 4, 6
    assert heads.reg is not None
    heads.reg[:, 7, 5] = 0.25, 0.75
    coarse_map(heads)[:, 7, 5] = 1, 2, -3, -4  # group 0, then group 1; relative to the integer centre
    found = decode(heads, SCHEMA, BASELINE)
    np.testing.assert_allclose(found.boxes, [[3.25, 4.75, 7.25, 10.75]])
    np.testing.assert_allclose(found.keypoints[0], [[2, 3], [6, 9]])  # the class lists group 1 first
    assert (found.class_ids.tolist(), found.scores.tolist()) == ([0], [0.5])
    assert found.refined[0].tolist() == [False, False]
    assert found.keypoint_scores[0].tolist() == [0, 0]


@pytest.mark.slow
def test_types_and_shapes_are_as_documented() -> None:
    found = decode(random_heads(), KeypointSchema.deepfashion2(), DecoderParams())
    count = len(found)
    assert count == 100
    assert found.class_ids.dtype == np.int64
    assert found.boxes.shape == (count, 4)
    for name in ("scores", "box_scores", "boxes", "keypoints_score"):
        assert getattr(found, name).dtype == np.float32
        assert getattr(found, name).flags.c_contiguous
    for class_id, points, values, flags in zip(
        found.class_ids, found.keypoints, found.keypoint_scores, found.refined, strict=True
    ):
        landmarks = len(KeypointSchema.deepfashion2().groups[class_id])
        assert (points.shape, values.shape, flags.shape) == ((landmarks, 2), (landmarks,), (landmarks,))
        assert [one.dtype for one in (points, values, flags)] == [np.float32, np.float32, np.bool_]
        assert ((values > 0) == flags).all()


@pytest.mark.parametrize("make", [empty_heads, lambda: empty_heads(side=1), lambda: empty_heads(side=0)])
@pytest.mark.parametrize("params", [BASELINE, DecoderParams(nms="soft"), DecoderParams(nms="hard")])
def test_empty_maps_hold_no_object(make: Callable[[], Heads], params: DecoderParams) -> None:
    found = decode(make(), SCHEMA, params)
    assert len(found) == 0
    assert found.boxes.shape == (0, 4)
    assert found.keypoints == ()


def test_equal_scores_go_by_class_and_cell_also_where_top_k_cuts() -> None:
    heads = empty_heads(side=8)
    heads.hm[:, ::2, ::2] = 0.5  # 16 peaks per class
    heads.wh[0] = np.arange(64).reshape(8, 8)  # tells the cells apart
    found = decode(heads, SCHEMA, replace(BASELINE, top_k=20))
    cells = [y * 8 + x for y in range(0, 8, 2) for x in range(0, 8, 2)]
    assert found.class_ids.tolist() == [0] * 16 + [1] * 4
    assert (found.boxes[:, 2] - found.boxes[:, 0]).tolist() == (cells + cells)[:20]


@pytest.mark.parametrize("top_k", [1, 2, 3, 5, 20])
def test_where_few_peaks_stand_on_a_plateau_its_first_cells_make_up_the_number(top_k: int) -> None:
    """Where a network sees nothing, a sigmoid underflows to one value in every cell."""
    heads = empty_heads(side=8)
    heads.hm[:] = 1.4e-38
    heads.hm[1, 1, 1], heads.hm[1, 5, 5] = 0.5, 0.25
    heads.wh[0] = np.arange(64).reshape(8, 8)
    found = decode(heads, SCHEMA, replace(BASELINE, top_k=top_k))
    plateau = [(0, cell) for cell in range(64)]
    cells = (found.boxes[:, 2] - found.boxes[:, 0]).astype(int).tolist()
    expected = [(1, 9), (1, 45), *plateau][:top_k]
    assert list(zip(found.class_ids.tolist(), cells, strict=True)) == expected


def test_one_cell_may_hold_two_classes() -> None:
    heads = one_object(0.4, class_id=0)
    heads.hm[1, 8, 8] = 0.6
    found = decode(heads, SCHEMA, BASELINE)
    assert found.class_ids.tolist() == [1, 0]
    assert [len(points) for points in found.keypoints] == [1, 2]


def test_negative_box_sizes_count_as_zero() -> None:
    heads = one_object()
    heads.wh[:] = -3
    assert decode(heads, SCHEMA, DecoderParams()).boxes.tolist() == [[8, 8, 8, 8]]


def test_the_nearest_peak_must_lie_in_the_box_and_near_enough() -> None:
    heads = one_object()  # the box goes from 3.5 to 12.5; 0.3 * 9 = 2.7 cells
    landmark_map(heads)[0, 8, 10] = 0.6  # 2 cells away
    landmark_map(heads)[1, 11, 8] = 0.6  # 3 cells away
    found = decode(heads, SCHEMA, BASELINE)
    assert found.refined[0].tolist() == [False, True]  # the class lists group 1 first
    assert found.keypoints[0].tolist() == [[8, 8], [10, 8]]
    heads.wh[0] = 3.9  # 10 is outside: the box ends at 9.95
    heads.wh[1] = 20  # and far enough would be 6
    assert decode(heads, SCHEMA, BASELINE).refined[0].tolist() == [True, False]


def test_peaks_on_the_limits_of_distance_and_box_count() -> None:
    heads = one_object()
    heads.wh[:] = 10  # the box goes from 3 to 13; 0.3 * 10 = 3 cells
    landmark_map(heads)[0, 8, 11] = 0.6
    landmark_map(heads)[1, 8, 5] = 0.6
    assert decode(heads, SCHEMA, BASELINE).refined[0].tolist() == [True, True]
    heads.wh[0] = 6  # from 5 to 11
    assert decode(heads, SCHEMA, BASELINE).refined[0].tolist() == [True, True]


def test_technique_1_mixes_the_mean_landmark_value_into_the_score_and_sorts_again() -> None:
    heads = one_object(0.5, at=(4, 4))
    heads.hm[0, 12, 12] = 0.4
    landmark_map(heads)[0, 12, 12] = 0.9  # one landmark of two
    found = decode(heads, SCHEMA, replace(BASELINE, alpha=0.5))
    np.testing.assert_allclose(found.scores, [0.5 * 0.4 + 0.5 * 0.45, 0.5 * 0.5])
    np.testing.assert_allclose(found.box_scores, [0.4, 0.5])
    np.testing.assert_allclose(found.keypoints_score, [0.45, 0])
    skipping = decode(heads, SCHEMA, replace(BASELINE, alpha=0.5, unrefined="skip"))
    np.testing.assert_allclose(skipping.keypoints_score, [0.9, 0])


def test_technique_2_prefers_a_plateau_to_a_spike() -> None:
    heads = one_object(0.8, at=(3, 3))
    heads.hm[1, 10:13, 10:13] = 0.6
    assert decode(heads, SCHEMA, BASELINE).class_ids[0] == 0
    blurred = decode(heads, SCHEMA, replace(BASELINE, sigma_center=0.9))
    assert blurred.class_ids[0] == 1
    assert blurred.scores[0] == pytest.approx(0.6)
    assert blurred.keypoints[0].tolist() == [[11, 11]]


def test_technique_3_goes_part_of_the_way_and_leaves_scores_alone() -> None:
    heads = one_object()
    landmark_map(heads)[0, 8, 10] = 0.6
    found = decode(heads, SCHEMA, replace(BASELINE, gamma=0.75))
    np.testing.assert_allclose(found.keypoints[0], [[8.0, 8.0], [9.5, 8.0]])
    assert found.scores[0] == 0.5
    assert found.keypoint_scores[0][1] == np.float32(0.6)


def test_technique_4_weighs_height_against_distance() -> None:
    heads = one_object()  # min(w, h) / 9 = 1
    coarse_map(heads)[:] = 0.9  # floor(8.9) = 8: the mask stands on the integer cell
    landmark_map(heads)[0, 8, 9] = 0.3  # times exp(-1/2)
    landmark_map(heads)[0, 8, 6] = 0.9  # times exp(-2): lower
    landmark_map(heads)[1, 8, 8] = 0.2
    found = decode(heads, SCHEMA, replace(BASELINE, mask=True))
    assert found.keypoints[0].tolist() == [[8, 8], [9, 8]]
    np.testing.assert_allclose(found.keypoint_scores[0], [0.2, 0.3 * np.exp(-0.5)], rtol=1e-6)
    heads.wh[:] = 18  # the Gaussian is twice as wide: now height wins
    assert decode(heads, SCHEMA, replace(BASELINE, mask=True)).keypoints[0][1].tolist() == [6, 8]


def test_a_landmark_that_the_mask_pushes_below_the_threshold_stays_coarse() -> None:
    heads = one_object()
    landmark_map(heads)[0, 8, 11] = 0.9  # times exp(-9/2) = 0.01
    assert not decode(heads, SCHEMA, replace(BASELINE, mask=True)).refined[0].any()
    raw = decode(heads, SCHEMA, replace(BASELINE, mask=True, threshold_on="raw"))
    assert raw.refined[0].tolist() == [False, True]
    np.testing.assert_allclose(raw.keypoint_scores[0][1], 0.9 * np.exp(-4.5), rtol=1e-5)


def test_the_mask_of_a_thin_box_is_no_narrower_than_a_sixth_of_a_cell() -> None:
    heads = one_object()
    heads.wh[0] = 1.2
    landmark_map(heads)[0, 9, 8] = 0.9  # one cell away: times exp(-18)
    found = decode(heads, SCHEMA, replace(BASELINE, mask=True, threshold_on="raw"))
    np.testing.assert_allclose(found.keypoint_scores[0], [0, 0.9 * np.exp(-18)], rtol=1e-5)


def test_a_mask_that_underflows_everywhere_leaves_the_coarse_point() -> None:
    heads = one_object()
    coarse_map(heads)[:] = 500  # no cell of the map is near
    landmark_map(heads)[:] = 1
    for threshold_on in ("raw", "rescored"):
        found = decode(heads, SCHEMA, replace(DecoderParams(), threshold_on=threshold_on))
        assert found.keypoints[0].tolist() == [[508, 508], [508, 508]]
        assert not found.refined[0].any()


def test_cells_at_one_distance_tie_and_the_lowest_wins() -> None:
    heads = one_object()
    for x, y in ((8, 7), (7, 8), (9, 8), (8, 9)):
        landmark_map(heads)[:, y, x] = 0.5
    for sigma in (0.0, 0.9):
        found = decode(heads, SCHEMA, replace(BASELINE, mask=True, sigma_keypoint=sigma))
        expected = [8, 7] if sigma == 0 else [8, 8]  # blurred, the middle is highest
        assert found.keypoints[0].tolist() == [expected, expected]


def test_without_a_landmark_heatmap_scores_stay_centre_scores() -> None:
    heads = replace(one_object(0.5), hm_hp=None)
    found = decode(heads, SCHEMA, DecoderParams(sigma_center=0.0))
    assert found.scores.tolist() == [0.5]
    assert found.keypoints_score.tolist() == [0]
    assert not found.refined[0].any()


def boxes_only(heads: Heads) -> Heads:
    return replace(heads, hps=None, hm_hp=None, hp_offset=None)


def test_boxes_have_no_landmarks_and_keep_their_centre_scores() -> None:
    heads = boxes_only(one_object(0.5, at=(5, 7), class_id=1))
    heads.wh[:, 7, 5] = 4, 6
    found = decode(heads, BOXES, DecoderParams(sigma_center=0.0))
    assert (found.class_ids.tolist(), found.scores.tolist(), found.keypoints_score.tolist()) == ([1], [0.5], [0])
    assert found.boxes.tolist() == [[3, 4, 7, 10]]
    assert (found.keypoints[0].shape, found.keypoint_scores[0].shape, found.refined[0].shape) == ((0, 2), (0,), (0,))


@pytest.mark.parametrize(
    "ignored",
    [{"alpha": 0.0}, {"sigma_keypoint": 0.0}, {"gamma": 0.0}, {"mask": False}, {"unrefined": "skip"}],
    ids=str,
)
def test_what_belongs_to_landmarks_changes_no_box(ignored: dict[str, Any]) -> None:
    heads, schema = random_heads(), KeypointSchema("boxes", (BOXES.classes[0],) * 13, ())
    for params in (DecoderParams(nms="soft", score_threshold=0.2), DecoderParams(nms="hard", sigma_center=0.0)):
        assert_equal(
            decode(boxes_only(heads), schema, replace(params, **ignored)), decode(boxes_only(heads), schema, params)
        )


def test_technique_2_blurs_the_centres_of_boxes() -> None:
    heads, schema = boxes_only(random_heads()), KeypointSchema("boxes", (BOXES.classes[0],) * 13, ())
    plain, blurred = (decode(heads, schema, replace(BASELINE, sigma_center=sigma)) for sigma in (0.0, 0.45))
    assert plain.scores.max() > blurred.scores.max()


def test_boxes_are_those_of_the_same_heads_with_landmarks() -> None:
    heads, schema = random_heads(), KeypointSchema.deepfashion2()
    boxes = KeypointSchema("boxes", (BOXES.classes[0],) * 13, ())
    for params in (BASELINE, replace(BASELINE, nms="soft"), replace(BASELINE, sigma_center=0.45)):
        with_landmarks, without = decode(heads, schema, params), decode(boxes_only(heads), boxes, params)
        for name in ("class_ids", "scores", "box_scores", "boxes"):
            np.testing.assert_array_equal(getattr(without, name), getattr(with_landmarks, name), err_msg=name)


@pytest.mark.parametrize("name", ["hm_hp", "hp_offset"])
def test_heads_of_landmarks_without_their_regression_are_refused(name: str) -> None:
    maps = {one: getattr(one_object(), one) for one in ("hm", "wh", name)}
    with pytest.raises(DataError, match=f"head '{name}' is of landmarks, but there is no head 'hps'"):
        Heads(**maps)


def test_boxes_and_a_schema_of_landmarks_do_not_fit_nor_the_other_way_round() -> None:
    with pytest.raises(DataError, match=r"2 classes and 0 keypoint groups.*'two classes' has 2 and 2"):
        decode(boxes_only(one_object()), SCHEMA, BASELINE)
    with pytest.raises(DataError, match=r"2 classes and 2 keypoint groups.*'boxes' has 2 and 0"):
        decode(one_object(), BOXES, BASELINE)


@pytest.mark.parametrize(
    "params",
    [
        replace(BASELINE, alpha=0.8),
        replace(BASELINE, sigma_center=0.45),
        replace(BASELINE, sigma_keypoint=0.9),
        replace(BASELINE, gamma=0.75),
        replace(BASELINE, mask=True),
    ],
)
def test_every_technique_changes_something_on_its_own(params: DecoderParams) -> None:
    heads, schema = random_heads(), KeypointSchema.deepfashion2()
    with pytest.raises(AssertionError):
        assert_equal(decode(heads, schema, params), decode(heads, schema, BASELINE))


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000),
    floor=st.floats(0, 1),
    alpha=st.sampled_from([0.0, 0.5, 0.8, 1.0]),
    sigma=st.sampled_from([0.0, 0.45]),
    nms=st.sampled_from([None, "soft", "hard"]),
)
def test_a_score_floor_only_leaves_out_what_is_below_it(
    seed: int, floor: float, alpha: float, sigma: float, nms: Nms | None
) -> None:
    heads, schema = random_heads(seed, side=8), KeypointSchema.deepfashion2()
    params = DecoderParams(alpha=alpha, sigma_center=sigma, nms=nms)
    everything = decode(heads, schema, params)
    high = np.flatnonzero(everything.scores >= np.float32(floor))
    assert_equal(decode(heads, schema, replace(params, score_threshold=floor)), everything.select(high))


def test_maps_of_groups_that_no_object_asks_for_do_not_matter() -> None:
    heads = one_object(class_id=1)
    expected = decode(heads, SCHEMA, DecoderParams())
    landmark_map(heads)[0] = 0.9
    assert_equal(decode(heads, SCHEMA, DecoderParams()), expected)


@pytest.mark.parametrize("params", [BASELINE, DecoderParams(nms="soft")])
def test_decoding_changes_no_head_and_takes_read_only_and_strided_ones(params: DecoderParams) -> None:
    heads, schema = random_heads(), KeypointSchema.deepfashion2()
    expected = decode(heads, schema, params)
    strided = {}
    for field in fields(Heads):
        array = np.asfortranarray(getattr(heads, field.name))
        array.flags.writeable = False
        strided[field.name] = array
    assert_equal(decode(Heads(**strided), schema, params), expected)


def test_heads_of_another_schema_are_refused_with_both_counts() -> None:
    with pytest.raises(
        DataError, match="have 2 classes and 2 keypoint groups, but schema 'coco-person-17' has 1 and 17"
    ):
        decode(empty_heads(), KeypointSchema.coco_person(), BASELINE)


@pytest.mark.parametrize("name", ["hm", "hm_hp"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -2.0, 5.0])
def test_what_is_no_probability_is_refused(name: str, value: float) -> None:
    heads = one_object()
    getattr(heads, name)[1, 2, 3] = value
    with pytest.raises(DataError, match=f"head '{name}' must hold probabilities"):
        decode(heads, SCHEMA, DecoderParams())


@pytest.mark.parametrize("name", ["wh", "hps", "reg", "hp_offset"])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_regressions_that_are_no_number_of_cells_are_refused_where_they_are_read(name: str, value: float) -> None:
    heads = one_object()
    landmark_map(heads)[:, 8, 8] = 0.5
    getattr(heads, name)[1, 0, 0] = value  # nobody reads it there
    decode(heads, SCHEMA, DecoderParams())
    getattr(heads, name)[1, 8, 8] = value
    with pytest.raises(DataError, match=f"head '{name}' must hold finite numbers of cells, found"):
        decode(heads, SCHEMA, DecoderParams())
