"""The training from its first step to its last: batches, checkpoints, log, validations, and an early end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from deepmark.errors import DataError
from deepmark.models.training.config import TrainConfig
from deepmark.models.training.log import LogLine, LogWriter, open_log
from deepmark.models.training.pictures import TrainingPictures
from deepmark.models.training.ranks import Ranks
from deepmark.models.training.steps import take_steps
from deepmark.models.training.stop_signals import StopRequest
from deepmark.models.training.train_state import TrainState, load_state, save_state, save_weights
from deepmark.models.training.trainer import ALONE, CPU, Trainer
from deepmark.models.training.validation import DECIDING, Validation, ValidationResult, is_better, is_due, write_scores
from deepmark.models.training.warm_start import WarmStart

CHECKPOINT, BEST, LOG, VALIDATION = "last.pth", "best.pth", "log.csv", "validation.csv"


@dataclass(frozen=True, slots=True)
class TrainSummary:
    """What a training came to.

    Attributes:
        checkpoint: path of the file with the averaged weights.
        log: path of the file with a line a step.
        steps: number of steps done in all.
        resumed_at: number of steps that were done before.
        pictures_per_s: pictures a second in the steps done now, checkpoints and validations included.
        loss: mean loss of the last steps (at most 50).
        best: highest score of a validation; None if there was none.
        warm_start: account of what was taken from ``init``; None if there was none.
    """

    checkpoint: str
    log: str
    steps: int
    resumed_at: int
    pictures_per_s: float
    loss: float
    best: float | None
    warm_start: WarmStart | None


def train(
    config: TrainConfig,
    pictures: TrainingPictures,
    folder: Path,
    *,
    device: torch.device = CPU,
    ranks: Ranks = ALONE,
    resume: TrainState | None = None,
    save_every: int = 250,
    loaders: int = 1,
    validation: Validation | None = None,
    validate_every: int | None = None,
    stop: StopRequest | None = None,
    report: Callable[[LogLine], None] = lambda _: None,
    scored: Callable[[ValidationResult], None] = lambda _: None,
    account: Callable[[WarmStart], None] = lambda _: None,
) -> TrainSummary:
    """Train a network, with a checkpoint every ``save_every`` steps and at the end.

    Of several processes the leading one writes, validates and calls back.

    Args:
        config: configuration of the training.
        pictures: pictures to train on.
        folder: folder of the run: checkpoints and tables.
        device: device to train on, from `choose_device`.
        ranks: processes that share every batch, `connected`.
        resume: state to go on from, from `find_state`; None starts anew.
        save_every: number of steps between checkpoints.
        loaders: number of threads that make batches ahead; 0 makes each when it is needed. The result is the same.
        validation: scores the averaged network, of which the best is kept as `BEST`; None to validate nothing.
        validate_every: number of steps between validations; None for once an epoch.
        stop: request for an end between two steps, with a checkpoint; None where nobody can ask.
        report: function called after every step.
        scored: function called after every validation.
        account: function called before the first step with what was taken from ``config.init``.

    Raises:
        DivergedError: a loss or gradient is not finite; the last checkpoint is kept.
        InterruptedTrainingError: it was asked to stop.
        DataError: nothing can be written into the folder, or a picture cannot be read.
        CheckpointError: ``config.init`` cannot be used.
    """
    training = Trainer(config, pictures, device, resume, ranks)

    def save() -> None:
        save_state(training.state(), folder / CHECKPOINT)

    if training.warm_start is not None and ranks.leads:
        account(training.warm_start)
    if resume is None and ranks.leads:  # a run can go on from step 0, and a full disk shows now
        save()

    def validate() -> None:
        if validation and _is_due(training, validate_every):
            scored(_validate(training, validation, folder))

    asked = stop or StopRequest()
    taken = take_steps(
        training,
        training.batch,
        lambda batch: training.advance(batch, stop=asked.came),
        log=_log(folder, training),
        loaders=loaders,
        save=save,
        save_every=save_every,
        report=report,
        stop=asked,
        stopping=lambda: training.stopping,
        validate=validate,
        leads=ranks.leads,
    )
    return TrainSummary(
        checkpoint=str(folder / CHECKPOINT),
        log=str(folder / LOG),
        steps=training.step,
        resumed_at=taken.before,
        pictures_per_s=taken.samples_per_s,
        loss=taken.mean(lambda line: line.loss),
        best=training.best,
        warm_start=training.warm_start,
    )


@contextmanager
def _log(folder: Path, training: Trainer) -> Iterator[LogWriter]:
    """Open the log; where another process leads, nothing is written."""
    if not training.ranks.leads:
        yield lambda _: None
        return
    with open_log(folder / LOG, training.step) as write:
        yield write


def _is_due(training: Trainer, every: int | None) -> bool:
    pictures, config = len(training.samples.pictures), training.config
    return is_due(training.step, every=every, batch=config.batch, pictures=pictures, steps=config.steps)


def _validate(training: Trainer, validation: Validation, folder: Path) -> ValidationResult:
    """Score the averaged network, and keep it if it is the best so far."""
    with torch.no_grad():
        scores = validation.score(training.average.network, training.step)
    best = is_better(scores[DECIDING], training.best)
    if best:
        training.best = scores[DECIDING]
        state = training.state()
        save_weights(state.average, state.epoch, folder / BEST)
    write_scores(folder / VALIDATION, training.step, scores)
    return ValidationResult(training.step, scores, best)


def refuse_second_run(folder: Path) -> None:
    """Require a folder without a run.

    Raises:
        DataError: a run is there already.
    """
    if (folder / CHECKPOINT).exists():
        raise DataError(f"{folder} holds a training already", hint="go on with --resume, or choose another folder")


def start_run(folder: Path) -> None:
    """Make the folder of a new run.

    Raises:
        DataError: a run is there already, or the folder cannot be made.
    """
    refuse_second_run(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"cannot make the folder {folder}: {error.strerror}", hint="choose a folder that you may write to"
        ) from error


def find_state(folder: Path) -> TrainState:
    """Read the state of the run in a folder.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    return load_state(folder / CHECKPOINT)
