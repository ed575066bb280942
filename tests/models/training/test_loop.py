"""The training: it learns, it stops when it diverges, and it goes on after a kill as if nothing had happened."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from deepmark.errors import CheckpointError, DataError, DivergedError
from deepmark.models import load_checkpoint
from deepmark.models.datasets.drawings import draw
from deepmark.models.training.batch_plan import BatchPlan
from deepmark.models.training.batches import TrainingBatch
from deepmark.models.training.config import TrainConfig
from deepmark.models.training.log import COLUMNS, LogLine, open_log
from deepmark.models.training.loop import CHECKPOINT, LOG, find_state, start_run, train
from deepmark.models.training.losses import total_loss
from deepmark.models.training.samples import TrainingSamples
from deepmark.models.training.train_state import TrainState, load_state
from deepmark.models.training.trainer import Trainer

SIZES = (
    "--sizes",
    "32,96",
    "--fit",
    "rect",
    "--size",
    "32",
    "--batch",
    "2",
    "--steps",
    "5",
    "--pictures",
    "6",
    "--workers",
    "1",
    "--save-every",
    "2",
)
SMALL = (*SIZES, "--val", "none")
COMMAND = "from deepmark.commands.group import main; main()"


def _pictures(count: int, size: int) -> list[Any]:
    drawings = [draw(5, index, size) for index in range(count)]
    return [(drawing.image_bgr_u8, drawing.items) for drawing in drawings]


@pytest.mark.slow
def test_a_diverging_training_stops_at_its_step_and_keeps_the_checkpoint_from_before(tmp_path: Path) -> None:
    config = TrainConfig(size=32, batch=2, steps=5, pictures=2, lr=1e36)
    with pytest.raises(DivergedError, match="step 2") as stop:
        train(config, _pictures(2, 64), tmp_path)
    assert stop.value.hint
    state = load_state(tmp_path / CHECKPOINT)
    assert state.step == 0
    assert all(weight.isfinite().all() for weight in state.weights.values())
    assert len((tmp_path / LOG).read_text().splitlines()) == 2
    (tmp_path / CHECKPOINT).unlink()  # 300 MB that nobody needs


def test_weights_that_are_not_finite_are_never_stored() -> None:
    training = Trainer(TrainConfig(size=32, batch=1), _pictures(1, 64))
    with torch.no_grad():
        next(training.network.parameters())[0, 0, 0, 0] = torch.inf
    with pytest.raises(DivergedError, match="weight"):
        training.state()


def test_a_used_folder_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).touch()
    with pytest.raises(DataError, match="holds a training"):
        start_run(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot make the folder"):
        start_run(tmp_path / "file" / "run")


def test_there_must_be_a_training_to_resume(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=CHECKPOINT):
        find_state(tmp_path)


def test_a_log_of_fewer_columns_is_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / LOG).write_text("step,loss\n1,4.5\n2,4.25\n3,4\n")
    with open_log(tmp_path / LOG, 2) as write:
        write(LogLine(3, *(float(number) for number in range(len(COLUMNS) - 1))))
    rows = list(csv.DictReader((tmp_path / LOG).read_text().splitlines()))
    assert [(row["step"], row["loss"], row["rss_mib"]) for row in rows] == [
        ("1", "4.5", ""),
        ("2", "4.25", ""),
        ("3", "0", "10"),
    ]


# --- resumed after SIGKILL --------------------------------------------------------------------------------------------


def _start(*arguments: object) -> subprocess.Popen[str]:
    # One thread: sums in another order would differ in the last bit.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", COMMAND, "train", *map(str, arguments)]
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def _run(*arguments: object) -> None:
    child = _start(*arguments)
    _, errors = child.communicate(timeout=300)
    assert child.returncode == 0, errors


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """The same training twice: in one go, and killed in its fourth step and resumed."""
    folder = tmp_path_factory.mktemp("runs")
    whole, killed = folder / "whole", folder / "killed"
    _run("--synthetic", "-o", whole, *SMALL)
    child = _start("--synthetic", "-o", killed, *SMALL)
    deadline = time.monotonic() + 300
    while not ((killed / LOG).exists() and len((killed / LOG).read_text().splitlines()) >= 4):
        assert child.poll() is None, child.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert 2 <= load_state(killed / CHECKPOINT).step < 5
    _run("-o", killed, "--resume")
    yield whole, killed
    for run in (whole, killed):
        (run / CHECKPOINT).unlink()  # 300 MB each


@pytest.mark.slow
def test_a_killed_and_resumed_training_ends_with_the_same_bits(runs: tuple[Path, Path]) -> None:
    whole, resumed = (load_state(run / CHECKPOINT) for run in runs)
    assert whole.step == resumed.step == 5
    assert whole.average_updates == resumed.average_updates
    ours, theirs = _tensors(resumed), _tensors(whole)
    assert ours.keys() == theirs.keys()
    assert [name for name, tensor in ours.items() if not torch.equal(tensor, theirs[name])] == []


def _tensors(state: TrainState) -> dict[str, torch.Tensor]:
    moments = {
        f"{number} {name}": tensor
        for number, entry in state.optimiser["state"].items()
        for name, tensor in entry.items()
    }
    averages = {f"average {name}": tensor for name, tensor in state.average.items()}
    return {**state.weights, **averages, **moments}


@pytest.mark.slow
def test_the_log_of_a_resumed_training_has_every_step_once(runs: tuple[Path, Path]) -> None:
    whole, resumed = (list(csv.DictReader((run / LOG).read_text().splitlines())) for run in runs)
    assert [row["step"] for row in resumed] == ["1", "2", "3", "4", "5"]
    for ours, theirs in zip(resumed, whole, strict=True):
        measured = {"step_s": "", "rss_mib": ""}
        assert ours | measured == theirs | measured


@pytest.mark.slow
def test_a_trainings_checkpoint_can_be_exported(runs: tuple[Path, Path]) -> None:
    loaded = load_checkpoint(runs[0] / CHECKPOINT)
    assert (loaded.report.classes, loaded.report.groups, loaded.report.variant) == (13, 62, "A")
    assert loaded.report.besides == ("epoch", "resume")
    state = load_state(runs[0] / CHECKPOINT)
    assert torch.equal(loaded.network.state_dict()["hm.2.bias"], state.average["hm.2.bias"])


@pytest.mark.slow
def test_resuming_with_another_configuration_is_refused_with_the_difference(runs: tuple[Path, Path]) -> None:
    child = _start("-o", runs[0], "--resume", "--lr", "0.01", "--batch", "2", "--sizes", "32")
    _, errors = child.communicate(timeout=120)
    assert child.returncode == 2
    assert "lr 0.001, not 0.01" in errors
    assert "sizes 32,96, not 32" in errors
    assert "batch" not in errors.splitlines()[0]


# --- it learns --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_eight_drawings_are_learned_by_heart() -> None:
    """The quickest way to find targets that are mirrored, shifted or on the wrong channel."""
    config = TrainConfig(size=64, batch=8, steps=90, lr=2e-3, ema=0.9)
    pictures = _pictures(8, 256)
    training = Trainer(config, pictures)
    plain = TrainingSamples(
        pictures, training.samples.schema, BatchPlan.of_one_size(8, (64, 64), seed=None), augment=None
    )
    training.samples = plain
    for _ in range(config.steps):
        training.advance()
    training.step = 0  # the batch that was learned
    batch = training.batch()
    with torch.no_grad():
        heads = training.average.network(batch.images)
    assert _recall(heads["hm"], batch.hm) == 1
    errors = _landmark_errors(heads["hps"], batch)
    assert errors.mean() < 0.1
    assert np.quantile(errors, 0.98) < 0.5


def _recall(logits: torch.Tensor, target: torch.Tensor) -> float:
    """Return the share of objects whose centre cell is a peak above 0.3."""
    peaks = torch.nn.functional.max_pool2d(logits, 3, 1, 1)
    objects = target == 1
    return ((logits == peaks) & (logits.sigmoid() > 0.3))[objects].float().mean().item()


def _landmark_errors(hps: torch.Tensor, batch: TrainingBatch) -> np.ndarray:
    """Return the distance of every labelled landmark from where the network puts it, in cells."""
    picture, row, column = batch.centres.T
    difference = (hps[picture, :, row, column] - batch.hps).view(len(picture), -1, 2)
    distance: np.ndarray = difference.norm(dim=2)[batch.hps_known.view(len(picture), -1, 2)[..., 0]].numpy()
    return distance


def test_total_loss_weighs_the_heads() -> None:
    losses = {name: torch.tensor(1.0) for name in ("hm", "wh", "hps", "reg", "hm_hp", "hp_offset")}
    assert total_loss(losses).item() == pytest.approx(5.1)
