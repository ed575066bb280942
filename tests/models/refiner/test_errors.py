"""Synthesised errors: the shares of PoseFix's own draws, and what garments have instead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from deepmark.models.refiner.errors import PoseTruth, error_shares, oks_radius, synthesise
from deepmark.runtime.arrays import F64
from deepmark.runtime.keypoints.schema import KeypointSchema

DRAWS = 1500
PERSON = KeypointSchema.coco_person().classes[0]


def _case(golden: dict[str, Any], name: str) -> tuple[PoseTruth, int]:
    joints, near = golden[f"synth_{name}_joints"], golden[f"synth_{name}_near"]
    labelled = joints[:, 2] > 0
    truth = PoseTruth(
        points=np.where(labelled[:, None], joints[:, :2], golden[f"synth_{name}_estimated"][:, :2]),
        labelled=labelled,
        partner=np.array(PERSON.mirror),
        neighbours=near[..., :2],
        known=near[..., 2] > 0,
        sigmas=np.array(PERSON.sigmas),
        area=float(golden[f"synth_{name}_area"]),
    )
    return truth, int(golden[f"synth_{name}_overlap"])


def _shares(points: F64, truth: PoseTruth) -> F64:
    """Shares (3, P) of good landmarks, jittered ones, and those beyond."""
    distance = np.sqrt(np.square(points - truth.points).sum(axis=2))
    good, jitter = oks_radius(0.85, truth), oks_radius(0.5, truth)
    return np.stack(
        [(distance <= good).mean(0), ((distance > good) & (distance <= jitter)).mean(0), (distance > jitter).mean(0)]
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alone", "crowd", "few"])
def test_shares_of_errors_are_posefix_s(golden: dict[str, Any], name: str) -> None:
    truth, overlap = _case(golden, name)
    shares = error_shares(PERSON, int(truth.labelled.sum()), overlap)
    rng = np.random.default_rng(3)

    ours = np.stack([synthesise(rng, truth, shares) for _ in range(DRAWS)])

    theirs = golden[f"synth_{name}_samples"].astype(np.float64)
    difference = np.abs(_shares(ours, truth) - _shares(theirs, truth))
    assert np.sort(difference.ravel())[-3] < 0.04  # of 51; chance alone brings one of some hundred beyond it
    assert difference.max() < 0.06
    assert np.abs((_shares(ours, truth) - _shares(theirs, truth)).mean(axis=1)).max() < 0.01


def _pose(points: F64, *, neighbours: F64 | None = None, area: float = 400.0) -> PoseTruth:
    count = len(points)
    near = np.zeros((0, count, 2)) if neighbours is None else neighbours
    return PoseTruth(
        points=points,
        labelled=np.ones(count, np.bool_),
        partner=np.arange(count),
        neighbours=near,
        known=np.ones(near.shape[:2], np.bool_),
        sigmas=np.full(count, 0.05),
        area=area,
    )


def test_equal_chance_gives_equal_errors() -> None:
    truth = _pose(np.array([[10.0, 10.0], [80.0, 30.0]]))
    shares = error_shares(KeypointSchema.deepfashion2().classes[0], 2, 0)

    one, other = (synthesise(np.random.default_rng(5), truth, shares) for _ in range(2))

    np.testing.assert_array_equal(one, other)


def test_errors_reach_as_far_as_a_miss_and_no_farther() -> None:
    truth = _pose(np.array([[10.0, 10.0], [300.0, 30.0]]))
    shares = error_shares(KeypointSchema.deepfashion2().classes[0], 2, 0)
    rng = np.random.default_rng(5)

    distance = np.stack([np.linalg.norm(synthesise(rng, truth, shares) - truth.points, axis=1) for _ in range(300)])

    farthest = oks_radius(0.1, truth)
    assert (distance <= farthest).all()
    assert (distance.max(axis=0) > 0.8 * farthest).all()


def test_a_swapped_landmark_lies_at_the_neighbour_s() -> None:
    neighbour = np.array([[[200.0, 10.0], [200.0, 300.0]]])
    truth = _pose(np.array([[10.0, 10.0], [10.0, 300.0]]), neighbours=neighbour)
    shares = error_shares(KeypointSchema.deepfashion2().classes[0], 24, 1)
    rng = np.random.default_rng(5)

    found = np.stack([synthesise(rng, truth, shares) for _ in range(600)])

    at_neighbour = np.linalg.norm(found - neighbour, axis=2) <= oks_radius(0.5, truth)
    assert 0.10 < at_neighbour.mean() < 0.20


def test_garments_have_shares_by_how_many_landmarks_are_labelled_and_by_neighbours() -> None:
    skirt = KeypointSchema.deepfashion2().classes[8]  # 8 landmarks
    full, some, few = (error_shares(skirt, labelled, 0) for labelled in (8, 4, 2))

    assert [float(one.jitter[0]) for one in (full, some, few)] == [0.15, 0.20, 0.20]
    assert [float(one.miss[0]) for one in (full, some, few)] == [0.05, 0.13, 0.20]
    assert full.inversion.tolist() == [0.05] * 8
    assert (full.swap[0], error_shares(skirt, 8, 1).swap[0]) == (0.06, 0.15)


def test_persons_have_shares_by_part_of_the_body() -> None:
    full, crowded = error_shares(PERSON, 17, 0), error_shares(PERSON, 10, 1)

    assert full.jitter.tolist() == [0.10] + [0.15] * 10 + [0.20] * 2 + [0.10] * 4
    np.testing.assert_allclose(crowded.jitter, [0.15] + [0.20] * 10 + [0.25] * 2 + [0.15] * 4)
    assert full.miss.tolist() == [0.02] * 5 + [0.05] * 2 + [0.10] * 8 + [0.05] * 2
    assert full.inversion.tolist() == [0.01] * 5 + [0.03] * 6 + [0.06] * 6
    assert full.swap.tolist() == [0.01] * 5 + [0.06] * 6 + [0.03] * 6
    assert crowded.swap.tolist() == [0.02] * 5 + [0.15] * 6 + [0.10] * 6
