"""A measurement as a page: what was measured, box plots, where a frame's time goes, memory, accuracy against speed."""

from __future__ import annotations

from collections.abc import Sequence

from deepmark.benchmarks.report.accuracy import ModelAccuracy, accuracy_of
from deepmark.benchmarks.report.charts import accuracy_chart, phone_chart, size_chart, time_charts, turn_chart
from deepmark.benchmarks.report.paper import (
    CLAIM_MEMORY,
    CLAIM_TIME,
    GFLOPS,
    MACHINE,
    PAPER_SIZE,
    TOTALS_MS,
    paper_gflops,
    standing,
)
from deepmark.benchmarks.report.phone_tables import (
    TURN_COLUMNS,
    app_rows,
    bound_row,
    identity_rows,
    state_text,
    turn_rows,
)
from deepmark.benchmarks.report.tables import pictures_text, ratio_text
from deepmark.benchmarks.result.document import PHASES, BenchResult, ContestantResult
from deepmark.benchmarks.result.figures import ContestantFigures, against_fastest, contestant_figures, savings
from deepmark.benchmarks.result.phone import Phone
from deepmark.page import Block, Cell, Facts, Headline, Number, Page, Section, Table


def make_page(result: BenchResult, accuracies: Sequence[ModelAccuracy] = ()) -> Page:
    """Lay a measurement out; the same result gives the same page."""
    found = contestant_figures(result)
    app = result.phone is not None and result.phone.app is not None
    sections = [
        Section(
            "Times",
            _APP_TIMES if app else _TIMES,
            (_headline(found), _times_table(found), *time_charts(found)),
        ),
        Section("Memory", _MEMORY, (_memory_table(found),)),
        *_sweep_sections(result, found),
        *_accuracy_sections(found, accuracies),
        Section("Stability", _STABILITY, (_stability_table(found), turn_chart(found))),
        *([_phone_section(result.phone, result.contestants)] if result.phone else []),
        Section("The paper", _PAPER, (_paper_table(result, found),)),
        Section("Environment", "", (_environment(result), *_failures(result))),
    ]
    subtitle = f"{result.machine.cpu}, {result.created}; every sample counts, intervals are 95 % by bootstrap"
    return Page("Speed and memory", subtitle, tuple(sections))


_TIMES = (
    "Milliseconds for one picture. Models run whole frames: letterbox, network with normalisation, decoding. Rivals run"
    " the dense network alone. All took turns on the same cores; a ratio compares turns of the same round: totals of"
    " models, networks of rivals, each to those of the first model."
)
_APP_TIMES = (
    "Milliseconds for one picture: letterbox, network with normalisation, decoding, in the Android app. Its models took"
    " no turns: a ratio compares whole measurements, each to that of the first model."
)
_MEMORY = (
    "Of the process, MiB. USS would be free without it, PSS counts shared pages in part. Before: Python and the"
    " pictures, no model and no engine. The peaks of USS and PSS were seen while loading and warming up."
)
_STABILITY = (
    "A result is called unstable when the last third of the runs was more than 5 % slower or faster than the first, the"
    " runs spread by more than 5 % (MAD), other programs used more than 10 % of the cores' time, other machines more"
    " than 2 %, or the frequency fell by more than 10 %. No sample is dropped for it."
)
_PHONE = (
    "Between turns the phone was left to cool down. The clock is the mean of the fastest cluster during a turn, by the"
    " kernel's own count (time_in_state); capped is the lowest limit that was seen below what a core can do."
)
_APP = (
    "The Android app measured, one model after the other, without a pause to cool down. It tells the battery's"
    " temperature and Android's thermal status before, during and after each turn, and no clocks."
)
_EMULATED = "EMULATED: no phone was measured. The numbers of this page say nothing about any phone. "
_PAPER = (
    "The paper's times were taken on another machine, with weights that were never published. They stand here to be"
    " looked at; they cannot be divided by those above."
)


def _headline(found: Sequence[ContestantFigures]) -> Headline:
    models = [row for row in found if row.fps]
    best = min(models, key=lambda row: row.total.median) if models else found[0]
    figures: dict[str, str | Number] = {
        "fastest": best.measured.name,
        "ms a frame": Number(best.total.median, ".1f"),
        "frames a second": Number(best.fps, ".1f"),
    }
    return Headline(figures)


def _times_table(found: Sequence[ContestantFigures]) -> Table:
    columns = ("", *PHASES, "total", "p90", "p99", "min", "MAD", "FPS", "ratio, 95 %")
    cells: tuple[tuple[Cell, ...], ...] = tuple(
        (
            row.measured.name,
            *(Number(row.phases[phase].median if phase in row.phases else None, ".2f") for phase in PHASES),
            Number(row.total.median, ".2f"),
            *(Number(value, ".2f") for value in (row.total.p90, row.total.p99, row.total.min, row.total.mad)),
            Number(row.fps, ".1f"),
            ratio_text(row.ratio) if row.ratio else "–",
        )
        for row in found
    )
    return Table("Medians and spread, ms", columns, cells)


def _memory_table(found: Sequence[ContestantFigures]) -> Table:
    columns = ("", "before", "peak USS", "peak PSS", "peak RSS", "steady USS", "steady PSS", "engine's own", "file, MB")
    cells: list[tuple[Cell, ...]] = []
    for row in found:
        one = row.measured.memory
        figures = (one.before, one.peak_uss, one.peak_pss, one.peak_rss, one.steady_uss, one.steady_pss, one.engine)
        numbers = (Number(value, ".1f") for value in (*figures, row.measured.file_bytes / 1e6))
        cells.append((row.measured.name, *numbers))
    return Table("Memory, MiB", columns, tuple(cells))


def _sweep_sections(result: BenchResult, found: Sequence[ContestantFigures]) -> list[Section]:
    """Figures 11 and 12 in shape, where there is more than one size or number of threads."""
    models = [row for row in found if row.fps]
    if len({row.measured.contestant_group for row in models}) < 2 and not savings(result):
        return []
    columns = ("", "size", "threads", "precision", "heads", "groups", "total ms", "peak USS", "GFLOPs", "Table 6")
    cells = tuple(
        (
            one.name,
            one.size,
            Number(one.threads),
            one.precision,
            one.layout,
            Number(one.groups),
            Number(row.total.median, ".2f"),
            Number(one.memory.peak, ".0f"),
            Number(paper_gflops(one), ".3f"),
            Number(GFLOPS.get(one.height) if one.height == one.width else None, ".3f"),
        )
        for row in models
        for one in [row.measured]
    )
    table = Table("Time, memory, and operations in the paper's convention (of the dense network)", columns, cells)
    blocks: list[Block] = [table, size_chart(models)]
    saved = {name: f"{one.time:.1%} of the time, {one.memory:.1%} of the memory" for name, one in savings(result)}
    if saved:
        claim = f"{CLAIM_TIME:.0%} of the time, {CLAIM_MEMORY:.0%} of the memory (256x256, its phone)"
        blocks.append(Facts({**{f"saved: {name}": text for name, text in saved.items()}, "the paper states": claim}))
    return [Section("Sizes and threads", "In the shape of the paper's Figures 11 and 12.", tuple(blocks))]


def _accuracy_sections(found: Sequence[ContestantFigures], accuracies: Sequence[ModelAccuracy]) -> list[Section]:
    points = [(row, one) for row in found if row.fps and (one := accuracy_of(row.measured, accuracies))]
    if not points:
        return []

    columns = ("", "total ms", "mAP_pt", "mAP_box", "evaluated")
    cells = tuple(
        (
            row.measured.name,
            Number(row.total.median, ".2f"),
            Number(one.map_pt, ".4f"),
            Number(one.map_box, ".4f"),
            one.evaluated,
        )
        for row, one in points
    )
    intro = "Accuracies were measured apart, by deepmark eval, and belong to these models by their files' hashes."
    return [Section("Accuracy", intro, (accuracy_chart(points), Table("Accuracy and speed", columns, cells)))]


def _stability_table(found: Sequence[ContestantFigures]) -> Table:
    cells = []
    for row in found:
        conditions = [turn.conditions for turn in row.measured.rounds]
        core_s = sum(turn.core_s for turn in conditions) or 1.0
        speeds = [turn.frequency_mhz for turn in conditions if turn.frequency_mhz]
        cells.append(
            (
                row.measured.name,
                "; ".join(row.verdict.reasons) or "stable",
                Number(max(sum(turn.busy_s - turn.own_s for turn in conditions) / core_s, 0.0), ".1%"),
                Number(sum(turn.steal_s for turn in conditions) / core_s, ".1%"),
                Number(min(speeds, default=None), ".0f"),
                Number(max(speeds, default=None), ".0f"),
            )
        )
    columns = ("", "verdict", "others", "steal", "lowest MHz", "highest MHz")
    return Table("What speaks against the times", columns, tuple(cells))


def _phone_section(phone: Phone, contestants: Sequence[ContestantResult]) -> Section:
    """Lay the phone out."""
    turns = [(one.name, one.rounds) for one in contestants]
    files = f", sha256 {phone.runtime_sha256[:16]}" if phone.runtime_sha256 else ""
    facts: dict[str, str] = {
        **dict([*identity_rows(phone.identity), bound_row(phone, turns)]),
        "at the start": state_text(phone.start),
        "runtime": f"{phone.programs}{files}, power {phone.power}",
        **{f"{name}: test vectors": f"{count} equal on the phone" for name, count in phone.verified.items()},
    }
    if phone.app is not None:
        facts |= app_rows(contestants)
    intro = f"{_EMULATED if phone.identity.emulated else ''}{_PHONE if phone.app is None else _APP}"
    table = Table("Turns", TURN_COLUMNS, tuple(turn_rows(turns)))
    return Section("The phone", intro, (Facts({**facts}), phone_chart(contestants), table))


def _paper_table(result: BenchResult, found: Sequence[ContestantFigures]) -> Table:
    where = "this machine" if result.phone is None else standing(result.phone)
    cells = [(f"paper: {name}", MACHINE, Number(value, ".2f")) for name, value in TOTALS_MS.items()]
    cells += [
        (row.measured.name, f"{where}, {row.measured.threads} thread(s)", Number(row.total.median, ".2f"))
        for row in found
        if row.fps and row.measured.size == PAPER_SIZE
    ]
    return Table(f"Total of a frame at {PAPER_SIZE}, ms", ("", "where", "total ms"), tuple(cells))


def _environment(result: BenchResult) -> Facts:
    machine, plan, pictures = result.machine, result.plan, result.pictures
    pixels = f", sha256 {pictures.sha256[:16]}" if pictures.sha256 else ""
    facts: dict[str, str | Number] = {
        "CPU": f"{machine.cpu}, {machine.cores} cores, {machine.usable_cores} usable",
        "virtual machine": {True: "yes", False: "no", None: "unknown"}[machine.virtual],
        "memory": f"{machine.memory_mib:,} MiB" if machine.memory_mib else "not told",
        "system": machine.system,
        "governor": machine.governor or "not told",
        "load before": Number(machine.load, ".2f"),
        "Python": machine.python,
        **machine.versions,
        "deepmark": result.program,
        "command": result.command,
        "plan": f"{plan.rounds} rounds, {plan.runs} runs or {plan.seconds:g} s; warm-up {plan.warm_up_runs} runs and"
        f" {plan.warm_up_s:g} s",
        "pictures": f"{pictures_text(pictures)}{pixels}",
    }
    facts |= {f"{one.name}, sha256": f"{one.sha256[:16]}, cores {one.cores or 'all'}" for one in result.contestants}
    facts |= {f"{one.name} to {one.rival}": ratio_text(one.ratio) for one in against_fastest(result)}
    return Facts(facts)


def _failures(result: BenchResult) -> list[Block]:
    if not result.failures:
        return []
    return [Table("Not measured", ("", "why"), tuple((one.name, one.error) for one in result.failures))]
