"""A network in training and one step of it.

Everything that a step depends on is the state after the step before and the step's number. So a run that was killed
goes on from its last checkpoint as if nothing had happened, bit for bit on the same machine and number of threads.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from deepmark.errors import DataError
from deepmark.models.networks import KeypointNetwork
from deepmark.models.training.architecture import fresh_network, from_file, to_file
from deepmark.models.training.batch_norm import share_statistics
from deepmark.models.training.batch_plan import BatchPlan, shown_sizes
from deepmark.models.training.batches import TrainingBatch, collate
from deepmark.models.training.config import TrainConfig
from deepmark.models.training.descent import Descent
from deepmark.models.training.log import LogLine, resident_mib
from deepmark.models.training.losses import BatchLosses, count_entries, total_loss
from deepmark.models.training.optimiser import Ema
from deepmark.models.training.pictures import TrainingPictures, picture_sizes
from deepmark.models.training.ranks import Ranks
from deepmark.models.training.samples import TrainingSamples
from deepmark.models.training.train_state import TrainState
from deepmark.models.training.warm_start import take_weights

CPU = torch.device("cpu")
ALONE = Ranks()


class Trainer(Descent[TrainConfig, KeypointNetwork]):
    """A network on its way, with all that moves with it.

    Args:
        config: configuration of the training.
        pictures: pictures to train on.
        device: device to train on.
        resume: state to go on from, from `load_state`; None starts anew, from ``config.init`` if there is one.
        ranks: processes that share every batch; all are given the same of everything else.

    Attributes:
        stopping: whether any of the processes was asked, before the last step, to stop after it.
    """

    DIVERGED = "the checkpoint from before is kept; train again, from it (--init) or anew, with a lower --lr"

    def __init__(
        self,
        config: TrainConfig,
        pictures: TrainingPictures,
        device: torch.device = CPU,
        resume: TrainState | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        ranks.check_batch(config.batch)
        schema = config.load_schema()
        self.ranks = ranks
        self.samples = TrainingSamples(pictures, schema, _plan(config, pictures), config.seed, config.augment)
        torch.manual_seed(config.seed)
        network = fresh_network(config.arch, len(schema.classes), schema.num_groups)
        self.warm_start = None
        if config.init and not resume:
            self.warm_start = take_weights(network, Path(config.init), config.arch, dcn_mask=config.dcn_mask)
        # torch's annotations of Module.to do not know memory_format
        network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.device = device
        average = Ema(network, config.ema)
        if ranks.size > 1:
            share_statistics(network, ranks)
        super().__init__(config, network, average)
        self.best: float | None = None
        self.stopping = False
        if resume:
            self._restore(resume)
        self._losses = ranks.joined(BatchLosses(self.network))

    def batch(self, step: int | None = None) -> TrainingBatch:
        """Make this process's share of a step's batch; it depends on the step (0-based; None: the next) alone."""
        first = (self.step if step is None else step) * self.config.batch
        return collate([self.samples[position] for position in self.ranks.share(first, self.config.batch)])

    def advance(self, batch: TrainingBatch | None = None, *, stop: bool = False) -> LogLine:
        """Do one step.

        Args:
            batch: batch of the step; None to make it now.
            stop: whether this process was asked to stop.

        Raises:
            DivergedError: the loss or its gradient is not finite; the weights are those of the step before.
        """
        start = time.perf_counter()
        lr = self.set_rate()
        batch = (batch or self.batch()).to(self.device)
        entries = self.ranks.sum(count_entries(batch))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bf16"):
            losses: dict[str, Tensor] = self._losses(batch, entries)
        loss = total_loss(losses)
        sums = self._sum_up(losses, loss, stop=stop)
        self.require_finite("loss", sums["loss"])
        # Losses are parts of a sum over the processes, of whose gradients they take the mean.
        norm = self.descend(loss * self.ranks.size)
        return LogLine(
            self.step, **sums, grad_norm=norm, lr=lr, step_s=time.perf_counter() - start, rss_mib=resident_mib()
        )

    def _sum_up(self, losses: Mapping[str, Tensor], loss: Tensor, *, stop: bool) -> dict[str, float]:
        """Return the losses of the whole batch by name; every process learns here whether one wants to stop."""
        own = torch.stack([loss, *losses.values(), torch.full_like(loss, stop)]).detach()
        *values, stopping = self.ranks.sum(own).tolist()
        self.stopping = stopping > 0
        return dict(zip(("loss", *losses), values, strict=True))

    def state(self) -> TrainState:
        """Return all that is needed to go on.

        Raises:
            DivergedError: a weight is not finite; nobody could go on from there.
        """
        for weight in self.network.parameters():
            self.require_finite("largest weight", weight.abs().max().item())
        return TrainState(
            config=self.config,
            pictures=len(self.samples.pictures),
            step=self.step,
            weights=self.network.state_dict(),
            average=to_file(self.config.arch, self.average.state_dict()),
            average_updates=self.average.updates,
            optimiser=self.optimiser.state_dict(),
            best=self.best,
        )

    def _restore(self, state: TrainState) -> None:
        """Go on from a state.

        Raises:
            DataError: the data set has another number of pictures than it had: their order would be another.
        """
        if state.pictures != len(self.samples.pictures):
            raise DataError(
                f"the training to resume had {state.pictures} pictures, now there are {len(self.samples.pictures)}",
                hint="put the data set back as it was, or start another training from the checkpoint with --init",
            )
        self.restore(
            state.step,
            weights=state.weights,
            average=from_file(self.config.arch, state.average),
            average_updates=state.average_updates,
            optimiser=state.optimiser,
        )
        self.best = state.best


def _plan(config: TrainConfig, pictures: TrainingPictures) -> BatchPlan:
    """Plan the batches; a square is the same whatever the pictures, whose sizes may have to be read first."""
    known = picture_sizes(pictures) if config.fit == "rect" else np.ones((len(pictures), 2), np.int64)
    shown = shown_sizes(known, config.trained_sizes, fit=config.fit, multiple=config.multiple)
    return BatchPlan(shown, batch=config.batch, seed=config.seed)
