"""A measurement as a page: what was measured, box plots, where a frame's time goes, memory, accuracy against speed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from deepmark.benchmarks.report.accuracy import Accuracy, accuracy_of
from deepmark.benchmarks.report.operations import paper_gflops
from deepmark.benchmarks.report.paper import CLAIM_MEMORY, CLAIM_TIME, GFLOPS, MACHINE, PAPER_SIZE, TOTALS_MS
from deepmark.benchmarks.report.phone_page import phone_section
from deepmark.benchmarks.report.phone_paper import standing
from deepmark.benchmarks.report.tables import ratio_text
from deepmark.benchmarks.result.document import PHASES, Result
from deepmark.benchmarks.result.figures import Row, against_fastest, rows, savings
from deepmark.page import SERIES, Block, Chart, Facts, Headline, Number, Page, Section, Table, draw
from deepmark.page.blocks import Cell
from deepmark.page.charts import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW_INCHES = 0.34
_LONGEST_NAME = 38  # characters beside a chart


def make_page(result: Result, accuracies: Sequence[Accuracy] = ()) -> Page:
    """Lay a measurement out; the same result gives the same page."""
    found = rows(result)
    sections = [
        Section("Times", _TIMES, (_headline(found), _times_table(found), *_charts_of_times(found))),
        Section("Memory", _MEMORY, (_memory_table(found),)),
        *_sweep_sections(result, found),
        *_accuracy_sections(found, accuracies),
        Section("Stability", _STABILITY, (_stability_table(found), _over_time(found))),
        *([phone_section(result.phone, result.contestants)] if result.phone else []),
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
_MEMORY = (
    "Of the process, MiB. USS would be free without it, PSS counts shared pages in part. Before: Python and the"
    " pictures, no model and no engine. The peaks of USS and PSS were seen while loading and warming up."
)
_STABILITY = (
    "A result is called unstable when the last third of the runs was more than 5 % slower or faster than the first, the"
    " runs spread by more than 5 % (MAD), other programs used more than 10 % of the cores' time, other machines more"
    " than 2 %, or the frequency fell by more than 10 %. No sample is dropped for it."
)
_PAPER = (
    "The paper's times were taken on another machine, with weights that were never published. They stand here to be"
    " looked at; they cannot be divided by those above."
)


def _headline(found: Sequence[Row]) -> Headline:
    models = [row for row in found if row.fps]
    best = min(models, key=lambda row: row.total.median) if models else found[0]
    figures: dict[str, str | Number] = {
        "fastest": best.measured.name,
        "ms a frame": Number(best.total.median, ".1f"),
        "frames a second": Number(best.fps, ".1f"),
    }
    return Headline(figures)


def _times_table(found: Sequence[Row]) -> Table:
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


def _charts_of_times(found: Sequence[Row]) -> list[Block]:
    def boxes(figure: Figure) -> None:
        axes = figure.subplots()
        times = [np.concatenate(row.measured.times("total")) for row in found]
        ink = {"color": INK}
        axes.boxplot(
            times,
            orientation="horizontal",
            positions=range(len(found)),
            widths=0.6,
            whis=(10, 90),
            boxprops=ink,
            whiskerprops=ink,
            capprops=ink,
            medianprops={"color": SERIES[1]},
            flierprops={"marker": ".", "markersize": 4, "markeredgecolor": INK, "markerfacecolor": INK},
        )
        _name_rows(axes, found, "ms, total of a frame (rivals: network alone)")

    def waterfall(figure: Figure) -> None:
        axes = figure.subplots()
        for number, row in enumerate(found):
            left = 0.0
            for phase, colour in zip(PHASES, SERIES, strict=False):
                if phase in row.phases:
                    width = row.phases[phase].median
                    axes.barh(number, width, left=left, color=colour, label=phase if number == 0 else None)
                    left += width
        _name_rows(axes, found, "ms, medians")
        axes.legend(ncols=len(PHASES), loc="lower right", bbox_to_anchor=(1, 1))

    return [
        _chart("Distribution of the total", boxes, found, "Box: quartiles; whiskers: p10 and p90; dots: all others."),
        _chart("Where a frame's time goes", waterfall, found, "Medians of the phases, one after the other."),
    ]


def _memory_table(found: Sequence[Row]) -> Table:
    columns = ("", "before", "peak USS", "peak PSS", "peak RSS", "steady USS", "steady PSS", "engine's own", "file, MB")
    cells: list[tuple[Cell, ...]] = []
    for row in found:
        one = row.measured.memory
        figures = (one.before, one.peak_uss, one.peak_pss, one.peak_rss, one.steady_uss, one.steady_pss, one.engine)
        numbers = (Number(value, ".1f") for value in (*figures, row.measured.file_bytes / 1e6))
        cells.append((row.measured.name, *numbers))
    return Table("Memory, MiB", columns, tuple(cells))


def _sweep_sections(result: Result, found: Sequence[Row]) -> list[Section]:
    """Figures 11 and 12 in shape, where there is more than one size or number of threads."""
    models = [row for row in found if row.fps]
    if len({row.measured.heat for row in models}) < 2 and not savings(result):
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
    blocks: list[Block] = [table, _figure_12(models)]
    saved = {name: f"{one.time:.1%} of the time, {one.memory:.1%} of the memory" for name, one in savings(result)}
    if saved:
        claim = f"{CLAIM_TIME:.0%} of the time, {CLAIM_MEMORY:.0%} of the memory (256x256, its phone)"
        blocks.append(Facts({**{f"saved: {name}": text for name, text in saved.items()}, "the paper states": claim}))
    return [Section("Sizes and threads", "In the shape of the paper's Figures 11 and 12.", tuple(blocks))]


def _figure_12(models: Sequence[Row]) -> Chart:
    lines: dict[str, list[Row]] = {}
    for row in sorted(models, key=lambda row: row.measured.height * row.measured.width):
        one = row.measured
        key = f"{one.groups} groups, {one.engine}, {one.precision}, {one.layout}, {one.threads} thread(s)"
        lines.setdefault(key, []).append(row)

    def paint(figure: Figure) -> None:
        time, memory = figure.subplots(1, 2)
        for number, (name, line) in enumerate(lines.items()):
            sides = [f"{row.measured.size}" for row in line]
            colour = SERIES[number % len(SERIES)]
            time.plot(sides, [row.total.median for row in line], marker="o", color=colour, label=name)
            memory.plot(sides, [row.measured.memory.peak for row in line], marker="o", color=colour)
        time.set_ylabel("ms, total")
        memory.set_ylabel("MiB, peak USS")
        figure.legend(*time.get_legend_handles_labels(), loc="outside lower center")

    return Chart(draw("Time and memory over sizes", paint, height=3.2 + 0.2 * len(lines)), "As the paper's Figure 12.")


def _accuracy_sections(found: Sequence[Row], accuracies: Sequence[Accuracy]) -> list[Section]:
    points = [(row, one) for row in found if row.fps and (one := accuracy_of(row.measured, accuracies))]
    if not points:
        return []

    def paint(figure: Figure) -> None:
        for axes, name in zip(figure.subplots(1, 2), ("map_pt", "map_box"), strict=True):
            for number, (row, one) in enumerate(points):
                value = getattr(one, name)
                if value is not None:
                    colour = SERIES[number % len(SERIES)]
                    axes.plot(row.total.median, value, "o", color=colour, label=_short(row.measured.name))
            axes.set_xlabel("ms, total")
            axes.set_ylabel({"map_pt": "mAP_pt", "map_box": "mAP_box"}[name])
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center")

    chart = Chart(draw("Accuracy against speed", paint), "Up and to the left is better, as in the paper's Figure 11.")
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
    return [Section("Accuracy", intro, (chart, Table("Accuracy and speed", columns, cells)))]


def _stability_table(found: Sequence[Row]) -> Table:
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


def _over_time(found: Sequence[Row]) -> Chart:
    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for number, row in enumerate(found):
            starts = [turn.at_s for turn in row.measured.rounds]
            medians = [float(np.median(times)) / row.total.median for times in row.measured.times("total")]
            axes.plot(starts, medians, "o-", color=SERIES[number % len(SERIES)], label=_short(row.measured.name))
        axes.set_xlabel("s since the beginning")
        axes.set_ylabel("turn's median / median of all")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)

    height = 3.0 + 0.12 * len(found)
    return Chart(
        draw("Turns over time", paint, height=height), "Every turn's median: what rises together is the machine."
    )


def _paper_table(result: Result, found: Sequence[Row]) -> Table:
    where = "this machine" if result.phone is None else standing(result.phone)
    cells = [(f"paper: {name}", MACHINE, Number(value, ".2f")) for name, value in TOTALS_MS.items()]
    cells += [
        (row.measured.name, f"{where}, {row.measured.threads} thread(s)", Number(row.total.median, ".2f"))
        for row in found
        if row.fps and row.measured.size == PAPER_SIZE
    ]
    return Table(f"Total of a frame at {PAPER_SIZE}, ms", ("", "where", "total ms"), tuple(cells))


def _environment(result: Result) -> Facts:
    machine, plan = result.machine, result.plan
    facts: dict[str, str | Number] = {
        "CPU": f"{machine.cpu}, {machine.cores} cores, {machine.usable_cores} usable",
        "virtual machine": {True: "yes", False: "no", None: "unknown"}[machine.virtual],
        "memory": f"{machine.memory_mib:,} MiB",
        "system": machine.system,
        "governor": machine.governor or "not told",
        "load before": Number(machine.load, ".2f"),
        "Python": machine.python,
        **machine.versions,
        "deepmark": result.program,
        "command": result.command,
        "plan": f"{plan.rounds} rounds, {plan.runs} runs or {plan.seconds:g} s; warm-up {plan.warm_up_runs} runs and"
        f" {plan.warm_up_s:g} s",
        "pictures": f"{len(result.pictures.sizes)}, {result.pictures.source}, sha256 {result.pictures.sha256[:16]}",
    }
    facts |= {f"{one.name}, sha256": f"{one.sha256[:16]}, cores {one.cores or 'all'}" for one in result.contestants}
    facts |= {f"{one.name} to {one.rival}": ratio_text(one.ratio) for one in against_fastest(result)}
    return Facts(facts)


def _failures(result: Result) -> list[Block]:
    if not result.failures:
        return []
    return [Table("Not measured", ("", "why"), tuple((one.name, one.error) for one in result.failures))]


def _name_rows(axes: Axes, found: Sequence[Row], label: str) -> None:
    """Put a contestant's name to each row, from top to bottom, and begin at 0; when all is drawn."""
    axes.set_yticks(range(len(found)), _names(found))
    axes.invert_yaxis()
    axes.set_xlabel(label)
    axes.set_xlim(left=0)


def _chart(label: str, paint: Callable[[Figure], None], found: Sequence[Row], caption: str) -> Chart:
    return Chart(draw(label, paint, height=1.0 + _ROW_INCHES * len(found)), caption)


def _names(found: Sequence[Row]) -> list[str]:
    return [_short(row.measured.name) for row in found]


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
