"""Validation in a training: the figures of `deepmark eval`, on pictures that the training does not see."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from deepfashion2_files import document, item, write_set
from outcome import Deepmark

from deepmark.errors import DataError
from deepmark.models import load_checkpoint
from deepmark.models.datasets.deepfashion2 import open_dataset
from deepmark.models.datasets.drawings import draw
from deepmark.models.datasets.drawings.held_out_set import SEED, DrawnSet, draw_held_out, held_out_seed
from deepmark.models.evaluation.validation_set import (
    ValidationSet,
    draw_sheet,
    evenly,
    figures,
    open_detector,
    validate,
)
from deepmark.runtime.detector import Detector
from deepmark.runtime.media.picture_file import read_picture


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten drawings; never written to by a test."""
    folder = tmp_path_factory.mktemp("held-out") / "validation"
    draw_held_out(folder, DrawnSet(SEED, 128, 10), workers=1)
    return folder


@pytest.fixture(scope="module")
def detector(demo_checkpoint: Path) -> Detector:
    """The demo network as a training holds it: in memory, channels last."""
    loaded = load_checkpoint(demo_checkpoint)
    assert loaded.schema is not None
    network = loaded.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's types lack it
    return open_detector(network, loaded.schema, 128)


def _set(folder: Path, most: int | None = None) -> ValidationSet:
    return ValidationSet.read(open_dataset(folder, folder), most)


@pytest.mark.slow
def test_a_validation_has_the_figures_of_eval(
    deepmark: Deepmark, detector: Detector, demo_checkpoint: Path, drawings: Path
) -> None:
    ours = figures(validate(detector, _set(drawings)))

    data = ("--images", drawings, "--annotations", drawings)
    outcome = deepmark("eval", demo_checkpoint, "--size", 128, *data, "--threads", 1, "--json")

    theirs = json.loads(outcome.out)
    assert ours["mAP_box"] > 0.05
    assert ours == pytest.approx({name: theirs[name] for name in ours}, abs=1e-6)


def test_the_network_is_used_in_place_and_in_evaluation_mode(demo_checkpoint: Path, drawings: Path) -> None:
    loaded = load_checkpoint(demo_checkpoint)
    assert loaded.schema is not None
    detector = open_detector(loaded.network, loaded.schema, 64)
    assert not loaded.network.training
    picture = read_picture(drawings / "image" / "000001.jpg")
    before = detector(picture)
    with torch.no_grad():
        for weight in loaded.network.parameters():
            weight.zero_()
    after = detector(picture)
    assert not np.array_equal(before.scores, after.scores)


def test_pictures_without_garments_are_nothing_to_validate_on(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", {1: document(), 2: document()})
    with pytest.raises(DataError, match="no labelled garment"):
        _set(folder)


def test_some_of_many_are_taken_evenly(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", {number: document(item(1)) for number in range(1, 8)})
    assert [one.image_id for one in _set(folder, 3).annotations] == [1, 3, 5]
    assert len(_set(folder, 100).annotations) == len(_set(folder).annotations) == 7
    assert evenly((), 3) == ()


def test_no_training_is_validated_on_its_own_drawings() -> None:
    assert held_out_seed(1) == held_out_seed(2) == SEED
    assert held_out_seed(SEED) != SEED


def test_held_out_drawings_are_those_of_their_seed_and_drawn_once(drawings: Path) -> None:
    picture = read_picture(drawings / "image" / "000003.jpg")
    assert np.abs(picture.astype(int) - draw(SEED, 3, 128).image_bgr_u8).mean() < 10  # JPEG
    before = (drawings / "image" / "000003.jpg").stat().st_mtime_ns
    draw_held_out(drawings, DrawnSet(SEED, 128, 10), workers=1)
    assert (drawings / "image" / "000003.jpg").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "other",
    [DrawnSet(SEED, 128, 11), DrawnSet(SEED, 64, 10), DrawnSet(1, 128, 10), DrawnSet(SEED, 128, 10, mixed=True)],
)
def test_other_drawings_in_the_folder_are_not_taken_for_them(drawings: Path, other: DrawnSet) -> None:
    with pytest.raises(DataError, match=f"holds 10 drawings of seed {SEED} and size 128, not {other.count}") as error:
        draw_held_out(drawings, other, workers=1)
    assert str(drawings) in str(error.value.hint)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="no set of drawings"):
        draw_held_out(tmp_path, DrawnSet(SEED, 64, 1), workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_what_a_killed_run_left_half_drawn_is_drawn_anew(tmp_path: Path) -> None:
    half = tmp_path / ".validation-0123abcd" / "image"
    half.mkdir(parents=True)
    (half / "000009.jpg").touch()
    draw_held_out(tmp_path / "validation", DrawnSet(SEED, 64, 1), workers=1)
    assert [path.name for path in (tmp_path / "validation" / "image").iterdir()] == ["000001.jpg"]
    assert [path.name for path in tmp_path.iterdir()] == ["validation"]


def test_a_sheet_shows_each_picture_with_labels_and_with_detections(
    detector: Detector, drawings: Path, tmp_path: Path
) -> None:
    sheet = tmp_path / "predictions" / "step_000001.png"
    draw_sheet(detector, _set(drawings), sheet, count=2)

    drawn = read_picture(sheet)
    rows, columns = drawn.shape[:2]
    assert columns > 3.5 * rows  # four tiles in a row
    labels, found = drawn[:, : columns // 4], drawn[:, columns // 4 : columns // 2]
    assert (labels != found).any()
    assert [path.name for path in sheet.parent.iterdir()] == [sheet.name]
