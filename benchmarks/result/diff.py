"""Two measurements of one machine: what became faster, what slower, and where no difference is proven."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from deepmark.benchmarks.result.document import BenchResult, ContestantResult
from deepmark.benchmarks.result.statistics import Ratio, unpaired_ratio
from deepmark.errors import DataError

NOISE = 0.02  # two runs of the same thing at different times differ by this much on a quiet machine


@dataclass(frozen=True, slots=True)
class Change:
    """One contestant in both files.

    Attributes:
        name: name in the second file.
        phase: ``"total"``, ``"network"``, and so on.
        before_ms: median in the first file.
        after_ms: median in the second file.
        ratio: after / before.
        verdict: ``"faster"`` or ``"slower"`` only if the interval lies beyond `NOISE`.
    """

    name: str
    phase: str
    before_ms: float
    after_ms: float
    ratio: Ratio
    verdict: Literal["faster", "slower", "no difference"]


def compare(before: BenchResult, after: BenchResult, names: tuple[str, str]) -> list[Change]:
    """Compare the contestants that both files have, phase by phase.

    A file with one contestant is compared with another such file whatever their names.

    Args:
        before: first measurement.
        after: second measurement.
        names: the files' names, for errors.

    Raises:
        DataError: the files are of different machines or pictures, or have nothing in common.
    """
    if before.machine.identity != after.machine.identity:
        here, there = (" / ".join(map(str, one.machine.identity)) for one in (before, after))
        raise DataError(
            f"{names[0]} and {names[1]} were measured on different machines: {here}, and {there}",
            hint="measure both models in one run: deepmark bench A B",
        )
    seen = [one.pictures.sha256 or one.pictures.source for one in (before, after)]
    if seen[0] != seen[1]:
        raise DataError(
            f"{names[0]} and {names[1]} were measured on different pictures", hint="give both the same --images"
        )
    pairs = _pairs(before, after)
    if not pairs:
        shown = "; ".join(", ".join(one.name for one in file.contestants) or "nothing" for file in (before, after))
        raise DataError(f"{names[0]} and {names[1]} have nothing in common: {shown}", hint="measure a model in both")
    return [
        _change(old, new, phase) for old, new in pairs for phase in ("total", *new.rounds[0].phases) if old.times(phase)
    ]


def _pairs(before: BenchResult, after: BenchResult) -> list[tuple[ContestantResult, ContestantResult]]:
    old = {one.key: one for one in before.contestants}
    pairs = [(old[one.key], one) for one in after.contestants if one.key in old]
    if not pairs and len(before.contestants) == len(after.contestants) == 1:
        pairs = [(before.contestants[0], after.contestants[0])]
    return pairs


def _change(old: ContestantResult, new: ContestantResult, phase: str) -> Change:
    before, after = old.times(phase), new.times(phase)
    ratio = unpaired_ratio(after, before)
    verdict: Literal["faster", "slower", "no difference"] = "no difference"
    if ratio.high < 1 - NOISE:
        verdict = "faster"
    elif ratio.low > 1 + NOISE:
        verdict = "slower"
    before_ms, after_ms = (float(np.median(np.concatenate(times))) for times in (before, after))
    return Change(new.name, phase, before_ms, after_ms, ratio, verdict)
