"""Which engine is faster depends on the CPU, so it is measured: on first use, and remembered.

Both engines run a model in turns for about a second. What was found is kept in the cache folder, one small file for
every CPU, version of the libraries, number of threads, input size and content of the model files. A file that cannot
be read, or that says something else than it should, is measured again.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Literal

import msgspec
import numpy as np

from deepmark.errors import DeepMarkError
from deepmark.files import cache_folder, write_whole
from deepmark.runtime.bundle import Backend, OpenedBundle
from deepmark.runtime.cpu import cpu_name

SECONDS = 1.0  # for all engines together
LEAST_RUNS, MOST_RUNS = 3, 50  # of each engine

Run = Callable[[], object]
Clock = Callable[[], float]
Load = Callable[[Backend], Run]

logger = logging.getLogger(__name__)


class ChoiceConditions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a choice depends on; two equal ones have one answer.

    Attributes:
        cpu: name of the processor, as it calls itself.
        versions: name of each installed engine -> version of its library.
        threads: number of threads to compute with.
        height: height of the input, in pixels.
        width: width of the input, in pixels.
        models: name of each installed engine -> sha256 of its model file, hex.
    """

    cpu: str
    versions: dict[str, str]
    threads: int
    height: int
    width: int
    models: dict[str, str]


class EngineChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was found: engine -> median milliseconds of one run of the network."""

    format: Literal["deepmark-engine-choice/1"]
    conditions: ChoiceConditions
    milliseconds: dict[Backend, float]

    @property
    def fastest(self) -> Backend:
        """The engine that took the least time; of equal ones the first."""
        return min(self.milliseconds, key=self.milliseconds.__getitem__)

    def sentence(self) -> str:
        """Say what was found, for example ``mnn 81.5 ms, onnxruntime 95.0 ms``."""
        return ", ".join(f"{name} {spent:.1f} ms" for name, spent in self.milliseconds.items())


def choose_engine(
    model: OpenedBundle, threads: int, load: Load, clock: Clock = time.perf_counter
) -> EngineChoice | None:
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
    file = _file_of(conditions)
    known = None if file is None else _read(file, conditions)
    if known is not None:
        logger.debug("the faster engine is known: %s", known.sentence())
        return known
    choice = EngineChoice("deepmark-engine-choice/1", conditions, _measure(conditions, load, clock))
    logger.info("measured both engines: %s; %s is used from now on", choice.sentence(), choice.fastest)
    if file is not None and len(choice.milliseconds) == len(conditions.models):  # one that failed is tried again
        _write(file, choice)
    return choice


def _measure(conditions: ChoiceConditions, load: Load, clock: Clock) -> dict[Backend, float]:
    """Run all engines in turns; one that fails is left out, and the first error is raised if all do."""
    runs: dict[Backend, Run] = {}
    errors: list[DeepMarkError] = []
    for name in conditions.models:
        backend: Backend = "mnn" if name == "mnn" else "onnxruntime"
        try:
            runs[backend] = load(backend)
            runs[backend]()  # the first run prepares memory
        except DeepMarkError as error:
            logger.warning("%s is left out of the choice: %s", name, error)
            errors.append(error)
    if not runs:
        raise errors[0]
    samples: dict[Backend, list[float]] = {name: [] for name in runs}
    start = clock()
    for turn in range(MOST_RUNS):
        if turn >= LEAST_RUNS and clock() - start >= SECONDS:
            break
        for name, run in runs.items():
            before = clock()
            run()
            samples[name].append(1e3 * (clock() - before))
    return {name: round(median(times), 3) for name, times in samples.items()}


def _conditions(model: OpenedBundle, threads: int) -> ChoiceConditions:
    versions = {str(name): importlib.metadata.version(name) for name in model.weights if is_installed(name)}
    size = model.manifest.input
    hashes = {str(name): model.entries[file].sha256 for name, file in model.weights.items() if name in versions}
    return ChoiceConditions(cpu_name(), dict(versions), threads, size.height, size.width, hashes)


def is_installed(backend: Backend) -> bool:
    """Whether the library of an engine is here; a backend is named as its distribution."""
    try:
        return bool(importlib.metadata.version(backend))
    except importlib.metadata.PackageNotFoundError:
        return False


def _file_of(conditions: ChoiceConditions) -> Path | None:
    """Return the file of these conditions, or None where there is no home to keep it in."""
    digest = hashlib.sha256(msgspec.json.encode(conditions, order="sorted")).hexdigest()
    try:
        return cache_folder() / "engines" / f"{digest[:32]}.json"
    except RuntimeError:
        return None


def _read(file: Path, conditions: ChoiceConditions) -> EngineChoice | None:
    try:
        choice = msgspec.json.decode(file.read_bytes(), type=EngineChoice)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        logger.debug("measuring the engines again: %s cannot be used: %s", file, error)
        return None
    if choice.conditions != conditions or not _complete(choice.milliseconds, conditions.models):
        logger.debug("measuring the engines again: %s is about something else", file)
        return None
    return choice


def _complete(milliseconds: Mapping[Backend, float], models: Mapping[str, str]) -> bool:
    return set(milliseconds) == set(models) and all(np.isfinite(one) and one >= 0 for one in milliseconds.values())


def _write(file: Path, choice: EngineChoice) -> None:
    try:
        write_whole(file, msgspec.json.encode(choice) + b"\n")
    except DeepMarkError as error:
        logger.debug("cannot remember the faster engine, it will be measured again: %s", error)
