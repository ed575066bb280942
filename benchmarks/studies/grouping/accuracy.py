"""Table 1: two trainings that differ in nothing but the grouping, each held against drawings that neither saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from deepmark.benchmarks.studies.grouping.step import Groups
from deepmark.models import load_checkpoint
from deepmark.models.checkpoint import read_checkpoint
from deepmark.models.datasets.deepfashion2 import open_dataset
from deepmark.models.datasets.drawings.held_out_set import DrawnSet, draw_held_out, held_out_seed
from deepmark.models.evaluation.validation_set import ValidationSet, figures, open_detector, validate
from deepmark.models.training.config import TrainConfig, check_same
from deepmark.models.training.log import LogLine
from deepmark.models.training.loop import CHECKPOINT, find_state, start_run, train
from deepmark.models.training.pictures import draw_pictures
from deepmark.models.training.train_state import save_weights


@dataclass(frozen=True, slots=True)
class GroupingAccuracy:
    """What a training came to.

    Attributes:
        groups: number of landmark channels.
        steps: number of steps of the training.
        pictures: number of held-out drawings that it was evaluated on.
        map_pt: mAP of landmarks, in [0, 1].
        map_box: mAP of boxes, in [0, 1].
    """

    groups: Groups
    steps: int
    pictures: int
    map_pt: float
    map_box: float


BODY = "body.pth"  # what both groupings begin with
GROUPED = ("hps.", "hm_hp.")  # heads with channels for groups


def train_and_measure(
    groups: Groups,
    config: TrainConfig,
    folder: Path,
    *,
    init: Path | None = None,
    held_out: int,
    device: torch.device,
    workers: int,
    report: Callable[[LogLine], None] = lambda _: None,
) -> GroupingAccuracy:
    """Train with one grouping, or go on with that, or take what was trained; then evaluate.

    Drawings and held-out drawings lie in the folder too, and both groupings share them.

    Args:
        groups: number of landmark channels.
        config: configuration of the training; its schema is replaced by ``groups``.
        folder: folder of the comparison; the run is in the folder ``groups`` in it.
        init: checkpoint whose tensors the training begins with, as far as both groupings share them; None to begin
            afresh.
        held_out: number of drawings to evaluate on.
        device: device to train on.
        workers: number of processes that draw.
        report: called after every step.

    Raises:
        CheckpointError: ``init`` cannot be used.
        UsageError: the folder has such a training with another configuration.
        DataError: the folder cannot be written, or holds other drawings.
    """
    body = None if init is None else str(_keep_body(init, folder / BODY))
    config = TrainConfig.from_document({**config.document(), "schema": str(groups), "init": body})
    run = folder / str(groups)
    pictures = draw_pictures(
        folder / "drawings", seed=config.drawn, size=config.size, count=config.pictures, workers=workers
    )
    state = None
    if (run / CHECKPOINT).exists():
        state = find_state(run)
        check_same(state.config, config.document())
    else:
        start_run(run)
    if state is None or state.step < config.steps:
        train(config, pictures, run, device=device, resume=state, report=report)
    drawings = folder / "validation"
    draw_held_out(drawings, DrawnSet(held_out_seed(config.drawn), config.size, held_out), workers=workers)
    loaded = load_checkpoint(run / CHECKPOINT)
    assert loaded.schema is not None
    detector = open_detector(loaded.network.to(device), loaded.schema, config.size)
    found = figures(validate(detector, ValidationSet.read(open_dataset(drawings, drawings))))
    return GroupingAccuracy(groups, config.steps, held_out, found["mAP_pt"], found["mAP_box"])


def _keep_body(init: Path, path: Path) -> Path:
    """Write a checkpoint without the heads whose channels depend on the grouping: to neither an advantage."""
    tensors = {name: one for name, one in read_checkpoint(init).tensors.items() if not name.startswith(GROUPED)}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_weights(tensors, 0, path)
    return path
