"""Which of several ways to run a model is the fastest on this computer: measured on first use, and remembered.

The ways run in turns for about a second. What was found is kept in the cache folder, one small file for every question,
CPU, version of the libraries, number of threads, input size and content of the model files. A file that cannot be read,
or that says something else than it should, is measured again.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Literal

import msgspec
import numpy as np

from deepmark.errors import DeepMarkError
from deepmark.files import cache_folder, write_whole

SECONDS = 1.0  # for all ways together
LEAST_RUNS, MOST_RUNS = 3, 50  # of each way

Run = Callable[[], object]
Clock = Callable[[], float]
Prepare = Callable[[str], Run]

logger = logging.getLogger(__name__)


class ChoiceConditions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a choice depends on; two equal ones have one answer.

    Attributes:
        question: name of what is chosen.
        cpu: name of the processor, as it calls itself.
        versions: name of each engine that takes part -> version of its library.
        threads: number of threads to compute with.
        height: height of the input, in pixels.
        width: width of the input, in pixels.
        models: name of each engine that takes part -> sha256 of its model file, hex.
        settings: settings of the engine that change its speed; empty where each has its default.
    """

    question: Literal["engine", "pair"]
    cpu: str
    versions: dict[str, str]
    threads: int
    height: int
    width: int
    models: dict[str, str]
    settings: dict[str, str | int] = {}


class TimedChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was found: way -> median milliseconds of one run."""

    format: Literal["deepmark-timed-choice/1"]
    conditions: ChoiceConditions
    milliseconds: dict[str, float]

    @property
    def fastest(self) -> str:
        """The way that took the least time; of equal ones the first."""
        return min(self.milliseconds, key=self.milliseconds.__getitem__)

    def sentence(self) -> str:
        """Say what was found, for example ``mnn 81.5 ms, onnxruntime 95.0 ms``."""
        return ", ".join(f"{name} {spent:.1f} ms" for name, spent in self.milliseconds.items())


def choose_fastest(
    conditions: ChoiceConditions,
    ways: Sequence[str],
    prepare: Prepare,
    clock: Clock = time.perf_counter,
    *,
    remember_failures: bool = False,
) -> TimedChoice:
    """Return what is known of the ways on this computer; measure them if nothing is.

    Args:
        conditions: all that the answer depends on.
        ways: names of the ways, in order of preference among equals.
        prepare: maker of a function that runs the model once in this way; a way that fails is left out.
        clock: time in seconds; tests bring their own.
        remember_failures: whether a way that failed stays left out; otherwise it is tried again the next time.

    Raises:
        DeepMarkError: no way runs the model; the error of the first.
    """
    file = _file_of(conditions)
    least = 1 if remember_failures else len(ways)
    known = None if file is None else _read(file, conditions, ways, least)
    if known is not None:
        logger.debug("the fastest %s is known: %s", conditions.question, known.sentence())
        return known
    level = logging.DEBUG if remember_failures else logging.WARNING
    choice = TimedChoice("deepmark-timed-choice/1", conditions, _measure(ways, prepare, clock, level))
    logger.info("measured each %s: %s; %s is used from now on", conditions.question, choice.sentence(), choice.fastest)
    if file is not None and len(choice.milliseconds) >= least:
        _write(file, choice)
    return choice


def _measure(ways: Sequence[str], prepare: Prepare, clock: Clock, level: int) -> dict[str, float]:
    """Run all ways in turns; one that fails is left out, and the first error is raised if all do."""
    runs: dict[str, Run] = {}
    errors: list[DeepMarkError] = []
    for name in ways:
        try:
            run = prepare(name)
            run()  # the first run prepares memory
            runs[name] = run
        except DeepMarkError as error:
            logger.log(level, "%s is left out of the choice: %s", name, error)
            errors.append(error)
    if not runs:
        raise errors[0]
    samples: dict[str, list[float]] = {name: [] for name in runs}
    start = clock()
    for turn in range(MOST_RUNS):
        if turn >= LEAST_RUNS and clock() - start >= SECONDS:
            break
        for name, run in runs.items():
            before = clock()
            run()
            samples[name].append(1e3 * (clock() - before))
    return {name: round(median(times), 3) for name, times in samples.items()}


def _file_of(conditions: ChoiceConditions) -> Path | None:
    """Return the file of these conditions, or None where there is no home to keep it in."""
    digest = hashlib.sha256(msgspec.json.encode(conditions, order="sorted")).hexdigest()
    try:
        return cache_folder() / "engines" / f"{digest[:32]}.json"
    except RuntimeError:
        return None


def _read(file: Path, conditions: ChoiceConditions, ways: Sequence[str], least: int) -> TimedChoice | None:
    try:
        choice = msgspec.json.decode(file.read_bytes(), type=TimedChoice)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        logger.debug("measuring again which %s is faster: %s cannot be used: %s", conditions.question, file, error)
        return None
    if choice.conditions != conditions or not _complete(choice.milliseconds, ways, least):
        logger.debug("measuring again which %s is faster: %s is about something else", conditions.question, file)
        return None
    return choice


def _complete(milliseconds: Mapping[str, float], ways: Sequence[str], least: int) -> bool:
    return (
        set(milliseconds) <= set(ways)
        and len(milliseconds) >= least
        and all(np.isfinite(one) and one >= 0 for one in milliseconds.values())
    )


def _write(file: Path, choice: TimedChoice) -> None:
    try:
        write_whole(file, msgspec.json.encode(choice) + b"\n")
    except DeepMarkError as error:
        logger.debug("cannot remember what is faster, it will be measured again: %s", error)
