"""``deepmark train`` with everything around it: validation, pictures of it, curves."""

from __future__ import annotations

import csv
import importlib.util
import json
import tomllib
from pathlib import Path

import pytest
import torch
from deepfashion2_files import document, item, write_set
from outcome import Deepmark
from torch import nn

from deepmark.errors import DataError
from deepmark.models import load_checkpoint
from deepmark.models.datasets.drawings.dataset import write_dataset
from deepmark.models.datasets.drawings.held_out_set import RECORD, SEED
from deepmark.models.training.config import TrainConfig
from deepmark.models.training.validation import open_validation
from deepmark.runtime.keypoints.head_names import head_channels
from deepmark.runtime.media.picture_file import read_picture

SMALL = ("--size", 64, "--batch", 2, "--steps", 3, "--pictures", 4, "--workers", 1, "--precision", "fp32")


def _scores(run: Path) -> dict[int, dict[str, float]]:
    rows = csv.DictReader((run / "validation.csv").read_text().splitlines())
    return {int(row["step"]): {name: float(row[name]) for name in ("mAP_pt", "mAP_box")} for row in rows}


@pytest.mark.slow
def test_a_training_shows_where_it_stands(tmp_path: Path, deepmark: Deepmark, demo_checkpoint: Path) -> None:
    run = tmp_path / "run"

    warm = ("--size", 128, "--init", demo_checkpoint, "--lr", 1e-5)
    outcome = deepmark("train", "--synthetic", "-o", run, *SMALL, *warm, "--val-pictures", 3)

    assert outcome.code == 0, outcome.err
    scores = _scores(run)
    assert list(scores) == [2, 3]  # an epoch is two steps; and the end
    assert sorted(path.name for path in (run / "predictions").iterdir()) == ["step_000002.jpg", "step_000003.jpg"]
    assert min(read_picture(run / "predictions" / "step_000003.jpg").shape[:2]) > 500
    drawn = (run / "curves.svg").read_text()
    assert "3 steps" in drawn
    assert "best validation" in drawn
    assert json.loads((run / "validation" / RECORD).read_text()) == {
        "seed": SEED,
        "size": 128,
        "count": 3,
        "mixed": False,
    }
    assert tomllib.loads((run / "config.toml").read_text())["val-pictures"] == 3
    assert "mAP_pt" in outcome.err

    load_checkpoint(run / "best.pth")
    data = ("--images", run / "validation", "--annotations", run / "validation")
    measured = deepmark("eval", run / "best.pth", "--size", 128, *data, "--threads", 1, "--json")
    figures = json.loads(measured.out)
    best = max(scores.values(), key=lambda one: one["mAP_pt"])
    assert best["mAP_box"] > 0
    assert {name: figures[name] for name in best} == pytest.approx(best, abs=1e-6)

    refused = deepmark("train", "-o", run, "--resume", "--val-pictures", 4)
    refused.assert_refused(2, "val-pictures 3, not 4", "--val none")
    for name in ("last.pth", "best.pth"):
        (run / name).unlink()  # 300 MB that nobody needs


@pytest.mark.slow
def test_a_data_set_to_validate_on_is_used_as_it_is_and_as_often_as_asked(tmp_path: Path, deepmark: Deepmark) -> None:
    run, folder = tmp_path / "run", tmp_path / "set"
    write_dataset(folder, count=3, seed=8, size=64, workers=1)

    options = (*SMALL[:6], "--val", folder, "--val-every", 3, "--val-pictures", 2)
    outcome = deepmark("train", "--data", folder, "-o", run, *options)

    assert outcome.code == 0, outcome.err
    assert list(_scores(run)) == [3]
    assert not (run / "validation").exists()
    for name in ("last.pth", "best.pth"):
        (run / name).unlink(missing_ok=True)


@pytest.mark.slow
def test_without_matplotlib_a_training_says_so_once_and_goes_on(
    tmp_path: Path, deepmark: Deepmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "matplotlib" else there(name))
    run = tmp_path / "run"

    outcome = deepmark("train", "--synthetic", "-o", run, *SMALL, "--val-pictures", 1, "--val-every", 1)

    assert outcome.code == 0, outcome.err
    assert outcome.err.count("no curves.svg") == 1
    assert "deepmark-export[report]" in outcome.err
    assert not (run / "curves.svg").exists()
    assert len(_scores(run)) == 3
    for name in ("last.pth", "best.pth"):
        (run / name).unlink(missing_ok=True)


def test_a_validation_needs_hotcoco_before_anything_is_made(
    tmp_path: Path, deepmark: Deepmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "hotcoco" else there(name))

    outcome = deepmark("train", "--synthetic", "-o", tmp_path / "run", *SMALL)

    outcome.assert_refused(1, "hotcoco", "deepmark-export[eval]")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("options", [("--val-pictures", 5), ("--val-every", 5, "--val", "none")])
def test_how_to_validate_nothing_is_refused(tmp_path: Path, deepmark: Deepmark, options: tuple[object, ...]) -> None:
    outcome = deepmark("train", "--data", tmp_path, "-o", tmp_path / "run", *options)
    outcome.assert_refused(2, "nothing is validated", "--val DIR")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("documents", "words"),
    [
        ({1: b"{"}, "000001.json"),
        ({1: document()}, "no labelled garment"),
        ({1: document(item(1, category_id=14))}, "category"),
    ],
)
def test_a_bad_data_set_to_validate_on_is_named(tmp_path: Path, documents: dict[int, object], words: str) -> None:
    folder = write_set(tmp_path / "set", documents)
    config = TrainConfig(size=64)
    with pytest.raises(DataError, match=words):
        open_validation(config, tmp_path / "run", source=folder, most=None, workers=1)


def test_faults_are_left_out_when_the_training_leaves_them_out(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", {1: document(item(1)), 2: b"{"})
    validation = open_validation(
        TrainConfig(size=64, skip_bad=True), tmp_path / "run", source=folder, most=None, workers=1
    )
    assert [one.image_id for one in validation.pictures.annotations] == [1]
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


class _Wild(nn.Module):
    """What mDLA-34 may be after a few steps: far beyond any picture."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        shape = (x.shape[0], x.shape[2] // 4, x.shape[3] // 4)
        channels = head_channels(13, 62)
        return {name: torch.full((shape[0], channels[name], *shape[1:]), 1e9) for name in channels}


def test_a_network_that_cannot_be_decoded_yet_scores_0(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write_set(tmp_path / "set", {1: document(item(1))})
    validation = open_validation(TrainConfig(size=64), tmp_path / "run", source=folder, most=None, workers=1)
    assert validation.score(_Wild().eval(), 7) == {"mAP_pt": 0, "mAP_box": 0}
    assert "step 7" in caplog.text
