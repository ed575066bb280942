"""COCO's own files: every figure is pycocotools', and what is wrong is named in words."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import coco_oracle
import numpy as np
import pytest
from coco_files import CATEGORY_IDS, NAMES, folder_of, objects, persons
from outcome import Deepmark
from small_models import deepfashion2_bundle

from deepmark.models.evaluation.coco_figures import coco_figures
from deepmark.models.evaluation.metric import ClassMetric
from deepmark.models.evaluation.results import ResultsBuilder
from deepmark.models.evaluation.truth import Kind, collect_truth
from deepmark.runtime.keypoints.schema import KeypointSchema

Document = dict[str, Any]


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def evaluate(deepmark: Deepmark, tmp_path: Path) -> Callable[[Document, list[Document]], Document]:
    """``deepmark eval`` of detections in a file, as JSON."""

    def run(labels: Document, found: list[Document]) -> Document:
        files = write(tmp_path / "labels.json", labels), write(tmp_path / "found.json", found)
        outcome = deepmark("eval", "--annotations", files[0], "--detections", files[1], "--json")
        assert outcome.code == 0, outcome.err
        document: Document = json.loads(outcome.out)
        return document

    return run


def assert_official(report: Document, kind: Kind, labels: Document, found: list[Document]) -> None:
    """Require pycocotools' figures to nine digits."""
    expected = coco_oracle.figures(copy.deepcopy(labels), found, kind)
    ours = [-1 if one is None else one for one in report["accuracy"]["coco"][kind].values()]
    assert len(ours) == {"keypoints": 10, "bbox": 12}[kind]
    assert ours == pytest.approx(expected, rel=0, abs=1e-9)
    assert report["mAP_pt" if kind == "keypoints" else "mAP_box"] == pytest.approx(expected[0], rel=0, abs=1e-9)
    assert report["metric"] == "COCO"


@pytest.mark.parametrize("seed", range(4))
def test_persons_have_pycocotools_figures(evaluate: Callable[[Document, list[Document]], Document], seed: int) -> None:
    labels, found = persons(seed)
    report = evaluate(labels, found)

    assert_official(report, "keypoints", labels, found)
    assert_official(report, "bbox", labels, found)
    assert 0.02 < report["mAP_pt"] < 0.9  # neither trivial nor saturated
    assert report["accuracy"]["items"] == sum(not one["iscrowd"] for one in labels["annotations"])


def test_the_files_hold_what_makes_the_metric_hard() -> None:
    labels, found = persons(0)
    entries = labels["annotations"]

    assert any(one["iscrowd"] for one in entries)
    assert any(not one["iscrowd"] and not one["num_keypoints"] for one in entries)
    for low, high in ((0, 32**2), (32**2, 96**2), (96**2, 1e10)):
        assert any(low <= one["area"] < high for one in entries)
    per_picture = np.unique([one["image_id"] for one in found], return_counts=True)[1]
    assert per_picture.max() > 20
    assert len({one["score"] for one in found}) < len(found)  # equal scores


def test_landmarks_alone_have_their_extent_for_area(
    evaluate: Callable[[Document, list[Document]], Document],
) -> None:
    labels, found = persons(5)
    bare = [{name: value for name, value in one.items() if name != "bbox"} for one in found]
    report = evaluate(labels, bare)

    assert_official(report, "keypoints", labels, bare)
    assert report["mAP_box"] is None


@pytest.mark.parametrize("seed", range(3))
def test_eighty_categories_with_their_sparse_numbers_have_pycocotools_figures(
    evaluate: Callable[[Document, list[Document]], Document], seed: int
) -> None:
    labels, found = objects(seed)
    report = evaluate(labels, found)

    assert_official(report, "bbox", labels, found)
    assert report["mAP_pt"] is None
    assert [one["name"] for one in report["accuracy"]["classes"]] == list(KeypointSchema.coco().class_names)
    assert {one["category_id"] for one in found} - set(range(1, 81))  # numbers beyond 80 are in the files


def test_categories_of_ones_own_are_evaluated_alike(
    evaluate: Callable[[Document, list[Document]], Document],
) -> None:
    labels, found = objects(9, names=("bolt", "nut", "washer"))
    found = [one for one in found if one["category_id"] in {1, 2, 3}]
    labels["annotations"] = [one for one in labels["annotations"] if one["category_id"] in {1, 2, 3}]

    assert_official(evaluate(labels, found), "bbox", labels, found)


def test_nothing_found_is_zero_and_nothing_to_be_found_is_nothing(
    evaluate: Callable[[Document, list[Document]], Document],
) -> None:
    labels, found = persons(1)

    assert_official(evaluate(labels, []), "keypoints", labels, [])
    empty = evaluate(labels | {"annotations": []}, found)
    assert empty["mAP_pt"] is empty["mAP_box"] is None
    assert set(empty["accuracy"]["coco"]["keypoints"].values()) == {None}


def test_figures_of_no_detections_have_cocos_names() -> None:
    schema = KeypointSchema.coco_person()
    (none,) = ResultsBuilder(schema).build()
    metric = ClassMetric(none, np.zeros(0, np.int64), 0, schema)
    found = metric.evaluate(collect_truth([], schema).classes[0], ("keypoints", "bbox"))

    assert " ".join(coco_figures("keypoints", [found["keypoints"]])) == "AP AP50 AP75 APm APl AR AR50 AR75 ARm ARl"
    names = "AP AP50 AP75 APs APm APl AR1 AR10 AR100 ARs ARm ARl"
    assert " ".join(coco_figures("bbox", [found["bbox"]])) == names


@pytest.fixture(scope="module")
def person_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that finds persons with 17 landmarks."""
    return deepfashion2_bundle(tmp_path_factory.mktemp("person"), KeypointSchema.coco_person())


@pytest.fixture(scope="module")
def boxes_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that finds boxes of COCO's 80 classes."""
    return deepfashion2_bundle(tmp_path_factory.mktemp("boxes"), KeypointSchema.coco())


@pytest.mark.parametrize("kind", ["keypoints", "bbox"])
def test_a_bundle_is_run_on_cocos_pictures_and_what_it_saves_is_a_result_file(
    deepmark: Deepmark, kind: Kind, person_bundle: Path, boxes_bundle: Path, tmp_path: Path
) -> None:
    made, name = (persons, "person_keypoints_val2017.json") if kind == "keypoints" else (objects, "instances.json")
    bundle, saved = person_bundle if kind == "keypoints" else boxes_bundle, tmp_path / "saved.json"
    annotations, images = folder_of(made(2, 6)[0], tmp_path, name)
    request = ("eval", bundle, "--images", images, "--annotations", annotations)

    outcome = deepmark(*request, "--save", saved, "--json")

    assert outcome.code == 0, outcome.err
    found = json.loads(saved.read_text())
    assert found
    assert {one["category_id"] for one in found} <= ({1} if kind == "keypoints" else set(CATEGORY_IDS))
    assert all(len(one.get("keypoints", ())) == (51 if kind == "keypoints" else 0) for one in found)
    assert_official(json.loads(outcome.out), kind, json.loads(annotations.read_text()), found)
    printed = deepmark(*request)
    assert f"COCO's figures for {'landmarks' if kind == 'keypoints' else 'boxes'}" in printed.err
    assert "COCO's metric: mAP_pt" in printed.err


def test_a_model_of_boxes_is_not_asked_for_what_belongs_to_landmarks(
    deepmark: Deepmark, boxes_bundle: Path, tmp_path: Path
) -> None:
    labels, pictures = folder_of(objects(2, 3)[0], tmp_path, "instances.json")
    data = (boxes_bundle, "--images", pictures, "--annotations", labels)

    for words in (("--techniques", "1,2"), ("--techniques", "all"), ("--table", "2")):
        deepmark("eval", *data, *words).assert_refused(2, "has no use for technique 1", "it finds boxes only")
    blurred = deepmark("eval", *data, "--techniques", "2", "--json")
    assert json.loads(blurred.out)["decoder"]["sigma_center"] == 0.45
    deepmark("tune", *data, "--map", tmp_path / "map.png").assert_refused(2, "both sigmas", "labels boxes only")
    deepmark("tune", *data, "--techniques", "1,2").assert_refused(2, "has no use for technique 1")
    found = deepmark("tune", *data, "--step", ".5", "--json")
    assert found.code == 0, found.err
    search = json.loads(found.out)["search"]
    assert [sweep["parameter"] for sweep in search["sweeps"]] == ["sigma_center"]
    trials = search["sweeps"][0]["trials"]
    assert [trial["value"] for trial in trials] == [0, 0.45, 0.5, 1]  # the grid, and what the bundle has
    assert all(trial["map_pt"] is None and 0 <= trial["map_box"] <= 1 for trial in trials)
    assert search["over_start"]["points"] is None
    printed = deepmark("tune", *data, "--step", ".5")
    assert "sigma_center" in printed.err


def test_landmarks_and_boxes_are_not_taken_for_each_other(
    deepmark: Deepmark, person_bundle: Path, boxes_bundle: Path, small_bundle: Path, tmp_path: Path
) -> None:
    labels, pictures = folder_of(persons(2, 3)[0], tmp_path / "persons", "person_keypoints.json")
    instances, others = folder_of(objects(2, 3)[0], tmp_path / "objects", "instances.json")

    for bundle, file, images, words in (
        (boxes_bundle, labels, pictures, ["80 classes", "has 1", "instances_*.json"]),
        (person_bundle, instances, others, ["finds 1 class (", "has 80", "person_keypoints_*.json"]),
        (small_bundle, labels, pictures, ["13 classes", "has 1", "coco-person-17"]),
    ):
        deepmark("eval", bundle, "--images", images, "--annotations", file).assert_refused(1, *words)


def change(document: Document, **changes: Any) -> Document:
    changed = copy.deepcopy(document)
    changed["annotations"][0] |= changes
    return changed


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_keypoints": 1}, ["annotations[0].num_keypoints must be the number of landmarks with v > 0"]),
        ({"keypoints": [0] * 50}, ["annotations[0].keypoints must hold 51 numbers", "found 50"]),
        ({"keypoints": [1, 1, 3] + [0] * 48}, ["v of landmark 1, must be 0, 1 or 2"]),
        ({"category_id": 2}, ["annotations[0].category_id 2 is not among the categories"]),
        ({"iscrowd": 2}, ["annotations[0].iscrowd"]),
        ({"area": None}, ["annotations[0].area"]),
        ({"area": -1}, ["annotations[0]", "area must not be negative"]),
        ({"bbox": [1, 1, -3, 4]}, ["annotations[0]", "bbox (x, y, width, height)", "must not be negative"]),
        ({"bbox": [900, 1, 30, 40]}, ["annotations[0].bbox lies outside the picture of 400x400"]),
        ({"bbox": [300, 1, 120, 40]}, ["annotations[0].bbox lies outside the picture of 400x400"]),
        ({"image_id": 5}, ["annotations[0].image_id 5 is not among the images"]),
    ],
)
def test_faulty_labels_are_named(deepmark: Deepmark, changes: Document, words: list[str], tmp_path: Path) -> None:
    labels, found = persons(3, 4)
    files = write(tmp_path / "labels.json", change(labels, **changes)), write(tmp_path / "found.json", found)

    outcome = deepmark("eval", "--annotations", files[0], "--detections", files[1])

    outcome.assert_refused(1, *words, "--skip-bad")


@pytest.mark.parametrize("bbox", [[300, 1, 107, 40], [-7, 1, 40, 40], [400, 1, 0, 0]])
def test_boxes_that_reach_a_little_beyond_their_picture_and_empty_ones_are_read(
    deepmark: Deepmark, bbox: list[int], tmp_path: Path
) -> None:
    labels, found = persons(3, 4)
    files = write(tmp_path / "labels.json", change(labels, bbox=bbox)), write(tmp_path / "found.json", found)

    assert deepmark("eval", "--annotations", files[0], "--detections", files[1]).code == 0


@pytest.mark.parametrize(
    ("categories", "words"),
    [
        ([{"id": 1, "name": "person", "keypoints": list(NAMES[:14])}], ["COCO's 17 keypoints, found 14"]),
        ([{"id": 1, "name": "person", "keypoints": [*NAMES[1:], NAMES[0]]}], ["keypoint 1 of a person must be 'nose'"]),
        ([{"id": 1, "name": "person"}, {"id": 2, "name": "horse"}], ["a category that is no person: 'horse'"]),
        ([{"id": 1, "name": "person"}, {"id": 1, "name": "cat"}], ["categories[1].id is 1, as that of a category"]),
        ([{"id": 1}], ["categories[0].name is missing"]),
        ([], ["categories is empty"]),
    ],
)
def test_categories_that_are_not_cocos_are_named(
    deepmark: Deepmark, categories: list[Document], words: list[str], tmp_path: Path
) -> None:
    labels, found = persons(3, 4)
    files = write(tmp_path / "labels.json", labels | {"categories": categories}), write(tmp_path / "found.json", found)

    deepmark("eval", "--annotations", files[0], "--detections", files[1]).assert_refused(1, "labels.json", *words)


@pytest.mark.parametrize(
    ("made", "changes", "words"),
    [
        (persons, {"keypoints": [1.0] * 54}, ["detection 0", "must hold 51 numbers", "found 54", "hint:"]),
        (persons, {"category_id": 2}, ["detection 0", "category_id must be 1 (person), found 2", "hint:"]),
        (persons, {"image_id": 1}, ["detection 0", "image_id 1 is no picture of the data set", "hint:"]),
        (objects, {"category_id": 12}, ["category_id must be one of the 80", "between 1 and 90, found 12", "hint:"]),
        (objects, {"keypoints": [1.0] * 51}, ["keypoints, but the data set has boxes alone", "person_keypoints_*"]),
        (objects, {"bbox": [1, 2, 3]}, ["detection 0", "bbox must be x, y, width, height"]),
    ],
)
def test_faulty_result_files_are_named(
    deepmark: Deepmark,
    made: Callable[[int, int], tuple[Document, list[Document]]],
    changes: Document,
    words: list[str],
    tmp_path: Path,
) -> None:
    labels, found = made(3, 4)
    found[0] |= changes
    files = write(tmp_path / "labels.json", labels), write(tmp_path / "found.json", found)

    deepmark("eval", "--annotations", files[0], "--detections", files[1]).assert_refused(1, "found.json", *words)


def test_an_empty_box_of_cocos_is_no_fault(evaluate: Callable[[Document, list[Document]], Document]) -> None:
    labels, found = objects(4)
    labels["annotations"][0] |= {"bbox": [10, 20, 0, 5], "area": 0, "iscrowd": 0}

    assert_official(evaluate(labels, found), "bbox", labels, found)


def test_boxes_of_garments_are_classes_of_ones_own(evaluate: Callable[[Document, list[Document]], Document]) -> None:
    labels, found = objects(6, 8, ("skirt", "hat", "shorts"))  # two are DeepFashion2's, under other numbers

    assert_official(evaluate(labels, found), "bbox", labels, found)


def test_truth_values_for_crowds_and_empty_lists_of_points_are_boxes(
    evaluate: Callable[[Document, list[Document]], Document],
) -> None:
    """Tools other than COCO's write them beside boxes."""
    labels, found = objects(4)
    for one in labels["annotations"]:
        one |= {"iscrowd": bool(one["iscrowd"]), "keypoints": [], "num_keypoints": 0}

    assert_official(evaluate(labels, found), "bbox", labels, found)
