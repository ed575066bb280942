"""From samples to the figures that are shown: one `Row` a contestant, computed once for tables, pages and CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepmark.benchmarks.result.document import PHASES, Measured, Result
from deepmark.benchmarks.result.statistics import Ratio, Summary, paired_ratio, summarise
from deepmark.benchmarks.result.verdict import Verdict, judge


@dataclass(frozen=True, slots=True)
class Row:
    """One contestant.

    Attributes:
        measured: what was measured.
        phases: phase -> its times, milliseconds; of a rival the network only.
        total: of a whole frame; of a rival the network's.
        fps: 1000 / median of the total; None for a rival, which does no whole frames.
        ratio: total to that of the heat's first model; of a rival its network to that model's network. None for the
            first model itself, and where no model was measured.
        verdict: whether the times may be believed.
    """

    measured: Measured
    phases: dict[str, Summary]
    total: Summary
    fps: float | None
    ratio: Ratio | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class AgainstFastest:
    """A whole frame of a model, divided by the network alone of the fastest rival of its heat."""

    name: str
    rival: str
    ratio: Ratio


def rows(result: Result) -> list[Row]:
    """Compute the figures of all contestants."""
    verdicts = judge(result)
    return [_row(one, result.contestants, verdict) for one, verdict in zip(result.contestants, verdicts, strict=True)]


def _row(one: Measured, everybody: Sequence[Measured], verdict: Verdict) -> Row:
    total = summarise(one.times("total"))
    first = next((other for other in everybody if other.heat == one.heat and other.kind == "model"), None)
    return Row(
        measured=one,
        phases={phase: summarise(times) for phase in PHASES if (times := one.times(phase))},
        total=total,
        fps=1000 / total.median if one.kind == "model" else None,
        ratio=None if first is None or first is one else _ratio(one, first),
        verdict=verdict,
    )


def _ratio(one: Measured, first: Measured) -> Ratio:
    phase = "total" if one.kind == "model" else "network"
    return paired(one, phase, first, phase)


def paired(one: Measured, phase: str, other: Measured, other_phase: str) -> Ratio:
    """Divide a phase's times of one contestant by those of another of the same heat."""
    return paired_ratio(one.times(phase), other.times(other_phase))


def against_fastest(result: Result) -> list[AgainstFastest]:
    """Hold every model's whole frame against the fastest dense network alone, be it a rival or a dense model's own."""
    found = []
    for one in result.contestants:
        rivals = [other for other in result.contestants if other.kind == "rival" and other.heat == one.heat]
        if one.kind == "model" and rivals:
            fastest = min(rivals, key=lambda rival: summarise(rival.times("network")).median)
            found.append(AgainstFastest(one.name, fastest.name, paired(one, "total", fastest, "network")))
    return found


@dataclass(frozen=True, slots=True)
class Saving:
    """What the model with fewer groups saves, as parts of what the one with more takes.

    Attributes:
        time: of a whole frame.
        memory: of the peak USS, on a phone of the peak RSS.
    """

    time: float
    memory: float


def savings(result: Result) -> list[tuple[str, Saving]]:
    """Compare models that differ in their number of groups only: 62 groups against 294 keypoints, section 4.3."""
    found = []
    models = [one for one in result.contestants if one.kind == "model"]
    for few in models:
        for many in models:
            same = (few.heat, few.engine, few.precision, few.layout) == (
                many.heat,
                many.engine,
                many.precision,
                many.layout,
            )
            if same and few.groups < many.groups:
                ratio = paired(few, "total", many, "total").value
                memory = few.memory.peak / many.memory.peak
                name = f"{few.size}, {few.threads} thread(s), {few.engine}: {few.groups} groups against {many.groups}"
                found.append((name, Saving(1 - ratio, 1 - memory)))
    return found
