"""What a network in training scores on pictures that it does not learn from, and the best of it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from deepmark.models.training.train_state import write_run_file

DECIDING = "mAP_pt"  # of the scores: the higher, the better the network
Validate = Callable[[nn.Module, int], Mapping[str, float]]
"""Scores the averaged network, in evaluation mode, after so many steps; one of the scores is `DECIDING`."""


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """One validation.

    Attributes:
        step: steps done.
        scores: by name.
        best: whether no validation before was as good.
    """

    step: int
    scores: Mapping[str, float]
    best: bool


def is_better(score: float, best: float | None) -> bool:
    """Tell whether a score is the best so far; NaN never is."""
    return not math.isnan(score) and (best is None or score > best)


def is_due(step: int, *, every: int | None, batch: int, pictures: int, steps: int) -> bool:
    """Tell whether the network is validated after a step: every so many, or at the end of an epoch; and at the end.

    Args:
        step: steps done.
        every: steps; None for once an epoch.
        batch: pictures a step.
        pictures: of an epoch.
        steps: of the whole training.
    """
    if step == steps:
        return True
    if every is not None:
        return step % every == 0
    return step * batch // pictures > (step - 1) * batch // pictures


def write_scores(path: Path, step: int, scores: Mapping[str, float]) -> None:
    """Add a line to the table of validations; those of this step and later, from before a kill, are dropped.

    Raises:
        DataError: the table cannot be written.
    """
    before = csv.DictReader(path.read_text(encoding="utf-8").splitlines()) if path.exists() else ()
    columns = ("step", *scores)
    rows = [[row.get(name) or "" for name in columns] for row in before if int(row["step"]) < step]
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerows([columns, *rows, [step, *(f"{score:.8g}" for score in scores.values())]])
    write_run_file(path, text.getvalue().encode())
