"""The training itself: pictures, steps, checkpoints.

Everything that a step depends on is the state after the step before and the step's number. So a run that was killed
goes on from its last checkpoint as if nothing had happened, bit for bit on the same machine and number of threads.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from deepmark.errors import DataError, DeepMarkError, DeviceError
from deepmark.models.heads import head_channels
from deepmark.models.mdla34 import MDLA34
from deepmark.models.training.batches import Batch, collate
from deepmark.models.training.checkpointing import TrainState, load_state, save_state
from deepmark.models.training.config import Precision, TrainConfig
from deepmark.models.training.log import LogLine, open_log
from deepmark.models.training.losses import batch_losses, total_loss
from deepmark.models.training.optimiser import Ema, learning_rate, make_optimiser
from deepmark.models.training.samples import Pictures, Samples
from deepmark.models.training.warm_start import WarmStart, warm_start

CHECKPOINT, LOG = "last.pth", "log.csv"
CPU = torch.device("cpu")


class DivergedError(DeepMarkError):
    """A loss or a gradient became NaN or infinite."""


@dataclass(frozen=True, slots=True)
class TrainSummary:
    """What a training came to.

    Attributes:
        checkpoint: file with the averaged weights.
        log: file with a line a step.
        steps: steps done in all.
        resumed_at: steps that were done before.
        pictures_per_s: speed of the steps done now, checkpoints included.
        loss: mean of the last steps' (at most 50).
        warm_start: what was taken from ``init``, if there was one.
    """

    checkpoint: str
    log: str
    steps: int
    resumed_at: int
    pictures_per_s: float
    loss: float
    warm_start: WarmStart | None


class Training:
    """A network on its way, with all that moves with it.

    Args:
        config: of the training.
        pictures: to train on.
        device: where.
        resume: where to go on, of `find_state`; None starts anew, from ``config.init`` if there is one.
    """

    def __init__(
        self,
        config: TrainConfig,
        pictures: Pictures,
        device: torch.device = CPU,
        resume: TrainState | None = None,
    ) -> None:
        schema = config.load_schema()
        self.config = config
        self.samples = Samples(pictures, schema, (config.size, config.size), seed=config.seed)
        torch.manual_seed(config.seed)
        network = MDLA34(head_channels(len(schema.classes), schema.num_groups))
        self.warm_start = warm_start(network, Path(config.init)) if config.init and not resume else None
        # torch's annotations of Module.to do not know memory_format
        network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.device = device
        self.network = network.train()
        self.optimiser = make_optimiser(self.network, lr=config.lr, weight_decay=config.weight_decay)
        self.average = Ema(self.network, config.ema)
        self.step = 0
        if resume:
            self._restore(resume)

    def batch(self) -> Batch:
        """Make the next step's batch."""
        first = self.step * self.config.batch
        return collate([self.samples[position] for position in range(first, first + self.config.batch)])

    def advance(self) -> LogLine:
        """Do one step.

        Raises:
            DivergedError: the loss or its gradient is not finite; the weights are those of the step before.
        """
        start = time.perf_counter()
        lr = learning_rate(self.step, self.config.steps, self.config.lr)
        for group in self.optimiser.param_groups:
            group["lr"] = lr
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bf16"):
            losses = batch_losses(self.network, self.batch().to(self.device))
        loss = total_loss(losses)
        self._require_finite("loss", loss)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        self._require_finite("gradient", norm)
        self.optimiser.step()
        self.average.update(self.network)
        self.step += 1
        by_head = {name: value.item() for name, value in losses.items()}
        return LogLine(
            self.step, loss.item(), **by_head, grad_norm=norm.item(), lr=lr, step_s=time.perf_counter() - start
        )

    def _require_finite(self, what: str, value: Tensor) -> None:
        if not math.isfinite(value.item()):
            raise DivergedError(
                f"step {self.step + 1}: the {what} is {value.item()}; the training diverged and was stopped",
                hint="the checkpoint from before is kept; train again, from it (--init) or anew, with a lower --lr",
            )

    def state(self) -> TrainState:
        """Return all that is needed to go on.

        Raises:
            DivergedError: a weight is not finite; nobody could go on from there.
        """
        for weight in self.network.parameters():
            self._require_finite("largest weight", weight.abs().max())
        return TrainState(
            config=self.config,
            pictures=len(self.samples.pictures),
            step=self.step,
            weights=self.network.state_dict(),
            average=self.average.state_dict(),
            average_updates=self.average.updates,
            optimiser=self.optimiser.state_dict(),
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
        self.network.load_state_dict(state.weights, strict=True)
        self.average.load(state.average, state.average_updates)
        self.optimiser.load_state_dict(state.optimiser)
        self.step = state.step


def train(
    config: TrainConfig,
    pictures: Pictures,
    folder: Path,
    *,
    device: torch.device = CPU,
    resume: TrainState | None = None,
    save_every: int = 250,
    report: Callable[[LogLine], None] = lambda _: None,
    account: Callable[[WarmStart], None] = lambda _: None,
) -> TrainSummary:
    """Train a network, with a checkpoint every ``save_every`` steps and at the end.

    Args:
        config: of the training.
        pictures: to train on.
        folder: of the run: checkpoint and log.
        device: where to train, of `choose_device`.
        resume: where to go on, of `find_state`; None starts anew.
        save_every: steps between checkpoints.
        report: called after every step.
        account: called before the first step with what was taken from ``config.init``.

    Raises:
        DivergedError: a loss or gradient is not finite; the last checkpoint is kept.
        DataError: nothing can be written into the folder, or a picture cannot be read.
        CheckpointError: ``config.init`` cannot be used.
    """
    training = Training(config, pictures, device, resume)
    if training.warm_start is not None:
        account(training.warm_start)
    if resume is None:  # a run can go on from step 0, and a full disk shows now
        save_state(training.state(), folder / CHECKPOINT)
    start, resumed_at = time.perf_counter(), training.step
    last: list[float] = []
    with open_log(folder / LOG, training.step) as write:
        while training.step < config.steps:
            line = training.advance()
            write(line)
            report(line)
            last = [*last[-49:], line.loss]
            if training.step % save_every == 0 or training.step == config.steps:
                save_state(training.state(), folder / CHECKPOINT)
    done = training.step - resumed_at
    return TrainSummary(
        checkpoint=str(folder / CHECKPOINT),
        log=str(folder / LOG),
        steps=training.step,
        resumed_at=resumed_at,
        pictures_per_s=round(done * config.batch / (time.perf_counter() - start), 1),
        loss=sum(last) / len(last) if last else math.nan,
        warm_start=training.warm_start,
    )


def choose_device(name: Literal["auto", "cpu", "cuda"]) -> torch.device:
    """Return a device by name; ``"auto"`` is the GPU where there is one.

    Raises:
        DeviceError: the GPU was asked for, but there is none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            "a GPU was asked for, but torch finds none",
            hint="give --device cpu, or install a driver and a CUDA build of torch",
        )
    return torch.device(name)


def choose_precision(name: Literal["auto"] | Precision, device: torch.device) -> Precision:
    """Return a precision by name; ``"auto"`` is bfloat16 where the device has units for it, which halves a step."""
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    units = torch.cpu.get_capabilities()
    return "bf16" if units.get("avx512_bf16") or units.get("amx_bf16") else "fp32"


def start_run(folder: Path) -> None:
    """Make the folder of a new run.

    Raises:
        DataError: a run is there already, or the folder cannot be made.
    """
    if (folder / CHECKPOINT).exists():
        raise DataError(f"{folder} holds a training already", hint="go on with --resume, or choose another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot make the folder {folder}: {error.strerror}") from error


def find_state(folder: Path) -> TrainState:
    """Read the state of the run in a folder.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    return load_state(folder / CHECKPOINT)
