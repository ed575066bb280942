"""Targets against CenterNet's own loops, and the properties that they are made for."""

from __future__ import annotations

import numpy as np
import pytest
from centernet_targets import MAX_OBJECTS, loop_targets
from hypothesis import given, settings
from hypothesis import strategies as st

from deepmark.models.training.targets import TargetGarment, Targets, draw_gaussian, gaussian_radius, make_targets
from deepmark.runtime.keypoints.schema import KeypointSchema

SCHEMA = KeypointSchema.deepfashion2(62)
RES = 24


def _garment(rng: np.random.Generator, class_id: int) -> TargetGarment:
    corners = np.sort(rng.uniform(-6, RES + 6, (2, 2)), axis=0).astype(np.float32)
    count = len(SCHEMA.groups[class_id])
    landmarks = np.column_stack([rng.uniform(-3, RES + 3, (count, 2)), rng.integers(0, 3, count)])
    return TargetGarment(class_id, corners.reshape(4), landmarks.astype(np.float32))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.integers(0, 12), max_size=4))
def test_targets_are_those_of_centernets_loops(seed: int, classes: list[int]) -> None:
    rng = np.random.default_rng(seed)
    garments = [_garment(rng, class_id) for class_id in classes]

    expected = loop_targets(garments, SCHEMA.groups, SCHEMA.num_groups, RES)
    found = make_targets(garments, SCHEMA, (RES, RES))

    np.testing.assert_allclose(found.hm, expected["hm"], rtol=0, atol=1e-7)
    np.testing.assert_allclose(found.hm_hp, expected["hm_hp"], rtol=0, atol=1e-7)
    objects = expected["reg_mask"] == 1
    np.testing.assert_array_equal(found.centres @ [1, RES], expected["ind"][objects])
    for name in ("wh", "reg", "hps"):
        np.testing.assert_array_equal(getattr(found, name), expected[name][objects])
    np.testing.assert_array_equal(found.hps_known, expected["hps_mask"][objects] == 1)
    _same_landmarks(found, expected)


def _same_landmarks(found: Targets, expected: dict[str, np.ndarray]) -> None:
    """The loops list landmarks by group, we by the class's own order: compare them as sets."""
    known = expected["hp_mask"] == 1
    theirs = np.column_stack([expected["hp_ind"][known], expected["hp_offset"][known]])
    ours = np.column_stack([found.landmarks @ [1, RES], found.hp_offset])
    assert sorted(map(tuple, ours.tolist())) == sorted(map(tuple, theirs.tolist()))


def test_the_loops_had_room_for_all_objects() -> None:
    assert MAX_OBJECTS >= 4


def test_two_garments_share_the_channels_of_their_common_groups() -> None:
    top, dress = 0, 9
    shared = set(SCHEMA.groups[top]) & set(SCHEMA.groups[dress])
    garments = [
        TargetGarment(
            c, np.array([4, 4, 9, 14], np.float32) + 8 * n, np.full((len(SCHEMA.groups[c]), 3), 6.5 + 8 * n, "f4")
        )
        for n, c in enumerate((top, dress))
    ]
    targets = make_targets(garments, SCHEMA, (RES, RES))
    assert shared
    for group in shared:
        assert np.argwhere(targets.hm_hp[group] == 1).tolist() == [[6, 6], [14, 14]]


def test_occluded_landmarks_are_trained_like_visible_ones_and_unlabelled_ones_are_not() -> None:
    landmarks = np.zeros((len(SCHEMA.groups[7]), 3), np.float32)
    landmarks[:3] = [[5, 5, 1], [6, 6, 2], [7, 7, 0]]
    targets = make_targets([TargetGarment(7, np.array([2, 2, 12, 12], np.float32), landmarks)], SCHEMA, (RES, RES))
    known = [group for group in range(62) if targets.hps_known[0, 2 * group]]
    assert known == sorted(SCHEMA.groups[7][:2])
    assert targets.landmarks.tolist() == [[5, 5], [6, 6]]


def test_a_map_need_not_be_square() -> None:
    landmarks = np.zeros((len(SCHEMA.groups[0]), 3), np.float32)
    landmarks[0] = [29.5, 3, 2]
    targets = make_targets([TargetGarment(0, np.array([20, 2, 40, 20], np.float32), landmarks)], SCHEMA, (16, 32))
    assert targets.hm.shape == (13, 16, 32)
    assert targets.wh.tolist() == [[11, 13]]
    assert targets.landmarks.tolist() == [[29, 3]]


@given(st.integers(1, 200), st.integers(1, 200))
def test_corners_moved_by_the_radius_keep_the_overlap(height: int, width: int) -> None:
    r = gaussian_radius(height, width)
    assert r >= 0
    area = height * width
    shifted = (height - r) * (width - r)
    assert shifted / (2 * area - shifted) >= 0.7 - 1e-9
    assert (height - 2 * r) * (width - 2 * r) / area >= 0.7 - 1e-9
    assert area / ((height + 2 * r) * (width + 2 * r)) >= 0.7 - 1e-9


@pytest.mark.parametrize("cell", [(0, 0), (9, 5), (4, 3)])
def test_a_gaussian_never_lowers_a_map(cell: tuple[int, int]) -> None:
    heatmap = np.full((6, 10), 0.5, np.float32)
    draw_gaussian(heatmap, *cell, 4)
    assert heatmap.min() == 0.5
    assert heatmap[cell[1], cell[0]] == 1
