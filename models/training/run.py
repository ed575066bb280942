"""A training in the folder of a run: its options, its pictures, its validation, its curves, and what it prints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from deepmark.console import progress, say
from deepmark.errors import DeepMarkError, UsageError
from deepmark.extras import require
from deepmark.models.training.config import RUN_OPTIONS, TrainConfig, read_options
from deepmark.models.training.curves import CURVES, draw_curves
from deepmark.models.training.log import LogLine
from deepmark.models.training.loop import TrainSummary, refuse_second_run, start_run, train
from deepmark.models.training.picture_source import open_pictures
from deepmark.models.training.pictures import TrainingPictures
from deepmark.models.training.ranks import Ranks, connected
from deepmark.models.training.stop_signals import stop_request
from deepmark.models.training.tables import MeanLoss, print_scores, print_warm_start
from deepmark.models.training.train_state import TrainState, write_run_file
from deepmark.models.training.validation import DRAWINGS, Validation, ValidationResult, open_validation


@dataclass(frozen=True, slots=True)
class ValidationRequest:
    """How a training is validated, as it was asked for.

    Attributes:
        where: path of a data set, or ``"none"``; None for held-out drawings where drawings are trained on.
        pictures: largest number of pictures; None for the default.
        every: number of steps between validations; None for once an epoch.
    """

    where: str | None
    pictures: int | None
    every: int | None

    def resumed(self, folder: Path) -> ValidationRequest:
        """Look as the run did before, but for how often: the best of different pictures is not to be compared.

        Raises:
            UsageError: others are asked for.
        """
        if self.where == "none" or not (folder / RUN_OPTIONS).exists():
            return self
        stored = read_options(folder / RUN_OPTIONS)
        for name, given in (("val", self.where), ("val-pictures", self.pictures)):
            if given is not None and given != stored.get(name):
                raise UsageError(
                    f"the training to resume has {name} {stored.get(name, 'as by default')}, not {given}",
                    hint="resume it as it began or with --val none, or start another with -o and --init",
                )
        return ValidationRequest(stored.get("val"), stored.get("val-pictures"), self.every or stored.get("val-every"))

    def check(self, config: TrainConfig) -> None:
        """Refuse options without effect, and what could not be measured.

        Raises:
            UsageError: nothing is validated, but options say how.
            DeepMarkError: hotcoco is not installed.
        """
        if self.wanted(config):
            require("validation", "hotcoco", extra="eval")
        elif self.pictures or self.every:
            raise UsageError(
                "--val-pictures and --val-every say how to validate, but nothing is validated",
                hint="give the pictures to validate on: --val DIR",
            )

    def wanted(self, config: TrainConfig) -> bool:
        """Return whether anything is validated."""
        return self.where != "none" and (self.where is not None or config.data is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """A training to run.

    Attributes:
        folder: folder of the run.
        config: configuration of the training.
        options: all options as a TOML file, which `RUN_OPTIONS` in the folder becomes.
        state: state to go on with; None starts a new training.
        validation: how to validate.
        save_every: number of steps between checkpoints.
        workers: number of processes that draw.
        loaders: number of threads that make batches ahead.
        device: device to train on.
        ranks: processes that train together.
    """

    folder: Path
    config: TrainConfig
    options: str
    state: TrainState | None
    validation: ValidationRequest
    save_every: int
    workers: int
    loaders: int
    device: torch.device
    ranks: Ranks


def run_training(request: RunRequest) -> TrainSummary:
    """Train in the folder of a run, and say on stderr where it stands.

    Raises:
        UsageError: options contradict each other, or the folder holds another run.
        DeepMarkError: see `deepmark.models.training.loop.train`; or the pictures cannot be read.
    """
    request.validation.check(request.config)
    leads, folder = request.ranks.leads, request.folder
    with connected(request.ranks, request.device):
        with request.ranks.lead_first():
            if leads and request.state is None:
                refuse_second_run(folder)  # before anything is read or drawn, which may take long
            pictures = _open_pictures(request)
            if leads and request.state is None:
                start_run(folder)
                write_run_file(folder / RUN_OPTIONS, request.options.encode())
            validation = _open_validation(request) if leads else None
        summary = _train(request, pictures, validation, draw := _curves(folder))
        if leads:
            draw()
    return summary


def _open_pictures(request: RunRequest) -> TrainingPictures:
    """Open the pictures; drawings are as large as they are shown at most, and of mixed shapes where shapes are kept."""
    config = request.config
    size, mixed = max(config.size, *config.trained_sizes), config.fit == "rect"
    return open_pictures(config, request.folder, size=size, workers=request.workers, mixed=mixed)


def _train(
    request: RunRequest, pictures: TrainingPictures, validation: Validation | None, draw: Callable[[], None]
) -> TrainSummary:
    steps, loss = request.config.steps, MeanLoss(request.config.steps)

    def scored(found: ValidationResult) -> None:
        print_scores(found)
        draw()

    left = steps - (request.state.step if request.state else 0)
    with stop_request() as stop, progress("training", left, "steps", detail=loss.text) as advance:

        def stepped(line: LogLine) -> None:
            loss.add(line)
            advance()
            if line.step == steps:
                say(loss.text())

        return train(
            request.config,
            pictures,
            request.folder,
            device=request.device,
            ranks=request.ranks,
            resume=request.state,
            save_every=request.save_every,
            loaders=request.loaders,
            validation=validation,
            validate_every=request.validation.every,
            stop=stop,
            report=stepped,
            scored=scored,
            account=print_warm_start,
        )


def _open_validation(request: RunRequest) -> Validation | None:
    """Open the pictures to validate on, or make the drawings that a run does not have yet."""
    asked = request.validation
    if not asked.wanted(request.config):
        return None
    source = None if asked.where is None else Path(asked.where)
    total = asked.pictures or DRAWINGS if source is None else None
    label = "drawing for validation" if source is None else "reading labels for validation"
    with progress(label, total, "pictures") as advance:
        return open_validation(
            request.config,
            request.folder,
            source=source,
            most=asked.pictures,
            workers=request.workers,
            advance=advance,
        )


def _curves(folder: Path) -> Callable[[], None]:
    """Return a function that draws the curves; a training does not end for the lack of a picture."""
    reported: set[str] = set()

    def draw() -> None:
        try:
            draw_curves(folder, folder / CURVES)
        except DeepMarkError as error:
            if str(error) not in reported:
                say(f"no {CURVES}: {error}{f' ({error.hint})' if error.hint else ''}")
                reported.add(str(error))

    return draw
