"""Landmarks of a class to their places in the 294 layout, whatever the model's grouping."""

from __future__ import annotations

import csv
from importlib import resources
from typing import Literal

import numpy as np
import pytest
from garments import garments

from deepmark.errors import DataError
from deepmark.models.evaluation.landmark_layout import class_ranges, require_same_classes, sigmas_294, to_294
from deepmark.models.evaluation.results import ResultsBuilder
from deepmark.runtime.keypoints.schema import KeypointSchema

RANGES = [0, 25, 58, 89, 128, 143, 158, 168, 182, 190, 219, 256, 275, 294]  # the official ones


Groups = Literal[62, 81, 294]


def rows() -> list[dict[str, str]]:
    table = resources.files("deepmark.runtime.keypoints").joinpath("data", "deepfashion2.csv").read_text("utf-8")
    return list(csv.DictReader(table.splitlines()))


@pytest.mark.parametrize("groups", [62, 81, 294])
def test_the_ranges_are_the_official_ones_in_every_grouping(groups: Groups) -> None:
    schema = KeypointSchema.deepfashion2(groups)

    ranges = class_ranges(schema)

    assert [part.start for part in ranges] + [ranges[-1].stop] == RANGES


@pytest.mark.parametrize(("groups", "column"), [(62, "group_id"), (81, "agg81_id"), (294, "global_index")])
def test_every_landmark_goes_from_its_group_to_its_global_index(groups: Groups, column: str) -> None:
    schema = KeypointSchema.deepfashion2(groups)
    by_group = np.arange(groups, dtype=np.float64) + 1  # a number for each channel, as a network would give it
    placed = np.zeros(294)
    for index, channels in enumerate(schema.groups):
        placed += to_294(by_group[list(channels), None], index, schema)[:, 0]

    expected = {int(row["global_index"]): float(row[column]) + 1 for row in rows()}
    assert placed.tolist() == [expected[landmark] for landmark in range(294)]


def test_sigmas_stand_at_their_global_index() -> None:
    expected = {int(row["global_index"]): float(row["sigma"]) for row in rows()}

    assert sigmas_294(KeypointSchema.deepfashion2()).tolist() == [expected[landmark] for landmark in range(294)]


def test_detections_keep_points_boxes_and_order_within_their_class() -> None:
    schema = KeypointSchema.deepfashion2()
    found = garments([(10, 20, 30, 60), (0, 0, 8, 8), (1, 1, 9, 5)], [4, 7, 4])
    builder = ResultsBuilder(schema)
    builder.add_detections(9, found)
    results = builder.build()

    assert [len(one) for one in results] == [0, 0, 0, 0, 2, 0, 0, 1, 0, 0, 0, 0, 0]
    assert results[4].boxes.tolist() == [[10, 20, 20, 40], [1, 1, 8, 4]]
    assert results[4].scores.tolist() == found.scores[[0, 2]].tolist()
    assert results[4].image_ids.tolist() == [9, 9]
    np.testing.assert_array_equal(results[4].keypoints[1], found.keypoints[2])
    np.testing.assert_array_equal(results[7].keypoints[0], found.keypoints[1])


@pytest.mark.parametrize("groups", [62, 81, 294])
def test_a_model_of_the_same_classes_fits_in_every_grouping(groups: Groups) -> None:
    require_same_classes(KeypointSchema.deepfashion2(groups), KeypointSchema.deepfashion2())


def test_a_model_of_other_classes_is_refused() -> None:
    with pytest.raises(DataError, match=r"the model finds 1 class \(.* the data set has 13"):
        require_same_classes(KeypointSchema.coco_person(), KeypointSchema.deepfashion2())


def test_a_model_with_the_classes_in_another_order_is_refused() -> None:
    schema = KeypointSchema.deepfashion2()
    turned = KeypointSchema("turned", schema.classes[::-1], schema.group_names)

    with pytest.raises(DataError, match=r"class 1 of the model is 'sling dress' with 19 .* 'short sleeve top' with 25"):
        require_same_classes(turned, schema)
