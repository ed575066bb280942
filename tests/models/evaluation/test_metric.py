"""Every figure is the official one: pycocotools over all classes in the 294 layout is the oracle."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import coco_oracle
import numpy as np
import pytest
from deepfashion2_files import SCHEMA, coco_document, document, item, write_set

from deepmark.models.datasets.deepfashion2 import Annotation, open_dataset, read_annotation
from deepmark.models.datasets.drawings import annotation as drawn
from deepmark.models.datasets.drawings import sketch
from deepmark.models.evaluation.coco_file import save_results
from deepmark.models.evaluation.metric import AveragePrecision
from deepmark.models.evaluation.report import AccuracyReport, measure
from deepmark.models.evaluation.results import ClassResults, ResultsBuilder
from deepmark.models.evaluation.truth import Kind, Truth, collect_truth
from deepmark.runtime.arrays import F64

SIGMAS = [sigma for one in SCHEMA.classes for sigma in one.sigmas]
TOLERANCE = 1e-6


def read(content: object, image_id: int) -> Annotation:
    return read_annotation(json.dumps(content).encode(), image_id=image_id, source="", schema=SCHEMA, size=None)


@pytest.fixture(scope="module")
def drawings() -> Truth:
    """The labels of 60 scenes; every third landmark-rich item hides some of its landmarks."""
    annotations = [read(drawn.document(sketch(8, n, 256)[1], pair_id=n, shop=False), n) for n in range(1, 61)]
    return collect_truth(annotations, SCHEMA)


def disturbed(truth: Truth, seed: int, *, decimals: int = 6, copies: int = 2) -> tuple[ClassResults, ...]:
    """Each item found a few times, more or less well; some as the wrong class, some not at all."""
    rng, builder = np.random.default_rng(seed), ResultsBuilder(truth.schema)
    for index, one in enumerate(truth.classes):
        for row, image_id in enumerate(one.image_ids.tolist()):
            for _ in range(rng.integers(0, copies + 1)):
                noise = float(rng.choice([0.5, 2, 6, 20]))
                found = index if rng.random() < 0.8 else int(rng.integers(13))
                size = len(truth.schema.classes[found].groups)
                points = np.resize(one.keypoints[row, :, :2], (1, size, 2)) + rng.normal(0, noise, (1, size, 2))
                box = one.boxes[row : row + 1] + rng.normal(0, noise, (1, 4))
                box[:, 2:] = np.maximum(box[:, 2:], 1)
                score: F64 = np.clip(rng.normal(0.9 - noise / 30, 0.1, 1), 0, 1)
                score = np.round(score, decimals)
                builder.add(found, ClassResults(np.array([image_id]), score, box, points))
    return builder.build()


def official(truth: Truth, results: Sequence[ClassResults], kind: Kind, folder: Path) -> list[AveragePrecision | None]:
    """By class, from the very file that `save_results` writes."""
    save_results(folder / "found.json", results, SCHEMA)
    found = json.loads((folder / "found.json").read_text())
    by_class = np.moveaxis(coco_oracle.precision(coco_oracle.coco_document(truth), found, kind, SIGMAS), 2, 0)
    return [
        None if np.all(one == -1) else AveragePrecision(one.mean(), one[0].mean(), one[5].mean()) for one in by_class
    ]


def assert_close(found: AveragePrecision | None, expected: AveragePrecision | None) -> None:
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        for name in ("ap", "ap50", "ap75"):
            assert math.isclose(getattr(found, name), getattr(expected, name), rel_tol=0, abs_tol=TOLERANCE), name


def check(truth: Truth, results: Sequence[ClassResults], folder: Path) -> AccuracyReport:
    """Hold every class and both means to the oracle."""
    report = measure(truth, results)
    kinds: tuple[tuple[Kind, str], ...] = (("keypoints", "points"), ("bbox", "boxes"))
    for kind, field in kinds:
        expected = official(truth, results, kind, folder)
        for row, one in zip(report.classes, expected, strict=True):
            assert_close(getattr(row, field), one)
        present = [one.ap for one in expected if one is not None]
        whole = report.map_pt if kind == "keypoints" else report.map_box
        assert (whole is None) == (not present)
        if whole is not None:
            assert abs(whole.ap - np.mean(present)) < TOLERANCE
    return report


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_drawn_data_with_all_kinds_of_errors(drawings: Truth, seed: int, tmp_path: Path) -> None:
    report = check(drawings, disturbed(drawings, seed), tmp_path)

    assert report.map_pt is not None
    assert 0.02 < report.map_pt.ap < 0.9  # neither trivial nor saturated


def test_equal_scores_are_ranked_alike(drawings: Truth, tmp_path: Path) -> None:
    check(drawings, disturbed(drawings, 5, decimals=1, copies=4), tmp_path)


def test_no_detections_at_all_is_zero_and_not_nothing(drawings: Truth, tmp_path: Path) -> None:
    report = check(drawings, ResultsBuilder(SCHEMA).build(), tmp_path)

    assert report.map_pt == report.map_box == AveragePrecision(0, 0, 0)


def test_a_class_that_does_not_occur_is_left_out_of_the_mean(tmp_path: Path) -> None:
    truth = collect_truth([read(document(item(1)), 1), read(document(item(8)), 2)], SCHEMA)
    report = check(truth, disturbed(truth, 1, copies=6), tmp_path)

    assert [row.points is None for row in report.classes] == [index not in {0, 7} for index in range(13)]


def test_an_empty_data_set_has_no_figure(tmp_path: Path) -> None:
    truth = collect_truth([read(document(), 1)], SCHEMA)

    report = check(truth, ResultsBuilder(SCHEMA).build(), tmp_path)

    assert report.map_pt is None
    assert report.map_box is None


def exact(truth: Truth) -> tuple[ClassResults, ...]:
    """Everything found where it is, with scores that fall slowly."""
    builder = ResultsBuilder(truth.schema)
    for index, one in enumerate(truth.classes):
        if len(one.image_ids):
            scores = np.linspace(0.9, 0.5, len(one.image_ids))
            builder.add(index, ClassResults(one.image_ids, scores, one.boxes, one.keypoints[..., :2]))
    return builder.build()


def test_what_is_found_where_it_is_scores_one(drawings: Truth, tmp_path: Path) -> None:
    report = check(drawings, exact(drawings), tmp_path)

    assert report.map_pt is not None
    assert math.isclose(report.map_pt.ap, 1)


@pytest.mark.slow
@pytest.mark.parametrize("flag", [0, 1])
def test_items_without_a_visible_landmark(flag: int, tmp_path: Path) -> None:
    documents = [document(item(1, flag=flag), item(8)), document(item(1)), document(item(2, flag=flag))]
    truth = collect_truth([read(one, number) for number, one in enumerate(documents, 1)], SCHEMA)
    visible = Truth(truth.schema, truth.image_ids, tuple(one.visible_only() for one in truth.classes))

    for seed in range(4):
        for chosen in (truth, visible):
            check(chosen, disturbed(truth, seed, copies=5), tmp_path)
    assert measure(truth, exact(truth), visible_only=True).classes[1].points is None


@pytest.mark.parametrize("form", ["folder", "COCO file"])
def test_two_items_that_are_overlapped_alike_go_by_the_files_order(form: str, tmp_path: Path) -> None:
    """The official code lets the last of equals be found: the skirt of item1, here, which stands behind item2."""
    boxes = {"item2": [360, 300, 560, 600], "item1": [300, 300, 500, 600]}
    skirts = {"source": "user", "pair_id": 1} | {name: item(9, bounding_box=box) for name, box in boxes.items()}
    if form == "folder":
        labels = open_dataset(write_set(tmp_path, {1: skirts}, side=700))
    else:
        (tmp_path / "coco.json").write_text(json.dumps(coco_document({1: skirts}, side=700)))
        labels = open_dataset(tmp_path / "coco.json")
    truth = collect_truth(labels.read_all().annotations, SCHEMA)
    builder = ResultsBuilder(SCHEMA)
    for box, score in (([330, 300, 200, 300], 0.9), ([290, 300, 200, 300], 0.8)):
        builder.add(8, ClassResults(np.array([1]), np.array([score]), np.array([box], float), np.zeros((1, 8, 2))))

    report = check(truth, builder.build(), tmp_path)

    assert report.map_box is not None
    assert round(report.map_box.ap, 4) == 0.3535


@pytest.mark.parametrize("shift", [0, 100, 1000])
def test_an_item_without_labels_forgives_detections_as_the_294_landmarks_do(shift: float, tmp_path: Path) -> None:
    truth = collect_truth([read(document(item(1, flag=0)), 1), read(document(item(1)), 2)], SCHEMA)
    one = truth.classes[0]
    points = one.keypoints[..., :2] + np.array([shift, 0])[:, None, None]  # far away in the first picture only
    builder = ResultsBuilder(SCHEMA)
    builder.add(0, ClassResults(one.image_ids, np.array([0.9, 0.5]), one.boxes, points))

    check(truth, builder.build(), tmp_path)


def test_of_25_detections_in_a_picture_the_best_20_count_for_landmarks(tmp_path: Path) -> None:
    truth = collect_truth([read(document(item(1)), 1)], SCHEMA)
    one = truth.classes[0]
    reports = []
    for place in (19, 20):  # where the right one stands
        builder = ResultsBuilder(SCHEMA)
        for rank in range(25):
            shift = 0 if rank == place else 500
            points, box = one.keypoints[..., :2] + shift, one.boxes + np.array([shift, shift, 0, 0])
            builder.add(0, ClassResults(np.array([1]), np.array([0.9 - rank / 100]), box, points))
        reports.append(check(truth, builder.build(), tmp_path))

    assert [row.map_pt.ap50 > 0 for row in reports if row.map_pt] == [True, False]
    assert [row.map_box.ap50 > 0 for row in reports if row.map_box] == [True, True]


@pytest.mark.slow
def test_subsets_and_visible_only_are_the_oracles_with_the_others_as_crowd(drawings: Truth, tmp_path: Path) -> None:
    results = disturbed(drawings, 9)
    report = measure(drawings, results, subsets=True)
    assert report.overall is not None
    assert_close(report.overall.points, report.map_pt)
    assert_close(report.overall.boxes, report.map_box)
    assert_close(report.overall.points_visible, measure(drawings, results, visible_only=True).map_pt)
    assert len(report.subsets) == 12
    for attribute, value in (("scale", 3), ("viewpoint", 1), ("occlusion", 2)):
        chosen = tuple(one.only(attribute, value) for one in drawings.classes)
        part = Truth(SCHEMA, drawings.image_ids, chosen)
        position = ("scale", "occlusion", "zoom_in", "viewpoint").index(attribute) * 3 + value - 1
        found = report.subsets[position]
        assert found.attribute == attribute
        kinds: tuple[tuple[Kind, AveragePrecision | None], ...] = (("keypoints", found.points), ("bbox", found.boxes))
        for kind, precision in kinds:
            expected = [one.ap for one in official(part, results, kind, tmp_path) if one is not None]
            assert precision is not None
            assert abs(precision.ap - np.mean(expected)) < TOLERANCE
        seen = Truth(SCHEMA, drawings.image_ids, tuple(one.visible_only() for one in chosen))
        expected = [one.ap for one in official(seen, results, "keypoints", tmp_path) if one is not None]
        assert found.points_visible is not None
        assert abs(found.points_visible.ap - np.mean(expected)) < TOLERANCE


def test_the_twelve_subsets_part_the_items_by_each_attribute(drawings: Truth) -> None:
    report = measure(drawings, disturbed(drawings, 1), subsets=True)

    for start in range(0, 12, 3):
        assert sum(one.items for one in report.subsets[start : start + 3]) == report.items


def oks_passes(sigmas: float) -> float:
    """Share of the ten thresholds that a detection passes whose landmarks all are so many sigmas * sqrt(area) off."""
    truth = collect_truth([read(document(item(1)), 1)], SCHEMA)
    one = truth.classes[0]
    distance = sigmas * np.array(SCHEMA.classes[0].sigmas) * math.sqrt(one.boxes[0, 2] * one.boxes[0, 3])
    builder = ResultsBuilder(SCHEMA)
    points = one.keypoints[..., :2] + np.stack([distance, np.zeros_like(distance)], axis=-1)
    builder.add(0, ClassResults(np.array([1]), np.array([0.5]), one.boxes, points))
    precision = measure(truth, builder.build()).classes[0].points
    assert precision is not None
    return precision.ap


@pytest.mark.parametrize(("sigmas", "oks"), [(1, 0.8825), (2, 0.6065)])
def test_oks_at_one_and_two_sigmas_has_its_unit_values(sigmas: float, oks: float) -> None:
    assert math.isclose(math.exp(-(sigmas**2) / 8), oks, abs_tol=5e-5)
    assert math.isclose(oks_passes(sigmas), sum(threshold < oks for threshold in np.arange(0.5, 1, 0.05)) / 10)


@pytest.mark.parametrize("passed", range(1, 11))
def test_oks_crosses_every_threshold_where_its_formula_says(passed: int) -> None:
    threshold = 0.45 + 0.05 * passed
    above, below = (math.sqrt(-8 * math.log(threshold + step)) for step in (1e-6, -1e-6))

    assert math.isclose(oks_passes(above), passed / 10)
    assert math.isclose(oks_passes(below), (passed - 1) / 10)
