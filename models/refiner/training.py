"""The training of a refiner, from its first step to its last."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import torch

from deepmark.models.refiner.checkpoint import RefinerState, count_channels, require_weights, save_refiner
from deepmark.models.refiner.config import RefinerConfig
from deepmark.models.refiner.losses import mean_similarity, refiner_losses
from deepmark.models.refiner.network import ResNetRefiner, SlimRefiner, expected_cell, make_refiner
from deepmark.models.refiner.samples import RefinerBatch, RefinerSamples, collate_samples
from deepmark.models.training.descent import Descent
from deepmark.models.training.log import open_log
from deepmark.models.training.loop import CHECKPOINT, LOG
from deepmark.models.training.optimiser import Ema
from deepmark.models.training.pictures import TrainingPictures
from deepmark.models.training.steps import take_steps
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


class RefinerTrainer(Descent[RefinerConfig, ResNetRefiner | SlimRefiner]):
    """A network on its way, with all that moves with it.

    Args:
        config: configuration of the training.
        pictures: pictures to train on.
        resume: state to go on from; None starts anew.

    Attributes:
        samples: objects that it is trained on.
    """

    DIVERGED = "the checkpoint from before is kept; train again with a lower --lr"

    def __init__(self, config: RefinerConfig, pictures: TrainingPictures, resume: RefinerState | None = None) -> None:
        schema = config.load_schema()
        channels = config.channels(schema)
        count = count_channels(channels)
        self.samples = RefinerSamples(
            pictures, schema, channels, count, config.input_hw, config.seed, config.augment or None
        )
        torch.manual_seed(config.seed)
        network = make_refiner(config.backbone, count, config.sigma)
        super().__init__(config, network, Ema(network, config.ema))
        if resume is not None and resume.weights is not None and resume.optimiser is not None:
            require_weights(network, resume.weights, Path(CHECKPOINT))
            self.restore(
                resume.step,
                weights=resume.weights,
                average=resume.average,
                average_updates=resume.average_updates,
                optimiser=resume.optimiser,
            )

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
        lr = self.set_rate()
        logits = self.network(batch.image, batch.pose)
        losses = refiner_losses(logits, batch)
        loss = losses["map"] + losses["point"]
        self.require_finite("loss", loss.item())
        norm = self.descend(loss)
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

    def save() -> None:
        save_refiner(training.state(), folder / CHECKPOINT)

    if resume is None:
        save()
    asked = stop or StopRequest()
    taken = take_steps(
        training,
        training.batch,
        training.advance,
        log=open_log(folder / LOG, training.step, COLUMNS),
        loaders=loaders,
        save=save,
        save_every=save_every,
        report=report,
        stop=asked,
        stopping=lambda: asked.came,
    )
    return RefinerSummary(
        checkpoint=str(folder / CHECKPOINT),
        log=str(folder / LOG),
        steps=training.step,
        resumed_at=taken.before,
        objects_per_s=taken.samples_per_s,
        oks_in=round(taken.mean(lambda line: line.oks_in), 4),
        oks_out=round(taken.mean(lambda line: line.oks_out), 4),
    )
