"""The training of a refiner in the folder of a run: its pictures, its state, and what it prints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from deepmark.console import progress
from deepmark.errors import UsageError
from deepmark.models.refiner.checkpoint import RefinerState, read_refiner
from deepmark.models.refiner.config import RefinerConfig
from deepmark.models.refiner.training import RefinerLogLine, RefinerSummary, train_refiner
from deepmark.models.training.loop import CHECKPOINT, refuse_second_run, start_run
from deepmark.models.training.picture_source import open_pictures
from deepmark.models.training.stop_signals import stop_request


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinerRun:
    """A training to run.

    Attributes:
        folder: folder of the run.
        config: configuration; None to go on as the run began.
        save_every: number of steps between checkpoints.
        workers: number of processes that draw.
        loaders: number of threads that make batches ahead.
        threads: number of threads that compute; None for torch's own choice.
    """

    folder: Path
    config: RefinerConfig | None
    save_every: int = 250
    workers: int = 1
    loaders: int = 1
    threads: int | None = None


def run_refiner_training(request: RefinerRun) -> RefinerSummary:
    """Train in the folder of a run, and say on stderr where it stands.

    Raises:
        UsageError: the folder holds weights without a training to go on with.
        DeepMarkError: see `train_refiner`; or the pictures cannot be read.
    """
    folder, state = request.folder, None
    if request.config is None:
        state = _find_state(folder)
        config = state.config
    else:
        config = request.config
        config.channels(config.load_schema())
        refuse_second_run(folder)  # before anything is read or drawn, which may take long
    if request.threads is not None:
        torch.set_num_threads(request.threads)
    pictures = open_pictures(config, folder, size=config.drawn_size, workers=request.workers)
    if state is None:
        start_run(folder)
    left, recent = config.steps - (state.step if state else 0), _MeanOks(config.steps)
    with stop_request() as stop, progress("training", left, "steps", detail=recent.text) as advance:

        def stepped(line: RefinerLogLine) -> None:
            recent.add(line)
            advance()

        return train_refiner(
            config,
            pictures,
            folder,
            resume=state,
            save_every=request.save_every,
            loaders=request.loaders,
            stop=stop,
            report=stepped,
        )


def _find_state(folder: Path) -> RefinerState:
    state = read_refiner(folder / CHECKPOINT)
    if state.weights is None:
        raise UsageError(f"{folder / CHECKPOINT} holds weights, but no training to go on with", hint="start another")
    return state


class _MeanOks:
    """Takes the lines of the log and has one line for all since it was asked last."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._lines: list[RefinerLogLine] = []

    def add(self, line: RefinerLogLine) -> None:
        self._lines.append(line)

    def text(self) -> str:
        lines, self._lines = self._lines, self._lines[-1:]
        before, after = (
            sum(values) / len(lines) for values in ([one.oks_in for one in lines], [one.oks_out for one in lines])
        )
        return f"step {lines[-1].step:,} of {self._steps:,}: OKS {before:.3f} -> {after:.3f}, loss {lines[-1].loss:.3f}"
