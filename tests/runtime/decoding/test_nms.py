"""Suppression: the reference's numbers, and what must hold for any boxes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepmark.runtime.decoding.nms import hard_nms, pairwise_iou, soft_nms, suppress
from deepmark.runtime.decoding.params import DecoderParams, Nms
from deepmark.runtime.detections import Detections


def detections(boxes: list[list[float]], scores: list[float], class_ids: list[int]) -> Detections:
    count = len(scores)
    return Detections(
        class_ids=np.array(class_ids, np.int64),
        scores=np.array(scores, np.float32),
        box_scores=np.array(scores, np.float32),
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        keypoints=tuple(np.full((2, 2), i, np.float32) for i in range(count)),
        keypoint_scores=tuple(np.zeros(2, np.float32) for _ in range(count)),
        refined=tuple(np.zeros(2, np.bool_) for _ in range(count)),
        keypoints_score=np.zeros(count, np.float32),
    )


@st.composite
def some_detections(draw: st.DrawFn) -> Detections:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = draw(st.integers(0, 12))
    corner = rng.uniform(0, 20, (count, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0, 15, (count, 2))], axis=1)
    scores = np.sort(rng.choice([0.0005, 0.1, 0.3, 0.3, 0.9], count))[::-1]
    return detections(boxes.tolist(), scores.tolist(), rng.integers(0, 3, count).tolist())


@pytest.mark.parametrize("case", range(4))
def test_soft_nms_keeps_what_the_reference_keeps_with_its_scores(data: Path, case: int) -> None:
    golden = np.load(data / "softnms39.npz")
    rows = golden[f"in{case}"]
    keep, scores = soft_nms(pairwise_iou(rows[:, :4]), rows[:, 4], sigma=0.5, threshold=0.001)
    assert keep.tolist() == golden[f"expect_index{case}"].tolist()
    assert scores.tolist() == golden[f"expect_score{case}"].tolist()


def test_iou_counts_one_unit_more_on_each_side_as_the_reference_does() -> None:
    # 10x10 each, the last 1x1
    boxes = np.array([[0, 0, 9, 9], [5, 0, 14, 9], [10, 0, 19, 9], [0, 0, 0, 0]], np.float32)
    overlap = pairwise_iou(boxes)
    np.testing.assert_allclose(np.diag(overlap), 1)
    np.testing.assert_allclose(overlap[0], [1, 50 / 150, 0, 1 / 100])


def test_hard_nms_removes_what_overlaps_a_better_object_of_its_class_by_more_than_the_limit() -> None:
    found = detections([[0, 0, 9, 9], [1, 0, 10, 9], [0, 0, 9, 9], [5, 0, 14, 9]], [0.9, 0.8, 0.7, 0.6], [0, 0, 1, 0])
    kept = suppress(found, DecoderParams(nms="hard", nms_iou=0.5))
    # IoU .82 goes, the other class and IoU .33 stay
    assert kept.scores.tolist() == np.array([0.9, 0.7, 0.6], np.float32).tolist()
    assert [points[0, 0] for points in kept.keypoints] == [0, 2, 3]


def test_hard_nms_leaves_an_overlap_of_exactly_the_limit() -> None:
    found = detections([[0, 0, 9, 9], [0, 0, 9, 4]], [0.9, 0.8], [0, 0])  # IoU 50 / 100
    assert len(suppress(found, DecoderParams(nms="hard", nms_iou=0.5))) == 2
    assert len(suppress(found, DecoderParams(nms="hard", nms_iou=0.49))) == 1


def test_an_object_that_a_removed_one_overlaps_stays() -> None:
    # The second goes for the first; the third overlaps only the second.
    found = detections([[0, 0, 9, 9], [3, 0, 12, 9], [6, 0, 15, 9]], [0.9, 0.8, 0.7], [0, 0, 0])
    kept = suppress(found, DecoderParams(nms="hard", nms_iou=0.5))
    assert kept.scores.tolist() == np.array([0.9, 0.7], np.float32).tolist()


def test_soft_nms_sorts_by_the_decayed_scores() -> None:
    found = detections([[0, 0, 9, 9], [0, 0, 9, 9], [50, 50, 59, 59]], [0.9, 0.8, 0.3], [2, 2, 2])
    kept = suppress(found, DecoderParams(nms="soft", nms_sigma=0.5))
    np.testing.assert_allclose(kept.scores, [0.9, 0.3, 0.8 * np.exp(-2)], rtol=1e-6)
    assert [points[0, 0] for points in kept.keypoints] == [0, 2, 1]
    np.testing.assert_allclose(kept.box_scores, [0.9, 0.3, 0.8])  # untouched


def test_soft_nms_removes_objects_whose_decayed_score_is_too_low() -> None:
    overlap = pairwise_iou(np.array([[0, 0, 9, 9], [0, 0, 9, 9], [50, 50, 59, 59]], np.float32))
    keep, _ = soft_nms(overlap, np.array([0.9, 0.8, 0.0001], np.float32), sigma=0.1, threshold=0.001)
    assert keep.tolist() == [0, 2]  # the last is weak too, but nothing decayed it


@pytest.mark.parametrize("nms", ["soft", "hard"])
def test_the_score_floor_holds_after_suppression(nms: Nms) -> None:
    found = detections([[0, 0, 9, 9], [0, 0, 9, 9], [50, 50, 59, 59]], [0.9, 0.8, 0.2], [0, 0, 0])
    assert len(suppress(found, DecoderParams(nms=nms, score_threshold=0.3))) == 1


@given(found=some_detections())
def test_without_nms_nothing_changes(found: Detections) -> None:
    assert suppress(found, DecoderParams(nms=None, score_threshold=0.5)) is found


@given(found=some_detections(), nms=st.sampled_from(["soft", "hard"]))
def test_suppression_keeps_the_best_of_every_class_and_never_raises_a_score(found: Detections, nms: Nms) -> None:
    kept = suppress(found, DecoderParams(nms=nms))
    assert set(kept.class_ids.tolist()) == set(found.class_ids.tolist())
    assert (np.diff(kept.scores) <= 0).all()
    assert (kept.scores <= kept.box_scores).all()
    for class_id in set(found.class_ids.tolist()):
        assert kept.scores[kept.class_ids == class_id][0] == found.scores[found.class_ids == class_id][0]


@given(found=some_detections(), nms=st.sampled_from(["soft", "hard"]))
def test_classes_do_not_suppress_each_other(found: Detections, nms: Nms) -> None:
    together = suppress(found, DecoderParams(nms=nms))
    for class_id in range(3):
        alone = suppress(found.select(np.flatnonzero(found.class_ids == class_id)), DecoderParams(nms=nms))
        same = together.class_ids == class_id
        np.testing.assert_array_equal(together.scores[same], alone.scores)
        np.testing.assert_array_equal(together.boxes[same], alone.boxes)


@given(found=some_detections())
def test_hard_nms_leaves_no_two_objects_of_a_class_that_overlap_too_much(found: Detections) -> None:
    kept = suppress(found, DecoderParams(nms="hard", nms_iou=0.4))
    overlap = pairwise_iou(kept.boxes)
    np.fill_diagonal(overlap, 0)
    overlap[kept.class_ids[:, None] != kept.class_ids] = 0
    assert overlap.size == 0 or overlap.max() <= 0.4
    again = suppress(kept, DecoderParams(nms="hard", nms_iou=0.4))
    np.testing.assert_array_equal(again.boxes, kept.boxes)


def test_equal_scores_keep_their_order() -> None:
    overlap = np.eye(4)
    same, mixed = np.full(4, 0.5, np.float32), np.array([0.5, 0.7, 0.5, 0.7], np.float32)
    assert hard_nms(overlap, same, threshold=0.5)[0].tolist() == [0, 1, 2, 3]
    assert soft_nms(overlap, mixed, sigma=0.5, threshold=0)[0].tolist() == [1, 3, 0, 2]


def test_a_narrow_gaussian_may_decay_to_nothing() -> None:
    found = detections([[0, 0, 9, 9], [0, 0, 9, 9], [1, 1, 9, 9]], [0.9, 0.8, 0.7], [0, 0, 0])
    kept = suppress(found, replace(DecoderParams(nms="soft"), nms_sigma=1e-6, nms_score=0.0))
    np.testing.assert_allclose(kept.scores, [0.9, 0, 0], atol=1e-30)
