"""Detections in the official formats: every figure is plain pycocotools', and what is wrong is named in words."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import coco_oracle
import numpy as np
import pytest
from deepfashion2_files import SCHEMA, coco_document, document, item, write_set
from outcome import Deepmark

from deepmark.errors import DataError
from deepmark.models.datasets.deepfashion2 import open_dataset
from deepmark.models.evaluation.detection_files import load_detections
from deepmark.models.evaluation.landmark_layout import class_ranges
from deepmark.models.evaluation.metric import AveragePrecision
from deepmark.models.evaluation.report import AccuracyReport, measure
from deepmark.models.evaluation.truth import KINDS, Kind, Truth, collect_truth

Document = dict[str, Any]
SIGMAS = [sigma for one in SCHEMA.classes for sigma in one.sigmas]
RANGES = class_ranges(SCHEMA)


def write(path: Path, content: object) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def filled(category_id: int, *, place: float = 40, own: Sequence[float] | None = None) -> list[float]:
    """All 294 landmarks at a place, as the official example has them; those of the class as `item` has them."""
    points = [place, place, 1] * SCHEMA.num_landmarks
    ours = RANGES[category_id - 1]
    points[3 * ours.start : 3 * ours.stop] = item(category_id)["landmarks"] if own is None else own
    return points


def landmarks(image_id: int, category_id: int, score: float, **changes: Any) -> Document:
    """A detection in the official format of landmarks: the garment of `item`."""
    found = {"image_id": image_id, "category_id": category_id, "keypoints": filled(category_id), "score": score}
    return found | changes


def box(image_id: int, category_id: int, score: float, **changes: Any) -> Document:
    """A detection in the official format of boxes: the garment of `item`."""
    return {"image_id": image_id, "category_id": category_id, "bbox": [20, 20, 40, 40], "score": score} | changes


def truth_of(folder: Path, content: Document) -> Truth:
    return collect_truth(open_dataset(write(folder / "truth.json", content)).read_all().annotations, SCHEMA)


def evaluate(truth: Truth, *files: Path, visible_only: bool = False) -> AccuracyReport:
    found = load_detections(files, truth)
    results = found.points or found.boxes
    assert results is not None
    kinds = tuple(kind for kind, one in zip(KINDS, (found.points, found.boxes), strict=True) if one is not None)
    others = found.boxes if found.points is not None and found.boxes is not found.points else None
    return measure(truth, results, kinds=kinds, box_results=others, visible_only=visible_only)


def ap(one: AveragePrecision | None) -> float | None:
    return None if one is None else one.ap


@pytest.mark.parametrize(("flag", "visible_only"), [(0, False), (1, True)])
def test_a_garment_without_labels_forgives_by_all_294_landmarks_of_a_detection(
    flag: int, visible_only: bool, tmp_path: Path
) -> None:
    first = item(1, flag=flag, bounding_box=[300, 300, 400, 400], landmarks=[350, 350, flag] * 25)
    truth = truth_of(tmp_path, coco_document({1: document(first), 2: document(item(1))}, side=500))

    def figure(place: float) -> float | None:
        keypoints = filled(1, place=place, own=[350, 350, 1] * 25)
        found = [landmarks(1, 1, 0.9, keypoints=keypoints), landmarks(2, 1, 0.8)]
        return ap(evaluate(truth, write(tmp_path / "found.json", found), visible_only=visible_only).map_pt)

    assert figure(350) == pytest.approx(1)
    assert figure(0) == pytest.approx(0.5)  # 269 of 294 lie outside the box with its size added on each side


@pytest.mark.slow
def test_landmarks_give_map_pt_boxes_give_map_box_and_two_files_give_both(deepmark: Deepmark, tmp_path: Path) -> None:
    small = write_set(tmp_path / "set", {1: document(item(1)), 2: document(item(8), item(2))})
    points = write(tmp_path / "points.json", [landmarks(1, 1, 0.5), landmarks(2, 8, 0.9), landmarks(2, 2, 0.3)])
    boxes = write(tmp_path / "boxes.json", [box(1, 1, 0.5)])
    both = write(tmp_path / "both.json", [landmarks(1, 1, 0.5) | box(1, 1, 0.5)])

    def figures(*files: Path) -> list[object]:
        arguments = [argument for file in files for argument in ("--detections", file)]
        outcome = deepmark("eval", *arguments, "--annotations", small, "--subsets", "--json")
        assert outcome.code == 0, outcome.err
        found = json.loads(outcome.out)
        assert found["evaluated"] == ", ".join(map(str, files))
        return [found["mAP_pt"], found["mAP_box"], found["accuracy"]["detections"]]

    third = pytest.approx(1 / 3)
    assert figures(points) == [pytest.approx(1), None, 3]
    assert figures(boxes) == [None, third, 1]
    assert figures(points, boxes) == figures(boxes, points) == [pytest.approx(1), third, 4]
    assert figures(both) == [third, third, 1]
    empty = write(tmp_path / "empty.json", [])
    assert figures(points, empty) == [pytest.approx(1), 0, 3]
    assert figures(empty) == [0, 0, 0]
    printed = deepmark("eval", "--detections", boxes, "--annotations", small)
    assert "mAP_pt -, mAP_box 0.3333 on 2 pictures" in printed.err
    assert "not measured: landmarks, which no detection has" in printed.err
    request = ("eval", "--detections", both, "--annotations", small)
    deepmark(*request, "--detections", points).assert_refused(1, "points.json has landmarks, as", "both.json")
    deepmark(*request, "--detections", points, "--detections", boxes).assert_refused(2, "found 3")
    report = ("--annotations", small, "--report", tmp_path / "page.html")
    deepmark("eval", "--detections", points, "--detections", boxes, *report).assert_refused(2, "--report", "one file")
    deepmark("eval", "--detections", points, *report).assert_refused(2, "--report", "both landmarks and boxes")


def random_set(seed: int) -> tuple[Document, list[Document], list[Document]]:
    """A COCO file, and detections of its garments in both official formats, as good and as bad as they may be."""
    rng = np.random.default_rng(seed)
    documents = {}
    for number in rng.permutation(12).tolist():  # from 0, in any order
        items = []
        for category_id in rng.choice([1, 5, 9, 13], rng.integers(0, 5)).tolist():
            side = rng.choice([20.0, 40.0])
            left, top = rng.integers(0, 30, 2).tolist()
            one = item(category_id, bounding_box=[left, top, left + side, top + 2 * side])
            share = ([1, 0, 0], [0, 1, 0], [0.2, 0.3, 0.5])[rng.integers(3)]
            flags = rng.choice([0, 1, 2], size=len(one["landmarks"]) // 3, p=share)
            one["landmarks"] = [
                number if flag else 0
                for flag in flags.tolist()
                for number in (left + rng.uniform(0, side), top + rng.uniform(0, 2 * side), flag)
            ]
            items.append(one)
        documents[number] = document(*items)
    content = coco_document(documents, side=120)
    points: list[Document] = []
    boxes: list[Document] = []
    for entry in content["annotations"]:
        for _ in range(rng.integers(0, 4)):
            noise = float(rng.choice([0.0, 0.5, 3.0, 20.0]))
            found = np.array(entry["keypoints"]).reshape(-1, 3)
            others = rng.choice(["zeros", "inside", "around", "far"])
            x, y, width, height = entry["bbox"]
            spread = {"zeros": 0.0, "inside": 0.3, "around": 1.4, "far": 30.0}[others]
            place = np.array([x + width / 2, y + height / 2]) + rng.uniform(-1, 1, (294, 2)) * [width, height] * spread
            place[found[:, 2] > 0] = found[found[:, 2] > 0, :2] + rng.normal(
                0, noise, (np.count_nonzero(found[:, 2]), 2)
            )
            keypoints = np.hstack([place, rng.uniform(0, 1, (294, 1))]).ravel().tolist()
            category_id = entry["category_id"] if rng.random() < 0.9 else int(rng.integers(1, 14))
            key = {"image_id": entry["image_id"], "category_id": category_id, "score": round(rng.random(), 1)}
            points.append(key | {"keypoints": keypoints})
            corners = [x + rng.normal(0, noise), y + rng.normal(0, noise), width * rng.uniform(0.8, 1.2), height]
            boxes.append(key | {"bbox": corners, "score": round(rng.random(), 1)})
    rng.shuffle(points)
    rng.shuffle(boxes)
    return content, points, boxes


def visible(content: Document) -> Document:
    """What the official file of visible landmarks says: those that are occluded are not labelled."""
    changed = copy.deepcopy(content)
    for entry in changed["annotations"]:
        points = np.array(entry["keypoints"]).reshape(-1, 3)
        points[points[:, 2] == 1] = 0
        entry.update(keypoints=points.ravel().tolist(), num_keypoints=int(np.count_nonzero(points[:, 2])))
    return changed


def assert_official(report: AccuracyReport, content: Document, found: Sequence[Document], kind: Kind) -> None:
    """Hold every class to pycocotools on the files as they are."""
    expected = np.moveaxis(coco_oracle.precision(content, found, kind, SIGMAS), 2, 0)
    for row, one in zip(report.classes, expected, strict=True):
        average = row.points if kind == "keypoints" else row.boxes
        if np.all(one == -1):
            assert average is None
        else:
            assert average is not None
            assert math.isclose(average.ap, one.mean(), abs_tol=1e-9), row.name


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_official_files_give_the_official_figures(seed: int, tmp_path: Path) -> None:
    content, points, boxes = random_set(seed)
    truth = truth_of(tmp_path, content)
    files = write(tmp_path / "points.json", points), write(tmp_path / "boxes.json", boxes)

    for shown, only in ((content, False), (visible(content), True)):
        report = evaluate(truth, *files, visible_only=only)
        assert_official(report, shown, points, "keypoints")
        assert_official(report, shown, boxes, "bbox")


BOTH = landmarks(1, 1, 0.5) | box(1, 1, 0.5)


def spoilt(**changes: Any) -> list[Document]:
    return [BOTH, BOTH | changes]


def without(*fields: str) -> list[Document]:
    return [BOTH, {name: value for name, value in BOTH.items() if name not in fields}]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (without("score"), ["detection 1: score is missing"]),
        (without("image_id"), ["detection 1: image_id is missing"]),
        (without("keypoints"), ["detection 1: keypoints is missing, which those before have"]),
        (without("keypoints", "bbox"), ["detection 1: keypoints and bbox are missing"]),
        ([box(1, 1, 0.5), BOTH], ["detection 1: it has keypoints, and none before has"]),
        (spoilt(score=math.nan), ["detection 1: score must be a finite number, found nan"]),
        (spoilt(bbox=[1, 2, math.inf, 4]), ["detection 1: bbox[2] must be a finite number, found inf"]),
        (spoilt(keypoints=[1, math.nan]), ["detection 1: keypoints[1] must be a finite number, found nan"]),
        (spoilt(score="0.5"), ["detection 1: score: expected `float`, got `str`"]),
        (spoilt(image_id="000001"), ["detection 1: image_id: expected `int`, got `str`"]),
        (spoilt(image_id=-1), ["detection 1: image_id: expected `int` >= 0"]),
        (spoilt(image_id=2**64), ["detection 1: image_id"]),
        (spoilt(bbox=[1, 2, None, 4]), ["detection 1: bbox[2]: expected `float`, got `null`"]),
        (spoilt(bbox=[1, 2, 3]), ["detection 1: bbox must be x, y, width, height", "found [1.0, 2.0, 3.0]"]),
        (spoilt(category_id=14), ["detection 1: category_id must be 1-13, found 14"]),
        ([[1]], ["detection 0: expected `object`, got `array`"]),
        ({"annotations": [BOTH]}, ["is no list of detections"]),
    ],
)
def test_what_is_wrong_is_named_by_detection_and_field(content: object, words: list[str], tmp_path: Path) -> None:
    truth = truth_of(tmp_path, coco_document({1: document(item(1))}))

    with pytest.raises(DataError) as caught:
        load_detections([write(tmp_path / "found.json", content)], truth)

    for word in ("found.json", *words):
        assert word in str(caught.value)


def test_a_byte_order_mark_is_no_fault_and_an_empty_bbox_is_none(tmp_path: Path) -> None:
    truth = truth_of(tmp_path, coco_document({1: document(item(1))}))
    content = json.dumps([landmarks(1, 1, 0.5, bbox=[])]).encode()

    found = load_detections([write(tmp_path / "found.json", b"\xef\xbb\xbf" + content)], truth)

    assert found.points is not None
    assert found.boxes is None


def own(category_id: int) -> list[float]:
    return filled(category_id, place=0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([landmarks(1, 1, 0.5), landmarks(2, 8, 0.5)], []),
        ([box(1, 1, 0.5), box(2, 8, 0.5)], []),
        (
            [landmarks(1, 1, 0.5, keypoints=own(1)), landmarks(2, 1, 0.5, keypoints=own(8))],
            [
                "all 2 detections have category_id 1 (short sleeve top), and there are garments of 1 other classes",
                "1 of 2 detections have no landmark of their own class, but others': detection 1 is short sleeve top",
            ],
        ),
        (
            [
                box(1, 1, 0.5, bbox=[20, 20, 60, 60]),
                box(2, 8, 0.9, bbox=[21, 20, 60, 61]),
                box(2, 8, 0.1, bbox=[1, 1, 2, 2]),
            ],
            ["bbox looks like x1, y1, x2, y2, and is read as x, y, width, height: as corners the best detection of 2"],
        ),
        (
            [box(1, 1, 0.5, bbox=[0.3, 0.3, 0.6, 0.6]), box(2, 8, 0.5, bbox=[0.3, 0.3, 0.6, 0.6])],
            ["nothing lies further than 0.9 from the pictures' corners: these look like fractions"],
        ),
    ],
)
def test_what_is_read_and_means_something_else_is_told(
    deepmark: Deepmark, content: object, words: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    small = write(tmp_path / "truth.json", coco_document({1: document(item(1)), 2: document(item(8))}))

    outcome = deepmark("eval", "--detections", write(tmp_path / "f.json", content), "--annotations", small, "--json")

    assert outcome.code == 0, outcome.err
    doubts = json.loads(outcome.out)["doubts"]
    assert len(doubts) == len(words), doubts
    for word in words:
        assert word in " ".join(doubts)
        assert word in caplog.text


def test_pictures_with_other_numbers_than_their_names_are_told(
    deepmark: Deepmark, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = coco_document({0: document(item(1))})
    content["images"][0]["file_name"] = "000001.jpg"
    found = write(tmp_path / "found.json", [BOTH | {"image_id": 0}])

    outcome = deepmark(
        "eval", "--detections", found, "--annotations", write(tmp_path / "truth.json", content), "--json"
    )

    assert json.loads(outcome.out)["mAP_pt"] == pytest.approx(1)
    assert "detections must have the numbers of this file" in caplog.text
