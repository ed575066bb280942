"""The steps of a training, one after the other: batches made ahead, a log, checkpoints, and an early end."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from signal import SIGTERM
from typing import Any, Generic, TypeVar

from deepmark.errors import InterruptedTrainingError
from deepmark.models.training.batches import made_ahead
from deepmark.models.training.descent import Descent
from deepmark.models.training.log import LogWriter
from deepmark.models.training.stop_signals import StopRequest

Batch = TypeVar("Batch")
Line = TypeVar("Line")
_RECENT = 50


@dataclass(frozen=True, slots=True)
class StepsTaken(Generic[Line]):
    """What the steps of a training came to.

    Attributes:
        before: number of steps that were done before.
        samples_per_s: samples a second, checkpoints and validations included.
        last: lines of the last steps, at most 50.
    """

    before: int
    samples_per_s: float
    last: tuple[Line, ...]

    def mean(self, value: Callable[[Line], float]) -> float:
        """Return the mean of a value of the last lines; NaN where no step was done."""
        return sum(map(value, self.last)) / len(self.last) if self.last else math.nan


def take_steps(
    training: Descent[Any, Any],
    batch: Callable[[int], Batch],
    advance: Callable[[Batch], Line],
    *,
    log: AbstractContextManager[LogWriter],
    loaders: int,
    save: Callable[[], None],
    save_every: int,
    report: Callable[[Line], None],
    stop: StopRequest,
    stopping: Callable[[], bool],
    validate: Callable[[], None] = lambda: None,
    leads: bool = True,
) -> StepsTaken[Line]:
    """Do all steps that are left, with a checkpoint every ``save_every`` steps and at the end.

    Args:
        training: network in training.
        batch: function that makes the batch of a step, 0-based; it is called from threads.
        advance: function that does one step and returns its line of the log.
        log: log that is opened, from `open_log`.
        loaders: number of threads that make batches ahead; 0 makes each when it is needed. The result is the same.
        save: function that writes a checkpoint.
        save_every: number of steps between checkpoints.
        report: function called after every step.
        stop: request for an end between two steps, with a checkpoint.
        stopping: function that tells, after a step, whether to stop.
        validate: function called after every step that the training goes on from, and after the last.
        leads: whether this process writes, reports and validates.

    Raises:
        DivergedError: a loss or gradient is not finite; the last checkpoint is kept.
        InterruptedTrainingError: it was asked to stop.
        DataError: nothing can be written into the folder, or a picture cannot be read.
    """
    start, before, steps = time.perf_counter(), training.step, training.config.steps
    last: deque[Line] = deque(maxlen=_RECENT)
    with log as write, made_ahead(batch, range(before, steps), loaders) as batches:
        for one in batches:
            line = advance(one)
            last.append(line)
            if leads:
                write(line)
                report(line)
            ended = training.step == steps
            stops = stopping() and not ended
            if leads:
                if not stops:
                    validate()
                if stops or ended or training.step % save_every == 0:
                    save()
            if stops:
                raise InterruptedTrainingError(training.step, stop.signal_number or SIGTERM)
    done = (training.step - before) * training.config.batch
    return StepsTaken(before, round(done / (time.perf_counter() - start), 1), tuple(last))
