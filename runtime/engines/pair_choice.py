"""Whether two pictures are faster in one run of the network, as a batch, or in two runs: measured, and remembered.

Small inputs gain from a batch, large ones do not, and some graphs take none: which it is depends on model, engine, size
and CPU. Where it is not known, two runs are right. A batch is only taken if it says what two runs say.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from deepmark.errors import EngineError
from deepmark.runtime.arrays import F32, Image8
from deepmark.runtime.cpu import cpu_name
from deepmark.runtime.engines.engine import Engine
from deepmark.runtime.engines.timed_choice import ChoiceConditions, Clock, Run, TimedChoice, choose_fastest

ONE_RUN, TWO_RUNS = "one run of two pictures", "two runs"
WORTH = 0.97  # of the time of two runs: a batch takes more memory, and must pay for it

_ATOL, _RTOL = 1e-3, 5e-4  # of every output, the latter of its largest value: the gate of the export


def choose_pair_runs(engine: Engine, trial: Callable[[], None], clock: Clock = time.perf_counter) -> TimedChoice | None:
    """Return how two pictures of the model's own size are faster in this engine; measure it if it is not known.

    Args:
        engine: loaded model.
        trial: function that runs the model on two pictures where a crash does no harm, and raises if that fails.
        clock: time in seconds; tests bring their own.

    Returns:
        The choice between `ONE_RUN` and `TWO_RUNS`; None where there is none, as the model takes one picture only.

    Raises:
        DeepMarkError: the model does not run at all.
    """
    spec, record = engine.manifest.input, engine.record
    if not spec.dynamic:
        return None
    conditions = ChoiceConditions(
        question="pair",
        cpu=cpu_name(),
        versions={record.backend: record.version},
        threads=record.threads,
        height=spec.height,
        width=spec.width,
        models={record.backend: record.model_sha256},
        settings=dict(record.settings),
    )
    noise = np.random.default_rng(0).integers(0, 256, (2, spec.height, spec.width, 3), np.uint8)

    def prepare(way: str) -> Run:
        if way == TWO_RUNS:
            return lambda: _in_two_runs(engine, noise)
        trial()
        _require_same(engine, noise)
        return lambda: engine.outputs_of(tuple(noise))

    return choose_fastest(conditions, (TWO_RUNS, ONE_RUN), prepare, clock, remember_failures=True)


def is_worth_a_batch(choice: TimedChoice | None) -> bool:
    """Tell whether one run of two pictures is known to be so much faster that it is to be taken."""
    if choice is None or ONE_RUN not in choice.milliseconds:
        return False
    return choice.milliseconds[ONE_RUN] < WORTH * choice.milliseconds.get(TWO_RUNS, 0.0)


def _in_two_runs(engine: Engine, pictures: Image8) -> list[dict[str, F32]]:
    return [maps for one in pictures for maps in engine.outputs_of((one,))]


def _require_same(engine: Engine, pictures: Image8) -> None:
    together, apart = engine.outputs_of(tuple(pictures)), _in_two_runs(engine, pictures)
    for left, right in zip(together, apart, strict=True):
        for name, expected in right.items():
            off = float(np.abs(left[name] - expected).max())
            allowed = _ATOL + _RTOL * float(np.abs(expected).max())
            if not off <= allowed:
                raise EngineError(f"{name} differs by {off:.2g} in a batch, {allowed:.2g} is allowed")
