"""What a whole process costs, from its start to its end, and processes in turns."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from deepmark.benchmarks.result.statistics import Ratio, median_of_ratios
from deepmark.benchmarks.studies.support import measured_process
from deepmark.benchmarks.studies.support.turns import turns
from deepmark.errors import DeepMarkError

_LAST_WORDS = 300  # last characters of what a process that failed printed


@dataclass(frozen=True, slots=True)
class ProcessCost:
    """What one process took, its own children included.

    Attributes:
        wall_s: time from start to end, in seconds.
        processor_s: time of all cores together, in seconds.
        peak_mib: largest resident size of a single one of the processes.
    """

    wall_s: float
    processor_s: float
    peak_mib: float


@dataclass(frozen=True, slots=True)
class CostRatios:
    """One way divided by another: medians over pairs of runs that followed one another.

    Attributes:
        wall: quotient of wall times.
        processor: quotient of processor times.
        memory: quotient of the largest resident sizes.
        drift: how much slower the slowest run of the reference was than its fastest: what pairs are for.
    """

    wall: Ratio
    processor: Ratio
    memory: float
    drift: float


def cost_of(command: Sequence[str], environment: Mapping[str, str]) -> ProcessCost:
    """Run a command to its end.

    Raises:
        DeepMarkError: it ended with another status than 0; says what it printed.
    """
    done = subprocess.run(
        [sys.executable, "-I", "-S", measured_process.__file__, *command],
        env=dict(environment),
        capture_output=True,
        check=True,
    )
    found = json.loads(done.stdout)
    if found["status"]:
        shown = " ".join(command[:6])
        raise DeepMarkError(f"{shown} ... ended with status {found['status']}: {found['printed'][-_LAST_WORDS:]}")
    return ProcessCost(found["wall_s"], found["processor_s"], found["peak_mib"])


def costs_in_turns(ways: Sequence[Callable[[], ProcessCost]], rounds: int) -> list[list[ProcessCost]]:
    """Run every way once a round, every other round backwards; a first round does not count.

    Returns:
        What each way took in each round, (rounds, ways).
    """
    table = []
    for number in range(rounds + 1):
        row: dict[int, ProcessCost] = {at: ways[at]() for at in turns(range(len(ways)), number)}
        if number:
            table.append([row[at] for at in range(len(ways))])
    return table


def cost_ratios(table: Sequence[Sequence[ProcessCost]]) -> CostRatios:
    """Divide the first way by the second, pair by pair."""
    wall, processor, peaks = (
        np.array([[getattr(one, name) for one in row[:2]] for row in table])
        for name in ("wall_s", "processor_s", "peak_mib")
    )
    return CostRatios(
        wall=median_of_ratios(wall[:, 0] / wall[:, 1]),
        processor=median_of_ratios(processor[:, 0] / processor[:, 1]),
        memory=float(peaks[:, 0].max() / peaks[:, 1].max()),
        drift=float(wall[:, 1].max() / wall[:, 1].min() - 1),
    )
