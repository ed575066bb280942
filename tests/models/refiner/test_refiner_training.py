"""The training of a refiner: it learns, goes on bit for bit, and refuses what it cannot."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from drawn_refiners import Drawings

from deepmark.errors import CheckpointError, DivergedError, InterruptedTrainingError, UsageError
from deepmark.models.refiner.checkpoint import load_refiner, read_refiner, save_refiner
from deepmark.models.refiner.config import RefinerConfig
from deepmark.models.refiner.losses import mean_similarity
from deepmark.models.refiner.network import expected_cell
from deepmark.models.refiner.training import RefinerTrainer, train_refiner
from deepmark.models.training.stop_signals import StopRequest

SMALL = RefinerConfig(backbone="slim", height=32, width=32, batch=2, steps=4, lr=1e-3, pictures=3)


@pytest.mark.slow
def test_it_overfits_eight_crops_and_keeps_the_truth() -> None:
    config = RefinerConfig(backbone="slim", height=64, width=64, batch=8, steps=70, lr=5e-3, augment=0, ema=0.9)
    training = RefinerTrainer(config, Drawings(8))
    batch = training.batch(0)
    lines = [training.advance(batch) for _ in range(config.steps)]

    network = training.average.network
    with torch.no_grad():
        cells = expected_cell(network(batch.image, batch.pose))
    off = torch.linalg.vector_norm(cells - batch.truth / 4, dim=2)[batch.counts]
    assert off.mean() < 0.3
    assert float(lines[0].oks_in) < 0.9
    assert mean_similarity(4 * cells, batch) > 0.95


def test_a_resumed_training_goes_on_bit_for_bit(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    pictures = Drawings(3, 64)
    for folder in (whole, parts):
        folder.mkdir()
    train_refiner(SMALL, pictures, whole, loaders=0)
    stop = StopRequest()
    stop.signal_number = 15
    with pytest.raises(InterruptedTrainingError, match="after step 1"):
        train_refiner(SMALL, pictures, parts, stop=stop)

    summary = train_refiner(SMALL, pictures, parts, resume=read_refiner(parts / "last.pth"))

    assert (summary.resumed_at, summary.steps) == (1, 4)
    one, other = (read_refiner(folder / "last.pth") for folder in (whole, parts))
    assert all(torch.equal(tensor, other.average[name]) for name, tensor in one.average.items())
    logs = [list(csv.DictReader((folder / "log.csv").read_text().splitlines())) for folder in (whole, parts)]
    assert [row["loss"] for row in logs[0]] == [row["loss"] for row in logs[1]]


def test_a_checkpoint_becomes_a_network_again(tmp_path: Path) -> None:
    training = RefinerTrainer(replace(SMALL, classes="skirt"), Drawings(30, 64))
    save_refiner(training.state(), tmp_path / "skirt.pth")

    loaded = load_refiner(tmp_path / "skirt.pth")

    assert [len(one) for one in loaded.channels] == [0] * 8 + [8] + [0] * 4
    assert loaded.network.channels == 8
    assert not loaded.network.training


def test_a_loss_that_is_not_finite_ends_the_training() -> None:
    training = RefinerTrainer(SMALL, Drawings(3, 64))
    batch = training.batch(0)
    batch.image[:] = torch.nan

    with pytest.raises(DivergedError, match="step 1"):
        training.advance(batch)


def test_other_checkpoints_are_refused(demo_checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds no refiner"):
        read_refiner(demo_checkpoint)
    (tmp_path / "empty.pth").write_bytes(b"")
    with pytest.raises(CheckpointError):
        read_refiner(tmp_path / "empty.pth")


@pytest.mark.parametrize("change", ["missing", "shape", "nan", "more"])
def test_weights_that_are_not_the_network_s_are_refused(tmp_path: Path, change: str) -> None:
    state = RefinerTrainer(SMALL, Drawings(3, 64)).state()
    weights = {name: tensor.clone() for name, tensor in state.average.items()}
    if change == "missing":
        del weights["conv1.weight"]
    elif change == "shape":
        weights["conv1.weight"] = torch.zeros(16, 3, 3, 3)
    elif change == "nan":
        weights["conv1.weight"][0] = torch.nan
    else:
        weights["hm.0.weight"] = torch.zeros(1)
    save_refiner(replace(state, average=weights), tmp_path / "bad.pth")

    with pytest.raises(CheckpointError, match=r"conv1\.weight|hm\.0\.weight"):
        load_refiner(tmp_path / "bad.pth")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"height": 100}, "height .* multiple of 32"),
        ({"backbone": "resnet34x"}, "backbone .* one of resnet18"),
        ({"lr": 0.0}, "lr .* above 0"),
        ({"augment": 2.0}, "augment"),
        ({"ema": 1.0}, "ema"),
    ],
)
def test_what_cannot_be_trained_is_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        RefinerConfig(**options)  # type: ignore[arg-type]


def test_a_class_that_the_schema_lacks_is_refused() -> None:
    config = RefinerConfig(classes="cape")
    with pytest.raises(UsageError, match="no class 'cape'"):
        config.channels(config.load_schema())


def test_sigma_is_posefix_s_at_its_sizes() -> None:
    assert [RefinerConfig(height=side, width=32).sigma for side in (384, 256, 128)] == [9.0, 7.0, 3.5]
