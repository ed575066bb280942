"""The quick figure is hotcoco's on hand-made edge cases, and of resampled pictures that of the pictures so drawn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from coco_files import persons
from deepfashion2_files import SCHEMA, document, item

from deepmark.exporter.tuning.judge import Judge, Ranked
from deepmark.models.datasets.coco import open_labels
from deepmark.models.datasets.deepfashion2 import read_annotation
from deepmark.models.evaluation.average_precision import Verdicts, mean_average_precision
from deepmark.models.evaluation.detection_files import load_detections
from deepmark.models.evaluation.picture_items import by_picture, count_items
from deepmark.models.evaluation.report import measure
from deepmark.models.evaluation.results import ClassResults, ResultsBuilder
from deepmark.models.evaluation.truth import KINDS, Truth, collect_truth
from deepmark.models.evaluation.verdicts import judge
from deepmark.runtime.arrays import F64


def read(*documents: object) -> Truth:
    found = [
        read_annotation(json.dumps(one).encode(), image_id=number, source="", schema=SCHEMA, size=None)
        for number, one in enumerate(documents, 1)
    ]
    return collect_truth(found, SCHEMA)


@dataclass(frozen=True)
class FakePicture:
    """Objects as a `StagedPicture` has them, and their landmarks as `Positions` do."""

    class_ids: np.ndarray
    scores: np.ndarray
    boxes: np.ndarray
    points: tuple[np.ndarray, ...]
    candidates: tuple[int, ...] = ()

    def combine(self, _gamma: float) -> np.ndarray:
        return np.concatenate([np.zeros((0, 2)), *(self.points[at] for at in self.candidates)])


def judged(truth: Truth, results: Sequence[ClassResults]) -> tuple[Verdicts, Verdicts]:
    """Verdicts on any detections."""
    pictures = []
    for image_id in truth.image_ids:
        rows = [(c, row) for c, one in enumerate(results) for row in np.flatnonzero(one.image_ids == image_id)]
        boxes = np.array([results[c].boxes[row] for c, row in rows]).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        pictures.append(
            FakePicture(
                class_ids=np.array([c for c, _ in rows], np.intp),
                scores=np.array([results[c].scores[row] for c, row in rows], np.float32),
                boxes=boxes,
                points=tuple(results[c].keypoints[row] for c, row in rows),
            )
        )
    judge = Judge(pictures, list(by_picture(truth).values()), truth.schema)  # type: ignore[arg-type]  # stand-ins
    ready = [
        FakePicture(one.class_ids, one.scores, one.boxes, one.points, tuple(chosen.tolist()))
        for one, chosen in zip(pictures, judge.candidates, strict=True)
    ]
    scores = np.concatenate([one.scores for one in pictures])
    picture = np.repeat(np.arange(len(pictures)), [len(one.scores) for one in pictures])
    order = np.lexsort((-scores, np.concatenate([one.class_ids for one in pictures]), picture))
    ranked = Ranked(order, scores[order])
    similarities = judge.similarities(ready, 1.0)  # type: ignore[arg-type]  # stand-ins
    return judge.points(ranked, similarities), judge.boxes(ranked)


def check(truth: Truth, results: Sequence[ClassResults]) -> float:
    """Require hotcoco's figures; return mAP_pt."""
    report = measure(truth, results)
    evaluated = [judge(truth, results, kind) for kind in KINDS]
    for verdicts in (judged(truth, results), evaluated):
        found = [mean_average_precision(one, items)[0] for one, items in zip(verdicts, count_items(truth), strict=True)]
        for value, expected in zip(found, (report.map_pt, report.map_box), strict=True):
            assert expected is not None
            assert abs(value - expected.ap) < 1e-6
    return float(found[0])


@pytest.mark.parametrize("seed", range(3))
def test_crowds_areas_of_outlines_and_persons_without_points_count_as_in_coco(seed: int, tmp_path: Path) -> None:
    labels, found = persons(seed)
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    (tmp_path / "found.json").write_text(json.dumps(found))
    dataset = open_labels(tmp_path / "labels.json")
    truth = collect_truth(dataset.read_all().annotations, dataset.schema, dataset.standard)
    results = load_detections([tmp_path / "found.json"], truth).points
    assert results is not None

    assert check(truth, results) > 0.02


def around(truth: Truth, seed: int, *, copies: int, decimals: int = 6) -> tuple[ClassResults, ...]:
    """Each item found a few times, more or less well; some as the wrong class."""
    rng, builder = np.random.default_rng(seed), ResultsBuilder(SCHEMA)
    for index, one in enumerate(truth.classes):
        for row, image_id in enumerate(one.image_ids.tolist()):
            for _ in range(rng.integers(0, copies + 1)):
                noise = float(rng.choice([0.2, 1, 3]))
                found = index if rng.random() < 0.8 else int(rng.integers(13))
                size = len(SCHEMA.classes[found].groups)
                points = np.resize(one.keypoints[row, :, :2], (1, size, 2)) + rng.normal(0, noise, (1, size, 2))
                box = one.boxes[row : row + 1] + rng.normal(0, noise, (1, 4))
                score: F64 = np.clip(rng.normal(0.7 - noise / 9, 0.1, 1), 0, 1)
                score = np.round(score, decimals).astype(np.float32).astype(np.float64)
                builder.add(found, ClassResults(np.array([image_id]), score, box, points))
    return builder.build()


@pytest.fixture(scope="module")
def truth() -> Truth:
    """Pictures with one item, several of a class, several classes, none, and items without labels."""
    documents = [
        document(item(1), item(8)),
        document(item(1), item(1, bounding_box=[15, 15, 70, 70]), item(1)),
        document(),
        document(item(2, flag=0), item(2)),
        document(item(8, flag=0)),
        document(item(13), item(8, flag=1)),
    ]
    return read(*documents, *documents)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("decimals", [6, 1])
def test_figures_are_hotcocos(truth: Truth, seed: int, decimals: int) -> None:
    assert 0 < check(truth, around(truth, seed, copies=5, decimals=decimals)) < 1


@pytest.mark.parametrize(("order", "ap"), [(("item1", "item2"), 0.601), (("item2", "item1"), 0.3535)])
def test_of_items_that_are_overlapped_alike_the_last_in_the_file_is_found(order: tuple[str, str], ap: float) -> None:
    boxes = {"item1": [300, 300, 500, 600], "item2": [360, 300, 560, 600]}
    skirts = {"source": "user", "pair_id": 1} | {name: item(9, bounding_box=boxes[name]) for name in order}
    truth, builder = read(skirts), ResultsBuilder(SCHEMA)
    for left, score in ((330, 0.875), (290, 0.75)):
        box, points = np.array([[left, 300.0, 200, 300]]), truth.classes[8].keypoints[:1, :, :2]
        builder.add(8, ClassResults(np.array([1]), np.array([score]), box, points))
    results = builder.build()

    check(truth, results)

    map_box = measure(truth, results).map_box
    assert map_box is not None
    assert round(map_box.ap, 4) == ap


def test_no_detection_at_all_is_zero(truth: Truth) -> None:
    assert check(truth, ResultsBuilder(SCHEMA).build()) == 0


@pytest.mark.parametrize(("right", "is_counted"), [(19, True), (20, False)])
def test_of_25_detections_the_best_20_count_for_landmarks(right: int, is_counted: bool) -> None:
    truth = read(document(item(1)))
    one = truth.classes[0]
    builder = ResultsBuilder(SCHEMA)
    for rank in range(25):
        shift = 0 if rank == right else 500
        score = np.array([np.float32(0.9 - rank / 100)], np.float64)
        box = one.boxes + np.array([shift, shift, 0, 0])
        builder.add(0, ClassResults(np.array([1]), score, box, one.keypoints[..., :2] + shift))

    assert (check(truth, builder.build()) > 0) == is_counted


def test_where_nothing_is_to_be_found_there_is_no_figure() -> None:
    truth = read(document())
    points, _ = judged(truth, ResultsBuilder(SCHEMA).build())

    assert np.isnan(mean_average_precision(points, count_items(truth)[0])).all()


def repeated(verdicts: Verdicts, items: np.ndarray, drawn: Sequence[int]) -> float:
    """The figure of a data set in which each picture really stands as often as it was drawn."""
    parts = []
    for number, picture in enumerate(drawn):
        own = verdicts.pictures == picture
        parts.append(
            Verdicts(
                pictures=np.full(np.count_nonzero(own), number, np.intp),
                class_ids=verdicts.class_ids[own],
                scores=verdicts.scores[own],
                right=verdicts.right[own],
                forgiven=verdicts.forgiven[own],
            )
        )
    return float(mean_average_precision(Verdicts.join(parts), items[list(drawn)])[0])


@pytest.mark.parametrize("seed", range(4))
def test_weights_are_pictures_that_stand_there_several_times(truth: Truth, seed: int) -> None:
    verdicts, _ = judged(truth, around(truth, seed, copies=5))  # scores differ, as they do in one drawing
    items, _ = count_items(truth)
    drawings = np.random.default_rng(seed).integers(0, len(items), (5, len(items)))
    weights = np.array([np.bincount(one, minlength=len(items)) for one in drawings], np.float64)

    found = mean_average_precision(verdicts, items, weights)

    assert found == pytest.approx([repeated(verdicts, items, one.tolist()) for one in drawings], abs=1e-12)


def test_verdicts_of_parts_come_together_by_picture(truth: Truth) -> None:
    verdicts, _ = judged(truth, around(truth, 2, copies=5, decimals=1))
    odd = verdicts.pictures % 2 == 1
    parts = [
        Verdicts(*(getattr(verdicts, name)[rows] for name in ("pictures", "class_ids", "scores", "right", "forgiven")))
        for rows in (odd, ~odd)
    ]
    joined = Verdicts.join(parts)

    for name in ("pictures", "class_ids", "scores", "right", "forgiven"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(verdicts, name))
