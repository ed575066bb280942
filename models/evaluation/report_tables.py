"""An evaluation's figures for a reader at a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from deepmark.console import print_table, say
from deepmark.models.evaluation.metric import KIND_NAMES, AveragePrecision
from deepmark.models.evaluation.report import AccuracyReport, SubsetAccuracy
from deepmark.models.evaluation.strategies import StrategyAccuracy, StrategyRow
from deepmark.models.evaluation.table2 import PAPER_MODEL, Table2Row
from deepmark.models.evaluation.truth import KINDS


def print_report(report: AccuracyReport, faults: Sequence[str]) -> None:
    """Print the figures by class and by subset, and what was left out of the data set."""
    columns = ("class", "items", "AP_pt", "AP50_pt", "AP75_pt", "AP_box", "AP50_box", "AP75_box")
    rows = [(one.name, f"{one.items:,}", *_cells(one.points), *_cells(one.boxes)) for one in report.classes]
    rows.append(("mean (mAP)", f"{report.items:,}", *_cells(report.map_pt), *_cells(report.map_box)))
    title = "visible landmarks only" if report.visible_only else None
    print_table(columns, rows, title=title)
    if report.overall is not None:
        print_table(
            ("subset", "", "items", "mAP_pt", "mAP_pt visible only", "mAP_box"),
            [
                (one.attribute, one.value, f"{one.items:,}", *(_cells(p)[0] for p in _averages(one)))
                for one in (*report.subsets, report.overall)
            ],
        )
    for kind, figures in report.coco.items():
        row = tuple("-" if one is None else f"{one:.4f}" for one in figures.values())
        print_table(tuple(figures), [row], title=f"COCO's figures for {KIND_NAMES[kind]}")
    for fault in faults:
        say(f"left out: {fault}")
    left_out = f"; {len(faults):,} left out" if faults else ""
    for kind in KINDS:
        if kind not in report.kinds:
            say(f"not measured: {KIND_NAMES[kind]}, which no detection has")
    say(
        f"{report.standard.name}'s metric: mAP_pt {_cells(report.map_pt)[0]}, mAP_box {_cells(report.map_box)[0]} on"
        f" {report.pictures:,} pictures with {report.items:,} {report.standard.items}, {report.detections:,}"
        f" detections{left_out}"
    )


def print_table2(rows: Sequence[Table2Row]) -> None:
    """Print Table 2's rows, with the paper's beside them."""
    print_table(
        ("post-processing", "mAP_pt", "mAP_box", "paper mAP_pt", "paper mAP_box"),
        [
            (
                row.name,
                _cells(row.map_pt)[0],
                _cells(row.map_box)[0],
                f"{row.paper.map_pt:.3f}",
                f"{row.paper.map_box:.3f}",
            )
            for row in rows
        ],
        title=f"Table 2; the paper's figures are of {PAPER_MODEL}",
    )


def print_strategies(rows: Sequence[StrategyRow]) -> None:
    """Print what each strategy adds, with intervals, and its time."""
    kinds = [name for name in ("points", "boxes") if any(getattr(row, name) for row in rows)]
    labels = {"points": "mAP_pt", "boxes": "mAP_box"}
    columns = [column for kind in kinds for column in (labels[kind], "95 %", "gain", "95 %")]
    print_table(
        ("strategy", *columns, "ms a picture"),
        [
            (row.name, *(cell for kind in kinds for cell in _strategy_cells(getattr(row, kind))), f"{row.time_ms:.1f}")
            for row in rows
        ],
        title="each row with all above it; gains are over the row above, intervals of pictures drawn again",
    )
    last = rows[-1]
    for kind in kinds:
        one: StrategyAccuracy | None = getattr(last, kind)
        if one is not None and one.over_plain is not None:
            gain = one.over_plain
            say(f"all over {rows[0].name}: {labels[kind]} {gain.difference:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})")


def _strategy_cells(one: StrategyAccuracy | None) -> tuple[str, ...]:
    if one is None:
        return ("-", "", "", "")
    low, high = one.interval
    cells = (f"{one.average.ap:.4f}", f"{low:.3f} to {high:.3f}")
    if one.gain is None:
        return (*cells, "", "")
    return (*cells, f"{one.gain.difference:+.4f}", f"{one.gain.low:+.4f} to {one.gain.high:+.4f}")


def _averages(one: SubsetAccuracy) -> tuple[AveragePrecision | None, ...]:
    return one.points, one.points_visible, one.boxes


def _cells(average: AveragePrecision | None) -> tuple[str, str, str]:
    if average is None:
        return ("-", "-", "-")
    return (f"{average.ap:.4f}", f"{average.ap50:.4f}", f"{average.ap75:.4f}")
