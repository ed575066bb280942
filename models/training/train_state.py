"""The state of a training in one file: what `deepmark export` takes, and what a resumed training needs besides.

``state_dict`` holds the averaged weights, in CenterNet's layout, so the file is an ordinary checkpoint. ``resume``
holds the weights that are trained, the optimiser's moments and the step; data and augmentation follow from the step.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from deepmark.errors import CheckpointError, DataError
from deepmark.files import NO_ROOM, write_whole
from deepmark.models.checkpoint import read_document
from deepmark.models.training.config import TrainConfig

FORMAT = 1  # of the part ``resume``


@dataclass(frozen=True, slots=True, eq=False)
class TrainState:
    """All that a training is at the end of a step.

    Attributes:
        config: configuration of the training.
        pictures: number of pictures of the data set.
        step: number of steps done.
        weights: trained weights by name.
        average: moving average of the weights by the names of CenterNet's files.
        average_updates: number of steps that the average has seen.
        optimiser: state of the optimiser.
        best: highest score of a validation so far; None before the first.
    """

    config: TrainConfig
    pictures: int
    step: int
    weights: dict[str, Tensor]
    average: dict[str, Tensor]
    average_updates: int
    optimiser: dict[str, Any]
    best: float | None = None

    @property
    def epoch(self) -> int:
        """Times that every picture was seen."""
        return self.step * self.config.batch // self.pictures


def save_state(state: TrainState, path: Path) -> None:
    """Write a checkpoint so that ``path`` holds the old one or the new one whole, whatever ends the program.

    Raises:
        DataError: it cannot be written, for example because the disk is full; the old file is as it was.
    """
    resume = {
        "format": FORMAT,
        "config": state.config.document(),
        "pictures": state.pictures,
        "step": state.step,
        "weights": state.weights,
        "average_updates": state.average_updates,
        "optimiser": state.optimiser,
        "best": state.best,
    }
    _write({"epoch": state.epoch, "state_dict": state.average, "resume": resume}, path)


def save_weights(weights: Mapping[str, Tensor], epoch: int, path: Path) -> None:
    """Write weights alone in CenterNet's layout, whole or not at all.

    Raises:
        DataError: they cannot be written; the old file is as it was.
    """
    _write({"epoch": epoch, "state_dict": dict(weights)}, path)


def _write(document: dict[str, Any], path: Path) -> None:
    # torch.save into a file turns a full disk into an error of its own that does not say so: write the bytes ourselves.
    buffer = io.BytesIO()
    torch.save(document, buffer)
    write_run_file(path, buffer.getbuffer())


def write_run_file(path: Path, content: bytes | memoryview) -> None:
    """Replace a file of a run's folder by another in one step, its content on the disk before its name.

    Raises:
        DataError: it cannot be written; the old file is as it was.
    """
    write_whole(path, content, durable=True, explain=_cannot_write)


def _cannot_write(path: Path, error: OSError) -> DataError:
    hint = "free some space, then go on with --resume; the checkpoint before it is whole"
    return DataError(
        f"cannot write {path}: {os.strerror(error.errno or 0)}", hint=hint if error.errno in NO_ROOM else None
    )


def load_state(path: Path) -> TrainState:
    """Read what `save_state` wrote.

    Raises:
        CheckpointError: no such file, damaged, or a checkpoint that was not left by a training.
    """
    document = read_document(path)
    resume = document.get("resume") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(resume, dict) or resume.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} holds weights, but not the state of a training to go on with",
            hint="start a training from it with --init",
        )
    return TrainState(
        config=TrainConfig.from_document(resume["config"]),
        pictures=resume["pictures"],
        step=resume["step"],
        weights=resume["weights"],
        average=document["state_dict"],
        average_updates=resume["average_updates"],
        optimiser=resume["optimiser"],
        best=resume.get("best"),  # absent from checkpoints of before there were validations
    )
