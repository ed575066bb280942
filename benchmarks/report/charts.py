"""The charts of a measurement's page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from deepmark.benchmarks.report.accuracy import ModelAccuracy
from deepmark.benchmarks.result.document import PHASES, ContestantResult
from deepmark.benchmarks.result.figures import ContestantFigures
from deepmark.page import SERIES, Chart, draw
from deepmark.page.charts import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW_INCHES = 0.34
_LONGEST_NAME = 38  # characters beside a chart


def time_charts(found: Sequence[ContestantFigures]) -> list[Chart]:
    """Draw how the total of a frame is distributed, and where the time of a frame goes."""

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


def size_chart(models: Sequence[ContestantFigures]) -> Chart:
    """Draw time and memory over sizes, a line for what differs otherwise."""
    lines: dict[str, list[ContestantFigures]] = {}
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


def accuracy_chart(points: Sequence[tuple[ContestantFigures, ModelAccuracy]]) -> Chart:
    """Draw the accuracy of models over the time of a frame."""

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

    return Chart(draw("Accuracy against speed", paint), "Up and to the left is better, as in the paper's Figure 11.")


def turn_chart(found: Sequence[ContestantFigures]) -> Chart:
    """Draw the median of every turn over time."""

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


def phone_chart(contestants: Sequence[ContestantResult]) -> Chart:
    """Draw time of a frame, temperature of the battery and clock of every turn over time."""

    def paint(figure: Figure) -> None:
        latency, battery, clock = figure.subplots(3, 1, sharex=True)
        for number, one in enumerate(contestants):
            look = {"marker": "o", "color": SERIES[number % len(SERIES)]}
            starts = [turn.at_s for turn in one.rounds]
            latency.plot(starts, [float(np.median(times)) for times in one.times("total")], label=one.name, **look)
            warmth = [turn.phone.after.battery_c if turn.phone else None for turn in one.rounds]
            clocks = [turn.conditions.frequency_mhz for turn in one.rounds]
            battery.plot(starts, [np.nan if value is None else value for value in warmth], **look)
            clock.plot(starts, [np.nan if value is None else value for value in clocks], **look)
        latency.set_ylabel("ms, total")
        battery.set_ylabel("battery, °C")
        clock.set_ylabel("MHz")
        clock.set_xlabel("s since the beginning")
        figure.legend(*latency.get_legend_handles_labels(), loc="outside lower center", ncols=2)

    return Chart(draw("Heat and clocks over time", paint, height=6.0), "What rises with the heat is the phone's.")


def _name_rows(axes: Axes, found: Sequence[ContestantFigures], label: str) -> None:
    """Put a contestant's name to each row, from top to bottom, and begin at 0; when all is drawn."""
    axes.set_yticks(range(len(found)), _names(found))
    axes.invert_yaxis()
    axes.set_xlabel(label)
    axes.set_xlim(left=0)


def _chart(label: str, paint: Callable[[Figure], None], found: Sequence[ContestantFigures], caption: str) -> Chart:
    return Chart(draw(label, paint, height=1.0 + _ROW_INCHES * len(found)), caption)


def _names(found: Sequence[ContestantFigures]) -> list[str]:
    return [_short(row.measured.name) for row in found]


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
