"""Which engine is faster depends on the CPU, so it is measured: on first use, and remembered.

Both engines run a model in turns (`deepmark.runtime.engines.timed_choice`).
"""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Callable

from deepmark.runtime.bundle import Backend, OpenedBundle
from deepmark.runtime.cpu import cpu_name
from deepmark.runtime.engines.timed_choice import ChoiceConditions, Clock, Run, TimedChoice, choose_fastest

Load = Callable[[Backend], Run]


def choose_engine(
    model: OpenedBundle, threads: int, load: Load, clock: Clock = time.perf_counter
) -> TimedChoice | None:
    """Return what is known of a model's engines on this computer; measure it if nothing is.

    Args:
        model: opened bundle.
        threads: number of threads to compute with.
        load: maker of a function that runs the model once in an engine.
        clock: time in seconds; tests bring their own.

    Returns:
        The choice; None where there is nothing to choose, as only one of the model's engines is installed.

    Raises:
        DeepMarkError: no engine runs the model; the error of the first.
    """
    conditions = _conditions(model, threads)
    if len(conditions.models) < 2:
        return None
    return choose_fastest(conditions, tuple(conditions.models), lambda name: load(backend_of(name)), clock)


def backend_of(name: str) -> Backend:
    """Return the backend that a choice names."""
    return "mnn" if name == "mnn" else "onnxruntime"


def _conditions(model: OpenedBundle, threads: int) -> ChoiceConditions:
    versions = {str(name): importlib.metadata.version(name) for name in model.weights if is_installed(name)}
    size = model.manifest.input
    hashes = {str(name): model.entries[file].sha256 for name, file in model.weights.items() if name in versions}
    return ChoiceConditions("engine", cpu_name(), dict(versions), threads, size.height, size.width, hashes)


def is_installed(backend: Backend) -> bool:
    """Whether the library of an engine is here; a backend is named as its distribution."""
    try:
        return bool(importlib.metadata.version(backend))
    except importlib.metadata.PackageNotFoundError:
        return False
