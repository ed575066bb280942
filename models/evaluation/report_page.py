"""An evaluation as one page to look at (`deepmark eval --report`); its figures are those of ``--json``.

`write_report` looks closer (`collect_details`), lays out the sections of `deepmark.models.evaluation.report_sections`
and writes the page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import msgspec

from deepmark import __version__
from deepmark.models.datasets.deepfashion2 import Dataset
from deepmark.models.evaluation.examples import Example, choose, draw_example
from deepmark.models.evaluation.matching import Match, agreement, match
from deepmark.models.evaluation.metric import PrecisionCurves, measure_curves
from deepmark.models.evaluation.report import AccuracyReport
from deepmark.models.evaluation.report_sections import (
    classes_section,
    confusion_section,
    curves_section,
    example_sections,
    result_section,
    strategies_section,
    subsets_section,
    techniques_section,
)
from deepmark.models.evaluation.results import ClassResults
from deepmark.models.evaluation.strategies import StrategyRow
from deepmark.models.evaluation.table2 import Table2Row
from deepmark.models.evaluation.truth import Truth
from deepmark.page import Facts, Page, Section, Table, write_page

LISTED_FAULTS = 100
REPORT_STEPS = 2  # calls of ``advance``


@dataclass(frozen=True, slots=True, eq=False)
class ReportDetails:
    """What a page shows beyond the figures of the report.

    Attributes:
        curves: precision at every threshold and recall.
        pairs: garments with the detections that stand for them.
        worst: pictures that went worst, worst first; empty without pictures.
        best: pictures that went best, best first.
    """

    curves: PrecisionCurves
    pairs: tuple[Match, ...]
    worst: tuple[Example, ...]
    best: tuple[Example, ...]


def write_report(
    path: Path,
    report: AccuracyReport,
    truth: Truth,
    results: Sequence[ClassResults],
    dataset: Dataset,
    *,
    run: Mapping[str, object],
    faults: Sequence[str] = (),
    table2: Sequence[Table2Row] = (),
    strategies: Sequence[StrategyRow] = (),
    advance: Callable[[], None] = lambda: None,
) -> None:
    """Write the page; the file appears whole or not at all, and the same evaluation gives the same bytes.

    Args:
        path: path of the HTML file.
        report: figures of the evaluation.
        truth: items that they were measured against.
        results: detections, one entry per class.
        dataset: data set; the worst and best pictures are drawn where it was opened with its pictures.
        run: account of what was evaluated, and how: name -> text, number or dataclass.
        faults: one sentence for each picture that was left out.
        table2: rows of Table 2; empty where it was not made.
        strategies: rows of the table of strategies; empty where it was not made.
        advance: function called after each of `REPORT_STEPS` steps.

    Raises:
        DeepMarkError: a library is missing, a picture cannot be read, or the page not be written.
    """
    details = collect_details(truth, results, dataset, visible_only=report.visible_only)
    advance()
    page = accuracy_page(
        report, details, truth.schema.class_names, run=run, faults=faults, table2=table2, strategies=strategies
    )
    advance()
    write_page(path, page)


def collect_details(
    truth: Truth, results: Sequence[ClassResults], dataset: Dataset, *, visible_only: bool = False
) -> ReportDetails:
    """Look at an evaluation more closely.

    Raises:
        DeepMarkError: hotcoco is missing, or a picture cannot be read.
    """
    if visible_only:
        truth = truth.visible_only()
    curves, pairs = measure_curves(truth, results), match(truth, results)
    worst: tuple[Example, ...] = ()
    best: tuple[Example, ...] = ()
    if dataset.has_pictures:
        values = agreement(pairs, truth, results)
        worst, best = (
            tuple(draw_example(dataset, image_id, results, values[image_id]) for image_id in chosen)
            for chosen in choose(values)
        )
    return ReportDetails(curves, pairs, worst, best)


def accuracy_page(
    report: AccuracyReport,
    details: ReportDetails,
    class_names: Sequence[str],
    *,
    run: Mapping[str, object],
    faults: Sequence[str] = (),
    table2: Sequence[Table2Row] = (),
    strategies: Sequence[StrategyRow] = (),
) -> Page:
    """Lay out the page."""
    sections = [result_section(report), classes_section(report)]
    if report.overall is not None:
        sections.append(subsets_section(report.subsets, report.overall))
    if table2:
        sections.append(techniques_section(table2))
    if strategies:
        sections.append(strategies_section(strategies))
    if report.map_box is not None:
        sections.append(curves_section(details.curves))
    sections.append(confusion_section(details.pairs, class_names))
    sections += example_sections(details.worst, details.best)
    sections.append(_run(run, faults))
    subtitle = (
        f"{run['evaluated']} on {run['annotations']}: {report.pictures:,} pictures,"
        f" {report.items:,} {report.standard.items}, {report.detections:,} detections."
    )
    return Page(f"Accuracy on {report.standard.name}’s metric", subtitle, tuple(sections))


def _run(run: Mapping[str, object], faults: Sequence[str]) -> Section:
    left_out: tuple[Table, ...] = ()
    if faults:
        more = f", the first {LISTED_FAULTS} of {len(faults):,}" if len(faults) > LISTED_FAULTS else ""
        rows = tuple((fault,) for fault in faults[:LISTED_FAULTS])
        left_out = (Table(f"Left out{more}", ("what is wrong",), rows),)
    versions = {"deepmark": __version__, "hotcoco": version("hotcoco"), "numpy": version("numpy")}
    facts = {**_flat(msgspec.to_builtins(run)), "pictures left out": f"{len(faults):,}", **_flat({"version": versions})}
    return Section("What was run", "", (Facts(facts), *left_out))


def _flat(values: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    """Write nested values as lines: ``engine: backend`` -> ``mnn``."""
    lines: dict[str, str] = {}
    for name, value in values.items():
        label = f"{prefix}{name.replace('_', ' ')}"
        if isinstance(value, dict):
            lines |= _flat(value, f"{label}: ")
        else:
            lines[label] = "–" if value is None or value == "" else str(value)
    return lines
