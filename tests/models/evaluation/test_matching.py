"""Which garment a detection stands for: pairs, confusion, and how well a picture went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools.cocoeval import COCOeval

from deepmark.models.evaluation import matching
from deepmark.models.evaluation.matching import ItemIndex, Match, agreement, confusion, match
from deepmark.models.evaluation.results import ClassResults, ResultsBuilder
from deepmark.models.evaluation.truth import ClassTruth, Truth
from deepmark.runtime.arrays import F64
from deepmark.runtime.keypoints.schema import KeypointSchema

SCHEMA = KeypointSchema.deepfashion2()
SKIRT, TROUSERS, SHORTS = 8, 7, 6
Box = tuple[float, float, float, float]
Garment = tuple[int, int, Box]  # image, class, box
Find = tuple[int, int, Box, float]  # likewise, and the score


def spread(class_index: int, box: Box) -> F64:
    count = len(SCHEMA.classes[class_index].groups)
    steps = np.linspace(0, 1, count)[:, None]
    points: F64 = np.array(box[:2]) + steps * np.array(box[2:])
    return points


def truth_of(garments: Sequence[Garment], images: Sequence[int] = (1, 2), flag: int = 2) -> Truth:
    classes = []
    for index, one in enumerate(SCHEMA.classes):
        own = [(image, box) for image, found, box in garments if found == index]
        flags = np.full((len(one.groups), 1), flag)
        keypoints = [np.hstack([spread(index, box), flags]) for _, box in own]
        classes.append(
            ClassTruth(
                image_ids=np.array([image for image, _ in own], np.int64),
                boxes=np.array([box for _, box in own], np.float64).reshape(-1, 4),
                areas=np.array([box[2] * box[3] for _, box in own], np.float64),
                keypoints=np.array(keypoints, np.float64).reshape(-1, len(one.groups), 3),
                attributes=np.zeros((len(own), 4), np.int8),
                ignored=np.zeros(len(own), np.bool_),
            )
        )
    return Truth(SCHEMA, tuple(images), tuple(classes))


def results_of(finds: Sequence[Find]) -> tuple[ClassResults, ...]:
    builder = ResultsBuilder(SCHEMA)
    for image, index, box, score in finds:
        points = spread(index, box)[None]
        builder.add(index, ClassResults(np.array([image]), np.array([score]), np.array([box]), points))
    return builder.build()


def test_the_best_detection_takes_the_garment_whatever_its_class() -> None:
    truth = truth_of([(1, SKIRT, (0, 0, 10, 10))])
    results = results_of([(1, SKIRT, (0, 0, 10, 10), 0.5), (1, SHORTS, (0, 0, 10, 11), 0.9)])

    pairs = match(truth, results)

    assert pairs == (Match(1, ItemIndex(SKIRT, 0), ItemIndex(SHORTS, 0)), Match(1, None, ItemIndex(SKIRT, 0)))
    counts = confusion(pairs, 13)
    assert counts[SKIRT, SHORTS] == counts[13, SKIRT] == 1
    assert counts.sum() == 2


def test_a_detection_takes_the_garment_that_it_overlaps_most() -> None:
    truth = truth_of([(1, SKIRT, (0, 0, 10, 10)), (1, TROUSERS, (2, 0, 10, 10))])

    pairs = match(truth, results_of([(1, SKIRT, (2, 0, 10, 10), 0.9)]))

    assert pairs == (Match(1, ItemIndex(TROUSERS, 0), ItemIndex(SKIRT, 0)), Match(1, ItemIndex(SKIRT, 0), None))


@pytest.mark.parametrize(
    ("image", "box", "score"),
    [(2, (0, 0, 10, 10), 0.9), (1, (0, 0, 10, 20.1), 0.9), (1, (0, 0, 10, 10), 0.29), (1, (50, 50, 9, 9), 0.9)],
)
def test_a_garment_is_missed_by_what_is_elsewhere_or_too_weak(image: int, box: Box, score: float) -> None:
    truth = truth_of([(1, SKIRT, (0, 0, 10, 10))])

    counts = confusion(match(truth, results_of([(image, SKIRT, box, score)])), 13)

    assert counts[SKIRT, 13] == 1
    assert counts[13, SKIRT] == (score >= 0.3)


def test_what_lies_in_a_crowd_is_no_mistake_and_a_crowd_is_not_missed() -> None:
    truth = truth_of([(1, SKIRT, (0, 0, 10, 10)), (1, SKIRT, (100, 100, 50, 50))])
    skirts = replace(truth.classes[SKIRT], ignored=np.array([False, True]))
    truth = replace(truth, classes=(*truth.classes[:SKIRT], skirts, *truth.classes[SKIRT + 1 :]))
    results = results_of([(1, SHORTS, (110, 110, 9, 9), 0.9), (1, SHORTS, (90, 90, 15, 15), 0.8)])

    counts = confusion(match(truth, results), 13)

    assert counts[SKIRT, 13] == 1  # the one garment that is to be found
    assert counts[13, SHORTS] == 1  # a quarter of it lies in the crowd
    assert counts.sum() == 2


def test_an_overlap_of_exactly_a_half_is_enough() -> None:
    pairs = match(truth_of([(1, SKIRT, (0, 0, 10, 10))]), results_of([(1, SKIRT, (0, 0, 10, 20), 0.3)]))

    assert pairs == (Match(1, ItemIndex(SKIRT, 0), ItemIndex(SKIRT, 0)),)


BOXES = st.tuples(*[st.integers(0, 6).map(float)] * 2, *[st.integers(1, 6).map(float)] * 2)


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.integers(1, 2), st.integers(6, 8), BOXES), max_size=6),
    st.lists(st.tuples(st.integers(1, 2), st.integers(6, 8), BOXES, st.floats(0, 1)), max_size=6),
)
def test_every_garment_and_every_detection_is_there_once(garments: list[Garment], finds: list[Find]) -> None:
    truth, results = truth_of(garments), results_of(finds)

    pairs = match(truth, results)

    expected = [pair.expected for pair in pairs if pair.expected is not None]
    found = [pair.found for pair in pairs if pair.found is not None]
    strong = [(at, row) for at, one in enumerate(results) for row in np.flatnonzero(one.scores >= 0.3).tolist()]
    assert sorted((one.class_index, one.row) for one in expected) == sorted(
        (at, row) for at, one in enumerate(truth.classes) for row in range(len(one.boxes))
    )
    assert sorted((one.class_index, one.row) for one in found) == sorted(strong)
    assert confusion(pairs, 13).sum() == len(pairs)
    assert all(0 <= value <= 1 for value in agreement(pairs, truth, results).values())


def test_agreement_is_one_where_all_is_found_and_sinks_with_every_mistake() -> None:
    skirt, trousers = (1, SKIRT, (0.0, 0.0, 10.0, 10.0)), (1, TROUSERS, (50.0, 0.0, 10.0, 10.0))
    truth = truth_of([skirt, trousers])
    right = [(*skirt, 0.9), (*trousers, 0.8)]

    def value(finds: Sequence[Find]) -> dict[int, float]:
        results = results_of(finds)
        return agreement(match(truth, results), truth, results)

    assert value(right) == {1: 1}
    assert value(right[:1]) == {1: 0.5}
    assert value([right[0], (1, SHORTS, trousers[2], 0.8)]) == {1: 0.5}
    assert value([*right, (1, SKIRT, (90, 90, 5, 5), 0.9)]) == {1: pytest.approx(2 / 3)}
    assert value([*right, (2, SKIRT, (90, 90, 5, 5), 0.9)]) == {1: 1, 2: 0}


def test_garments_without_a_labelled_landmark_do_not_count() -> None:
    truth, results = truth_of([(1, SKIRT, (0, 0, 10, 10))], flag=0), results_of([(1, SKIRT, (0, 0, 10, 10), 0.9)])

    assert agreement(match(truth, results), truth, results) == {}


def test_oks_is_cocos() -> None:
    rng = np.random.default_rng(1)
    sigmas = np.array(SCHEMA.classes[TROUSERS].sigmas)
    expected = np.hstack([rng.uniform(0, 80, (14, 2)), rng.integers(0, 3, (14, 1))])
    found = expected[:, :2] + rng.normal(0, 5, (14, 2))
    evaluation = COCOeval(iouType="keypoints")
    evaluation.params.kpt_oks_sigmas = sigmas
    garment = {"id": 1, "bbox": [0, 0, 80, 90], "area": 7200.0, "keypoints": expected.ravel().tolist()}
    detection = {"score": 1, "keypoints": np.hstack([found, np.ones((14, 1))]).ravel().tolist()}
    evaluation._gts[1, 8], evaluation._dts[1, 8] = [garment], [detection]

    assert matching._oks(expected, found, 7200.0, sigmas) == pytest.approx(
        float(evaluation.computeOks(1, 8)[0, 0]), abs=1e-12
    )
