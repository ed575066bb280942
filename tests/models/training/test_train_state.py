"""A checkpoint is written whole or not at all, and only what a training left is resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from full_disk import room_for

from deepmark.errors import CheckpointError, DataError, UsageError
from deepmark.models.training.config import TrainConfig, check_same
from deepmark.models.training.train_state import TrainState, load_state, save_state


def _state(step: int) -> TrainState:
    weights = {"base.weight": torch.full((64, 64), float(step))}
    return TrainState(TrainConfig(), 100, step, weights, weights, step, {"state": {}, "param_groups": []})


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    save_state(_state(3), tmp_path / "last.pth")
    found = load_state(tmp_path / "last.pth")
    assert (found.step, found.average_updates, found.config) == (3, 3, TrainConfig())
    assert torch.equal(found.weights["base.weight"], torch.full((64, 64), 3.0))


def test_a_checkpoint_from_before_there_were_validations_is_resumed(tmp_path: Path) -> None:
    path = tmp_path / "last.pth"
    save_state(_state(3), path)
    document = torch.load(path)
    del document["resume"]["best"]
    for name in ("password_file", "skip_bad"):
        del document["resume"]["config"][name]
    torch.save(document, path)
    assert load_state(path).best is None
    assert load_state(path).config == TrainConfig()


def test_a_full_disk_leaves_the_checkpoint_before_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "last.pth"
    save_state(_state(1), path)
    with room_for(4096), pytest.raises(DataError, match=r"cannot write .*last\.pth") as stop:
        save_state(_state(2), path)
    assert stop.value.hint is not None
    assert "--resume" in stop.value.hint
    assert load_state(path).step == 1
    assert list(tmp_path.iterdir()) == [path]


def test_weights_alone_cannot_be_resumed(tmp_path: Path) -> None:
    torch.save({"epoch": 1, "state_dict": {"a": torch.zeros(1)}}, tmp_path / "last.pth")
    with pytest.raises(CheckpointError, match="not the state of a training") as stop:
        load_state(tmp_path / "last.pth")
    assert stop.value.hint is not None
    assert "--init" in stop.value.hint


def test_every_difference_to_the_stored_configuration_is_listed() -> None:
    stored = TrainConfig(lr=0.001, batch=16, schema="62")
    check_same(stored, {"lr": 0.001, "batch": 16})
    with pytest.raises(UsageError, match=r"lr 0\.001, not 0\.1; schema 62, not 294"):
        check_same(stored, {"lr": 0.1, "batch": 16, "schema": "294"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 100},
        {"size": 0},
        {"batch": 0},
        {"steps": 0},
        {"lr": 0.0},
        {"lr": float("nan")},
        {"ema": 1.0},
        {"augment": -0.1},
    ],
)
def test_what_cannot_be_trained_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        TrainConfig(**wrong)


def test_a_schema_of_other_landmarks_is_refused(tmp_path: Path) -> None:
    from importlib.resources import files

    table = files("deepmark.runtime.keypoints") / "data" / "coco_person.csv"
    path = tmp_path / "coco.csv"
    path.write_text(table.read_text())
    with pytest.raises(DataError, match="landmarks"):
        TrainConfig(schema=str(path)).load_schema()


@pytest.mark.parametrize("name", ["62", "81", "294"])
def test_the_builtin_schemas_have_names(name: str) -> None:
    assert TrainConfig(schema=name).load_schema().num_groups == int(name)
