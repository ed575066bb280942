"""The training of a refiner, from its first step to its last."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import torch

from deepmark.errors import DivergedError, InterruptedTrainingError
from deepmark.models.refiner.checkpoint import RefinerState, count_channels, require_weights, save_refiner
from deepmark.models.refiner.config import RefinerConfig
from deepmark.models.refiner.losses import mean_similarity, refiner_losses
from deepmark.models.refiner.network import expected_cell, make_refiner
from deepmark.models.refiner.samples import RefinerBatch, RefinerSamples, collate_samples
from deepmark.models.training.batches import made_ahead
from deepmark.models.training.log import open_log
from deepmark.models.training.loop import CHECKPOINT, LOG
from deepmark.models.training.optimiser import Ema, learning_rate, make_optimiser
from deepmark.models.training.pictures import TrainingPictures
from deepmark.models.training.stop_signals import StopRequest
from deepmark.runtime.heads.maps import STRIDE


@dataclass(frozen=True, slots=True)
class RefinerLogLine:
    """One step.

    Attributes:
        step: 1-based number.
        loss: sum of both losses.
        map: cross-entropy of the maps.
        point: L1 of the positions, in cells.
        oks_in: mean OKS of the landmarks with their synthesised errors.
        oks_out: mean OKS of the landmarks as the network moved them.
        grad_norm: norm of the gradient before clipping.
        lr: learning rate.
        step_s: time that the step took, in seconds.
    """

    step: int
    loss: float
    map: float
    point: float
    oks_in: float
    oks_out: float
    grad_norm: float
    lr: float
    step_s: float


COLUMNS = tuple(field.name for field in fields(RefinerLogLine))


@dataclass(frozen=True, slots=True)
class RefinerSummary:
    """What a training came to.

    Attributes:
        checkpoint: path of the file with the averaged weights.
        log: path of the file with a line a step.
        steps: number of steps done in all.
        resumed_at: number of steps that were done before.
        objects_per_s: objects a second in the steps done now.
        oks_in: mean OKS of the last steps' landmarks (at most 50 steps) with their errors.
        oks_out: mean OKS of the same landmarks, refined.
    """

    checkpoint: str
    log: str
    steps: int
    resumed_at: int
    objects_per_s: float
    oks_in: float
    oks_out: float


class RefinerTrainer:
    """A network on its way, with all that moves with it.

    Args:
        config: configuration of the training.
        pictures: pictures to train on.
        resume: state to go on from; None starts anew.

    Attributes:
        step: number of steps done.
        network: network in training.
        samples: objects that it is trained on.
    """

    def __init__(self, config: RefinerConfig, pictures: TrainingPictures, resume: RefinerState | None = None) -> None:
        schema = config.load_schema()
        channels = config.channels(schema)
        count = count_channels(channels)
        self.config = config
        self.samples = RefinerSamples(
            pictures, schema, channels, count, config.input_hw, config.seed, config.augment or None
        )
        torch.manual_seed(config.seed)
        self.network = make_refiner(config.backbone, count, config.sigma)

        self.average = Ema(self.network, config.ema)
        self.network.train()
        self.optimiser = make_optimiser(self.network, lr=config.lr, weight_decay=config.weight_decay)
        self.step = 0
        if resume is not None and resume.weights is not None and resume.optimiser is not None:
            require_weights(self.network, resume.weights, Path(CHECKPOINT))
            self.network.load_state_dict(resume.weights, strict=True)
            self.average.load(resume.average, resume.average_updates)
            self.optimiser.load_state_dict(resume.optimiser)
            self.step = resume.step

    def batch(self, step: int) -> RefinerBatch:
        """Make the batch of a step, 0-based; it depends on nothing else."""
        first = step * self.config.batch
        return collate_samples([self.samples[first + number] for number in range(self.config.batch)])

    def advance(self, batch: RefinerBatch) -> RefinerLogLine:
        """Do one step.

        Raises:
            DivergedError: the loss or its gradient is not finite; the weights are those of the step before.
        """
        start = time.perf_counter()
        lr = learning_rate(self.step, self.config.steps, self.config.lr)
        for group in self.optimiser.param_groups:
            group["lr"] = lr
        logits = self.network(batch.image, batch.pose)
        losses = refiner_losses(logits, batch)
        loss = losses["map"] + losses["point"]
        self._require_finite("loss", loss.item())
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip).item()
        self._require_finite("gradient", norm)
        self.optimiser.step()
        self.average.update(self.network)
        self.step += 1
        return RefinerLogLine(
            step=self.step,
            loss=loss.item(),
            map=losses["map"].item(),
            point=losses["point"].item(),
            oks_in=mean_similarity(batch.pose[..., :2], batch).item(),
            oks_out=mean_similarity(STRIDE * expected_cell(logits.detach()), batch).item(),
            grad_norm=norm,
            lr=lr,
            step_s=time.perf_counter() - start,
        )

    def _require_finite(self, what: str, value: float) -> None:
        if not math.isfinite(value):
            raise DivergedError(
                f"step {self.step + 1}: the {what} is {value}; the training diverged and was stopped",
                hint="the checkpoint from before is kept; train again with a lower --lr",
            )

    def state(self) -> RefinerState:
        """Return all that is needed to go on."""
        return RefinerState(
            config=self.config,
            step=self.step,
            average=self.average.state_dict(),
            weights=self.network.state_dict(),
            average_updates=self.average.updates,
            optimiser=self.optimiser.state_dict(),
        )


def train_refiner(
    config: RefinerConfig,
    pictures: TrainingPictures,
    folder: Path,
    *,
    resume: RefinerState | None = None,
    save_every: int = 250,
    loaders: int = 1,
    stop: StopRequest | None = None,
    report: Callable[[RefinerLogLine], None] = lambda _: None,
) -> RefinerSummary:
    """Train a refiner, with a checkpoint every ``save_every`` steps and at the end.

    Args:
        config: configuration of the training.
        pictures: pictures to train on.
        folder: folder of the run.
        resume: state to go on from; None starts anew.
        save_every: number of steps between checkpoints.
        loaders: number of threads that make batches ahead; the result is the same.
        stop: request for an end between two steps; None where nobody can ask.
        report: function called after every step.

    Raises:
        DivergedError: a loss or gradient is not finite; the last checkpoint is kept.
        InterruptedTrainingError: it was asked to stop.
        DataError: nothing can be written into the folder, or a picture cannot be read.
    """
    training = RefinerTrainer(config, pictures, resume)
    if resume is None:
        save_refiner(training.state(), folder / CHECKPOINT)
    start, resumed_at = time.perf_counter(), training.step
    last: list[RefinerLogLine] = []
    steps = range(training.step, config.steps)
    with (
        open_log(folder / LOG, training.step, COLUMNS) as write,
        made_ahead(training.batch, steps, loaders) as batches,
    ):
        for batch in batches:
            line = training.advance(batch)
            last = [*last[-49:], line]
            write(line)
            report(line)
            ended = training.step == config.steps
            stopping = stop is not None and stop.signal_number > 0 and not ended
            if stopping or ended or training.step % save_every == 0:
                save_refiner(training.state(), folder / CHECKPOINT)
            if stopping:
                assert stop is not None
                raise InterruptedTrainingError(training.step, stop.signal_number)
    done = (training.step - resumed_at) * config.batch
    return RefinerSummary(
        checkpoint=str(folder / CHECKPOINT),
        log=str(folder / LOG),
        steps=training.step,
        resumed_at=resumed_at,
        objects_per_s=round(done / (time.perf_counter() - start), 1),
        oks_in=_mean([one.oks_in for one in last]),
        oks_out=_mean([one.oks_out for one in last]),
    )


def _mean(values: list[float]) -> float:
    return round(sum(values) / len(values), 4) if values else math.nan
