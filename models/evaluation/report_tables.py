"""An evaluation's figures for a reader at a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from deepmark.console import print_table, say
from deepmark.models.evaluation.metric import KIND_NAMES, AveragePrecision
from deepmark.models.evaluation.report import AccuracyReport, SubsetAccuracy
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


def _averages(one: SubsetAccuracy) -> tuple[AveragePrecision | None, ...]:
    return one.points, one.points_visible, one.boxes


def _cells(average: AveragePrecision | None) -> tuple[str, str, str]:
    if average is None:
        return ("-", "-", "-")
    return (f"{average.ap:.4f}", f"{average.ap50:.4f}", f"{average.ap75:.4f}")
