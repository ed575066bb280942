"""From samples to the figures that are shown, contestant by contestant: computed once for tables, pages and CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepmark.benchmarks.result.document import PHASES, BenchResult, ContestantResult
from deepmark.benchmarks.result.statistics import Ratio, Summary, paired_ratio, summarise, unpaired_ratio
from deepmark.benchmarks.result.verdict import Verdict, judge


@dataclass(frozen=True, slots=True)
class ContestantFigures:
    """One contestant.

    Attributes:
        measured: what was measured.
        phases: phase -> its run times, in milliseconds; the network's alone for a rival.
        total: run times of whole frames, in milliseconds; the network's for a rival.
        fps: 1000 / median of the total; None for a rival, which does no whole frames.
        ratio: total divided by that of the group's first model; network divided by that model's network for a rival;
            None for the first model itself, and where no model was measured.
        verdict: whether the times may be believed.
    """

    measured: ContestantResult
    phases: dict[str, Summary]
    total: Summary
    fps: float | None
    ratio: Ratio | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class AgainstFastest:
    """A whole frame of a model, divided by the network alone of the fastest rival of its group."""

    name: str
    rival: str
    ratio: Ratio


def contestant_figures(result: BenchResult) -> list[ContestantFigures]:
    """Compute the figures of all contestants."""
    verdicts = judge(result)
    return [
        _figures(one, result.contestants, verdict) for one, verdict in zip(result.contestants, verdicts, strict=True)
    ]


def _figures(one: ContestantResult, everybody: Sequence[ContestantResult], verdict: Verdict) -> ContestantFigures:
    total = summarise(one.times("total"))
    group = [other for other in everybody if other.contestant_group == one.contestant_group]
    first = next((other for other in group if other.kind == "model"), None)
    return ContestantFigures(
        measured=one,
        phases={phase: summarise(times) for phase in PHASES if (times := one.times(phase))},
        total=total,
        fps=1000 / total.median if one.kind == "model" else None,
        ratio=None if first is None or first is one else _ratio(one, first),
        verdict=verdict,
    )


def _ratio(one: ContestantResult, first: ContestantResult) -> Ratio:
    phase = "total" if one.kind == "model" else "network"
    return paired(one, phase, first, phase)


def paired(one: ContestantResult, phase: str, other: ContestantResult, other_phase: str) -> Ratio:
    """Divide a phase's times of one contestant by those of another of the same group.

    Round by round where they took turns; as wholes where they were measured one after the other.
    """
    if one.session != other.session:
        return unpaired_ratio(one.times(phase), other.times(other_phase))
    return paired_ratio(one.times(phase), other.times(other_phase))


def against_fastest(result: BenchResult) -> list[AgainstFastest]:
    """Hold every model's whole frame against the fastest dense network alone, be it a rival or a dense model's own."""
    found = []
    for one in result.contestants:
        group = [other for other in result.contestants if other.contestant_group == one.contestant_group]
        rivals = [other for other in group if other.kind == "rival"]
        if one.kind == "model" and rivals:
            fastest = min(rivals, key=lambda rival: summarise(rival.times("network")).median)
            found.append(AgainstFastest(one.name, fastest.name, paired(one, "total", fastest, "network")))
    return found


@dataclass(frozen=True, slots=True)
class Saving:
    """What the model with fewer groups saves, as parts of what the one with more takes.

    Attributes:
        time: part of the time of a whole frame.
        memory: part of the peak USS, on a phone the peak RSS.
    """

    time: float
    memory: float


def savings(result: BenchResult) -> list[tuple[str, Saving]]:
    """Compare models that differ in their number of groups only: 62 groups against 294 keypoints, section 4.3.

    Only those that took turns: an app's memory, for one, has all in it that it did before.
    """
    found = []
    models = [one for one in result.contestants if one.kind == "model"]
    for few in models:
        for many in models:
            same = (few.session, few.contestant_group, few.engine, few.precision, few.layout) == (
                many.session,
                many.contestant_group,
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
