"""A training that is scored on the way keeps its best network, and stops between two steps when asked to."""

from __future__ import annotations

import csv
import math
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import nn

from deepmark.errors import InterruptedTrainingError
from deepmark.models import load_checkpoint
from deepmark.models.datasets.drawings import draw
from deepmark.models.training.config import TrainConfig
from deepmark.models.training.log import LogLine
from deepmark.models.training.loop import BEST, CHECKPOINT, LOG, VALIDATION, train
from deepmark.models.training.stop_signals import StopRequest, stop_request
from deepmark.models.training.train_state import load_state
from deepmark.models.training.validation import (
    PREDICTIONS,
    Validation,
    ValidationResult,
    is_better,
    is_due,
    open_validation,
    write_scores,
)

SCORES = {1: 0.25, 2: math.nan, 3: 0.125, 4: 0.25}
CONFIG = TrainConfig(size=32, batch=2, steps=4, pictures=4)


def test_nan_is_never_the_best() -> None:
    assert is_better(0.0, None)
    assert is_better(0.2, 0.1)
    assert not is_better(0.1, 0.1)
    assert not is_better(math.nan, None)
    assert not is_better(math.nan, 0.1)


def test_a_validation_is_due_when_an_epoch_ends_and_at_the_end() -> None:
    def due(every: int | None, batch: int) -> list[int]:
        return [s for s in range(1, 11) if is_due(s, every=every, batch=batch, pictures=10, steps=10)]

    assert due(None, 4) == [3, 5, 8, 10]  # 12, 20, 32 and 40 pictures
    assert due(None, 10) == list(range(1, 11))
    assert due(4, 4) == [4, 8, 10]


def test_scores_from_before_a_kill_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / VALIDATION
    for step in (2, 4, 6, 3):
        write_scores(path, step, {"mAP_pt": step / 8, "mAP_box": math.nan})
    assert path.read_text() == "step,mAP_pt,mAP_box\n2,0.25,nan\n3,0.375,nan\n"


@pytest.mark.slow
def test_a_training_in_pictures_own_shapes_is_validated_so(tmp_path: Path, demo_checkpoint: Path) -> None:
    config = TrainConfig(size=96, fit="rect")
    validation = open_validation(config, tmp_path, source=None, most=5, workers=1)
    network = load_checkpoint(demo_checkpoint).network.eval()
    seen: set[tuple[int, ...]] = set()
    network.register_forward_pre_hook(lambda _, inputs: seen.add(tuple(inputs[0].shape[2:])))
    with torch.no_grad():
        scores = validation.score(network, 1)
    assert seen == {(96, 96), (96, 64), (64, 96)}
    assert set(scores) == {"mAP_pt", "mAP_box"}
    assert (tmp_path / PREDICTIONS / "step_000001.jpg").exists()


class _Judge(Validation):
    """Gives the scores above, and notes what it is given."""

    weights: ClassVar[dict[int, dict[str, torch.Tensor]]]

    def __init__(self) -> None:
        type(self).weights = {}

    def score(self, network: nn.Module, step: int) -> dict[str, float]:
        assert not any(module.training for module in network.modules())
        assert not torch.is_grad_enabled()
        self.weights[step] = {name: value.clone() for name, value in network.state_dict().items()}
        return {"mAP_pt": SCORES[step], "mAP_box": 0.5}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, _Judge, list[ValidationResult]]]:
    """A training that was asked to stop in its second step and then resumed, validated every step."""
    folder, judge = tmp_path_factory.mktemp("run"), _Judge()
    scored: list[ValidationResult] = []
    drawings = [draw(5, number, 64) for number in range(4)]
    pictures = [(drawing.image_bgr_u8, drawing.items) for drawing in drawings]
    request = StopRequest()

    def stop_after_first(line: LogLine) -> None:
        if line.step == 1:
            request.note(signal.SIGTERM, None)

    with pytest.raises(InterruptedTrainingError, match="interrupted after step 2") as stop:
        train(CONFIG, pictures, folder, validation=judge, validate_every=1, stop=request, report=stop_after_first)
    assert stop.value.exit_code == 143
    assert stop.value.hint is not None
    assert "--resume" in stop.value.hint
    state = load_state(folder / CHECKPOINT)
    assert (state.step, state.best) == (2, 0.25)
    summary = train(CONFIG, pictures, folder, resume=state, validation=judge, validate_every=1, scored=scored.append)
    assert summary.best == 0.25
    yield folder, judge, scored
    for name in (CHECKPOINT, BEST):
        (folder / name).unlink()


@pytest.mark.slow
def test_the_best_averaged_network_is_kept_in_centernets_layout(
    run: tuple[Path, _Judge, list[ValidationResult]],
) -> None:
    folder, judge, scored = run
    assert load_checkpoint(folder / BEST).report.besides == ("epoch",)
    kept = torch.load(folder / BEST)["state_dict"]
    assert kept.keys() == judge.weights[1].keys()
    assert [name for name, value in judge.weights[1].items() if not torch.equal(kept[name], value)] == []
    assert [one.best for one in scored] == [False, False]
    assert load_state(folder / CHECKPOINT).best == 0.25


@pytest.mark.slow
def test_every_score_is_written_down(run: tuple[Path, _Judge, list[ValidationResult]]) -> None:
    rows = list(csv.DictReader((run[0] / VALIDATION).read_text().splitlines()))
    # the second step ended with the stop; one waits for a checkpoint then, not for a validation
    assert [(row["step"], row["mAP_pt"]) for row in rows] == [("1", "0.25"), ("3", "0.125"), ("4", "0.25")]


@pytest.mark.slow
def test_the_log_tells_memory_and_has_every_step_once(run: tuple[Path, _Judge, list[ValidationResult]]) -> None:
    rows = list(csv.DictReader((run[0] / LOG).read_text().splitlines()))
    assert [row["step"] for row in rows] == ["1", "2", "3", "4"]
    assert all(50 < float(row["rss_mib"]) < 20_000 for row in rows)


# --- signals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_noted_and_ends_nothing(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stop_request() as request:
        assert request.signal_number == 0
        signal.raise_signal(number)
        signal.raise_signal(number)  # at once, as torchrun sends it on
        assert request.signal_number == number
    assert signal.getsignal(number) is before


def test_ctrl_c_once_more_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((10.0, 12.0))
    monkeypatch.setattr("deepmark.models.training.stop_signals.time.monotonic", lambda: next(clock))
    with stop_request():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


# --- memory -----------------------------------------------------------------------------------------------------------


GROWTH = """
from deepmark.models.training.log import resident_mib
before = resident_mib()
held = bytearray(b"x" * (64 * 2**20))
print(resident_mib() - before)
"""


@pytest.mark.slow
def test_the_memory_of_this_process_grows_with_what_it_holds() -> None:
    # in a process of its own: this one has free memory that it would fill first
    child = subprocess.run([sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True)
    assert 60 < float(child.stdout) < 80
