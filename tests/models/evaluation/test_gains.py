"""Gains and how they vary: the same pictures are drawn for all settings, and the seed decides which."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from coco_files import objects, persons

from deepmark.models.datasets.coco import open_labels
from deepmark.models.evaluation.detection_files import load_detections
from deepmark.models.evaluation.gains import RESAMPLINGS, resampled
from deepmark.models.evaluation.picture_items import only_pictures
from deepmark.models.evaluation.results import ClassResults, ResultsBuilder
from deepmark.models.evaluation.truth import Truth, collect_truth

Results = Sequence[ClassResults]


def read(made: tuple[object, object], folder: Path) -> tuple[Truth, Results]:
    for name, content in zip(("labels.json", "found.json"), made, strict=True):
        (folder / name).write_text(json.dumps(content))
    dataset = open_labels(folder / "labels.json")
    truth = collect_truth(dataset.read_all().annotations, dataset.schema, dataset.standard)
    found = load_detections([folder / "found.json"], truth)
    results = found.points or found.boxes
    assert results is not None
    return truth, results


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Truth, Results]:
    """Persons and detections of them, some good and some bad."""
    return read(persons(0), tmp_path_factory.mktemp("persons"))


def test_the_same_detections_gain_nothing(evaluated: tuple[Truth, Results]) -> None:
    truth, results = evaluated
    one = resampled(truth, results, seed=0)

    for accuracy in one.values():
        gain = accuracy.over(accuracy)
        assert (gain.difference, gain.low, gain.high) == (0, 0, 0)
        assert not gain.is_significant


def test_a_large_gain_is_one_and_the_seed_decides_the_interval(evaluated: tuple[Truth, Results]) -> None:
    truth, results = evaluated
    nothing = resampled(truth, ResultsBuilder(truth.schema).build(), seed=3)
    found = resampled(truth, results, seed=3)

    for kind in truth.kinds:
        gain = found[kind].over(nothing[kind])
        assert gain.is_significant
        assert gain.low < gain.difference < gain.high
        assert (gain.low, gain.high) == found[kind].interval  # over nothing
        assert found[kind].drawn.shape == (RESAMPLINGS,)
        assert resampled(truth, results, seed=3)[kind].interval == found[kind].interval
        assert resampled(truth, results, seed=4)[kind].interval != found[kind].interval


def test_boxes_alone_have_no_landmarks_to_gain(tmp_path: Path) -> None:
    truth, results = read(objects(1, 8), tmp_path)

    (kind,) = resampled(truth, results, seed=0)

    assert kind == "bbox"


def test_of_nothing_to_be_found_there_is_no_accuracy(evaluated: tuple[Truth, Results]) -> None:
    truth = collect_truth([], evaluated[0].schema)

    assert resampled(truth, ResultsBuilder(truth.schema).build(), seed=0) == {}


def test_drawings_are_of_whole_pictures(evaluated: tuple[Truth, Results]) -> None:
    """Of one picture every drawing is that picture."""
    truth, results = evaluated
    image_id = truth.image_ids[3]
    rows = truth.classes[0].image_ids == image_id
    assert rows.any()
    one = only_pictures(truth, [image_id])
    builder = ResultsBuilder(truth.schema)
    chosen = results[0].image_ids == image_id
    parts = (results[0].image_ids, results[0].scores, results[0].boxes, results[0].keypoints)
    builder.add(0, ClassResults(*(part[chosen] for part in parts)))
    found = resampled(one, builder.build(), seed=1)

    for accuracy in found.values():
        assert np.allclose(accuracy.drawn, accuracy.average.ap, atol=1e-6)
