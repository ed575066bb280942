"""The rule by which an object counts as kept, against the metric's own definitions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tiny import boxes_schema, tiny_schema

from deepmark.exporter.precision import agreement
from deepmark.exporter.precision.agreement import agree
from deepmark.runtime.detections import Detections

SCHEMA = tiny_schema()


def _found(*objects: tuple[int, float, tuple[float, float, float, float]], shift: float = 0.0) -> Detections:
    """Objects of (class, score, box), landmarks at the box's corners, all landmarks moved by ``shift``."""
    keypoints = []
    for class_id, _, box in objects:
        corners = np.array([box[:2], box[2:], (box[0], box[3])], np.float32) + np.float32(shift)
        keypoints.append(corners[: len(SCHEMA.groups[class_id])])
    scores = np.array([score for _, score, _ in objects], np.float32)
    return Detections(
        class_ids=np.array([class_id for class_id, _, _ in objects], np.int64),
        scores=scores,
        box_scores=scores,
        boxes=np.array([box for _, _, box in objects], np.float32).reshape(-1, 4),
        keypoints=tuple(keypoints),
        keypoint_scores=tuple(np.ones(len(points), np.float32) for points in keypoints),
        refined=tuple(np.ones(len(points), bool) for points in keypoints),
        keypoints_score=scores,
    )


def test_boxes_without_landmarks_are_judged_by_their_overlap() -> None:
    def boxes(*x: float) -> Detections:
        found = _found(*((0, 0.6, (at, 2.0, at + 10, 12.0)) for at in x))
        return replace(found, keypoints=(np.empty((0, 2), np.float32),) * len(x))

    one = agree(boxes(2.0, 30.0), boxes(3.0, 34.0), boxes_schema(), top_k=10)  # IoU 9/11 and 6/14
    assert (one.objects, one.kept, one.landmark_errors) == (4, 2, ())
    assert max(one.box_errors) == 1


SHIRT = (0, 0.6, (2.0, 2.0, 12.0, 14.0))
SKIRT = (1, 0.4, (3.0, 14.0, 13.0, 24.0))


def test_the_same_objects_are_kept_whatever_their_order_and_scores() -> None:
    found = agree(_found(SHIRT, SKIRT), _found((1, 0.3, SKIRT[2]), (0, 0.2, SHIRT[2])), SCHEMA, top_k=10)
    assert (found.objects, found.kept) == (4, 4)
    assert max(found.landmark_errors) == max(found.box_errors) == 0


def test_a_lost_and_an_invented_object_count_both() -> None:
    found = agree(_found(SHIRT), _found(SKIRT), SCHEMA, top_k=10)
    assert (found.objects, found.kept) == (2, 0)
    assert found.landmark_errors == ()


def test_another_class_is_another_object() -> None:
    assert agree(_found(SHIRT), _found((1, 0.6, SHIRT[2])), SCHEMA, top_k=10).kept == 0


def test_weak_objects_are_not_asked_for_but_may_be_partners() -> None:
    weak = (0, 0.05, SHIRT[2])
    assert agree(_found(weak), _found(), SCHEMA, top_k=10).objects == 0
    found = agree(_found(SHIRT), _found(weak), SCHEMA, top_k=10)
    assert (found.objects, found.kept) == (1, 1)


def test_what_nobody_would_see_beyond_top_k_is_not_asked_for() -> None:
    assert agree(_found(SHIRT, SKIRT), _found(), SCHEMA, top_k=1).objects == 1


def test_landmarks_that_moved_far_break_an_object_that_stayed_in_place() -> None:
    reference = _found(SHIRT)
    assert agree(reference, _found(SHIRT, shift=0.5), SCHEMA, top_k=10).kept == 2
    assert agree(reference, _found(SHIRT, shift=2.0), SCHEMA, top_k=10).kept == 0


def test_a_box_that_shrank_breaks_it_too() -> None:
    half = replace(_found(SHIRT), boxes=np.array([[2, 2, 12, 8]], np.float32))
    assert agree(_found(SHIRT), half, SCHEMA, top_k=10).kept == 0


def test_nothing_beside_nothing_is_nothing() -> None:
    found = agree(_found(), _found(), SCHEMA, top_k=10)
    assert (found.objects, found.kept) == (0, 0)


def test_oks_is_cocos() -> None:
    """As pycocotools computes it, written out: area of the box, var = (2 sigma)^2, mean over the landmarks."""
    points, others = np.array([[1, 2], [5, 6]], np.float32), np.array([[[1, 3], [5, 6]]], np.float32)
    box, sigmas = np.array([0, 0, 4, 9], np.float32), np.array([0.1, 0.2])
    expected = (np.exp(-1 / (2 * 36 * 0.04)) + 1) / 2
    assert agreement._oks(points, others, box, sigmas) == pytest.approx([expected])
