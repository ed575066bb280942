"""The worst and best pictures: which they are, and what is drawn on them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from deepfashion2_files import SCHEMA, document, item, write_set

from deepmark.models.datasets.deepfashion2 import open_dataset
from deepmark.models.datasets.deepfashion2.annotation import Item
from deepmark.models.evaluation.examples import as_detections, choose, draw_example, found_in
from deepmark.models.evaluation.results import ClassResults, ResultsBuilder
from deepmark.runtime.drawing.overlay import annotate

SKIRT = 8


def skirt(flags: list[int]) -> Item:
    places = np.array([[20, 20], [50, 20], [80, 20], [85, 50], [90, 80], [50, 80], [10, 80], [15, 50]])
    landmarks = np.hstack([places, np.array(flags)[:, None]]).astype(np.float64)
    landmarks[landmarks[:, 2] == 0] = 0
    return Item(SKIRT + 1, (10, 20, 90, 80), landmarks, 2, 1, 1, 2, 0)


def test_the_worst_and_the_best_are_different_pictures() -> None:
    values = {1: 0.5, 2: 0.1, 3: 0.9, 4: 0.5, 5: 0.2}

    assert choose(values, 2) == ([2, 5], [3, 4])
    assert choose(values, 6) == ([2, 5], [3, 4, 1])
    assert choose({7: 0.5}) == ([], [7])
    assert choose({}) == ([], [])


def test_labels_are_drawn_without_a_score_and_without_what_is_not_labelled() -> None:
    blank = np.full((100, 100, 3), 127, np.uint8)
    whole, part = (as_detections([skirt(flags)]) for flags in ([2] * 8, [2, 2, 2, 0, 2, 1, 2, 2]))

    drawn = annotate(blank, part, SCHEMA)

    assert part.refined[0].tolist() == [True, True, True, False, True, False, True, True]
    assert np.isnan(part.keypoints[0][3]).all()
    assert not np.array_equal(drawn, annotate(blank, whole, SCHEMA))
    assert np.array_equal(drawn[44:57, 80:92], blank[44:57, 80:92])  # around the landmark that nobody labelled
    assert np.array_equal(drawn[:8, :8], blank[:8, :8])  # where its zeros are


def test_a_garment_without_any_label_and_a_picture_without_garments_are_drawn_too() -> None:
    blank = np.full((100, 100, 3), 127, np.uint8)

    assert not np.array_equal(annotate(blank, as_detections([skirt([0] * 8)]), SCHEMA), blank)
    assert np.array_equal(annotate(blank, as_detections([]), SCHEMA), blank)


def test_the_finds_of_a_picture_come_best_first() -> None:
    builder = ResultsBuilder(SCHEMA)
    for image, index, score in ((1, 8, 0.4), (2, 8, 0.9), (1, 6, 0.8), (1, 8, 0.2)):
        points = np.zeros((1, len(SCHEMA.classes[index].groups), 2))
        builder.add(index, ClassResults(np.array([image]), np.array([score]), np.array([[1.0, 2, 3, 4]]), points))

    found = found_in(builder.build(), 1, 0.3)

    assert found.class_ids.tolist() == [6, 8]
    assert found.scores.tolist() == pytest.approx([0.8, 0.4])
    assert found.boxes.tolist() == [[1, 2, 4, 6]] * 2


@pytest.mark.parametrize("size", [(64, 64), (480, 480), (700, 300)])
def test_twelve_pictures_of_noise_fit_on_a_page(tmp_path: Path, size: tuple[int, int]) -> None:
    folder = write_set(tmp_path, {1: document(item(1))})
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    cv2.imwrite(str(folder / "image" / "000001.jpg"), noise)
    dataset = open_dataset(folder, folder)

    example = draw_example(dataset, 1, ResultsBuilder(SCHEMA).build(), 0.0)

    assert len(example.jpeg) * 12 * 4 / 3 < 2_900_000
    drawn = cv2.imdecode(np.frombuffer(example.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert drawn is not None
    assert max(drawn.shape[:2]) <= 968
