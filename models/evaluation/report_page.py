"""An evaluation as one page to look at (`deepmark eval --report`); its figures are those of ``--json``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec

from deepmark import __version__
from deepmark.models.datasets.deepfashion2 import Dataset
from deepmark.models.evaluation.curves import THRESHOLDS, PrecisionCurves
from deepmark.models.evaluation.examples import Example
from deepmark.models.evaluation.inspection import ReportDetails, inspect
from deepmark.models.evaluation.matching import LOWEST_IOU
from deepmark.models.evaluation.metric import AveragePrecision
from deepmark.models.evaluation.report import AccuracyReport, SubsetAccuracy
from deepmark.models.evaluation.report_charts import paint_classes, paint_precision, paint_thresholds
from deepmark.models.evaluation.report_sections import confusion_section
from deepmark.models.evaluation.results import ClassResults
from deepmark.models.evaluation.table2 import PAPER_MODEL, Table2Row
from deepmark.models.evaluation.truth import Truth
from deepmark.page import (
    Cells,
    Chart,
    Facts,
    Headline,
    Number,
    Page,
    PagePicture,
    Section,
    Table,
    draw,
    write_page,
)
from deepmark.runtime.arrays import F64
from deepmark.runtime.decoding.params import SHOWN_SCORE

LISTED_FAULTS = 100
REPORT_STEPS = 2  # calls of ``advance``


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
    advance: Callable[[], None] = lambda: None,
) -> None:
    """Write the page; the file appears whole or not at all, and the same evaluation gives the same bytes.

    Args:
        path: of the HTML file.
        report: the figures.
        truth: what they were measured against.
        results: what was found, one entry per class.
        dataset: to draw the worst and best pictures from, where it was opened with its pictures.
        run: what was evaluated, and how: name -> text, number or dataclass.
        faults: a sentence for each picture that was left out.
        table2: rows of Table 2, where it was made.
        advance: called after each of `REPORT_STEPS` steps.

    Raises:
        DeepMarkError: a library is missing, a picture cannot be read, or the page not be written.
    """
    inspection = inspect(truth, results, dataset, visible_only=report.visible_only)
    advance()
    page = accuracy_page(report, inspection, truth.schema.class_names, run=run, faults=faults, table2=table2)
    advance()
    write_page(path, page)


def accuracy_page(
    report: AccuracyReport,
    inspection: ReportDetails,
    class_names: Sequence[str],
    *,
    run: Mapping[str, object],
    faults: Sequence[str] = (),
    table2: Sequence[Table2Row] = (),
) -> Page:
    """Lay out the page."""
    sections = [_result(report), _classes(report)]
    if report.overall is not None:
        sections.append(_subsets(report.subsets, report.overall))
    if table2:
        sections.append(_techniques(table2))
    if report.map_box is not None:
        sections.append(_curves(inspection.curves))
    sections.append(confusion_section(inspection.pairs, class_names))
    sections += _examples(inspection)
    sections.append(_run(run, faults))
    subtitle = (
        f"{run['evaluated']} on {run['annotations']}: {report.pictures:,} pictures, {report.items:,} garments,"
        f" {report.detections:,} detections."
    )
    return Page("Accuracy on DeepFashion2’s metric", subtitle, tuple(sections))


def _result(report: AccuracyReport) -> Section:
    points = "visible landmarks only" if report.visible_only else "landmarks, visible and occluded"
    return Section(
        "Result",
        f"mAP_pt is the mean average precision of {points}, by OKS; mAP_box that of boxes, by IoU. Both are means over"
        " the thresholds .50:.05:.95 and over the classes that occur in the data set. The numbers 50 and 75 name a"
        " single threshold.",
        (
            Headline(
                {
                    "mAP_pt": _number(report.map_pt, "ap"),
                    "mAP50_pt": _number(report.map_pt, "ap50"),
                    "mAP75_pt": _number(report.map_pt, "ap75"),
                    "mAP_box": _number(report.map_box, "ap"),
                    "mAP50_box": _number(report.map_box, "ap50"),
                    "mAP75_box": _number(report.map_box, "ap75"),
                }
            ),
        ),
    )


def _classes(report: AccuracyReport) -> Section:
    chart = draw(
        "Average precision of landmarks and boxes by class",
        lambda figure: paint_classes(figure, report.classes),
        height=0.9 + 0.3 * len(report.classes),
    )
    rows: tuple[Cells, ...] = tuple(
        (one.name, Number(one.items), Number(one.detections), *_precision(one.points), *_precision(one.boxes))
        for one in report.classes
    )
    total: Cells = (
        "mean (mAP)",
        Number(report.items),
        Number(report.detections),
        *_precision(report.map_pt),
        *_precision(report.map_box),
    )
    columns = ("class", "items", "found", "AP_pt", "AP50_pt", "AP75_pt", "AP_box", "AP50_box", "AP75_box")
    return Section(
        "Classes",
        "A dash stands for a class of which the data set has nothing to be found. All detections count, whatever their"
        " score: the metric weighs them by it.",
        (Chart(chart, "Average precision of each class."), Table("Average precision by class", columns, rows, total)),
    )


def _subsets(subsets: Sequence[SubsetAccuracy], overall: SubsetAccuracy) -> Section:
    rows: tuple[Cells, ...] = tuple(
        (f"{one.attribute.replace('_', '-')}: {one.value}", *_subset_cells(one)) for one in subsets
    )
    columns = ("subset", "items", "mAP_pt", "mAP_pt, visible only", "mAP_box")
    return Section(
        "Subsets",
        "Garments outside a subset are ignored: what finds them is neither right nor wrong. DeepFashion2 defines no"
        " evaluation of subsets; this is our choice.",
        (Table("mAP by subset", columns, rows, ("overall", *_subset_cells(overall))),),
    )


def _subset_cells(one: SubsetAccuracy) -> tuple[Number, ...]:
    means = (one.points, one.points_visible, one.boxes)
    return (Number(one.items), *(_number(mean, "ap") for mean in means))


def _techniques(table2: Sequence[Table2Row]) -> Section:
    rows: tuple[Cells, ...] = tuple(
        (
            row.name,
            _number(row.map_pt, "ap"),
            _number(row.map_box, "ap"),
            Number(row.paper.map_pt, ".3f"),
            Number(row.paper.map_box, ".3f"),
        )
        for row in table2
    )
    columns = ("post-processing", "mAP_pt", "mAP_box", "paper: mAP_pt", "paper: mAP_box")
    return Section(
        "Techniques",
        f"The same outputs of the network, decoded in several ways. The paper’s figures are of {PAPER_MODEL}.",
        (Table("Table 2: each technique by itself, and all", columns, rows),),
    )


def _curves(curves: PrecisionCurves) -> Section:
    precision = draw("Precision over recall", lambda figure: paint_precision(figure, curves), height=3.1)
    thresholds = draw("mAP over the threshold", lambda figure: paint_thresholds(figure, curves), height=2.9)
    columns = ("", *(f"{threshold:.2f}" for threshold in THRESHOLDS))
    rows: tuple[Cells, ...] = (
        ("landmarks, OKS", *_at_thresholds(curves.points)),
        ("boxes, IoU", *_at_thresholds(curves.boxes)),
    )
    return Section(
        "Precision and recall",
        "Averaged over the classes. The area below a curve is the average precision at its threshold; the dotted curve"
        " is the mean over all ten thresholds.",
        (
            Chart(precision, "Precision that is left when so many of the garments are to be found."),
            Chart(thresholds, "How strict one can be: a higher threshold lets fewer detections count as right."),
            Table("mAP by threshold", columns, rows),
        ),
    )


def _at_thresholds(curve: F64 | None) -> tuple[Number, ...]:
    if curve is None:
        return tuple(Number(None) for _ in THRESHOLDS)
    return tuple(Number(float(value), ".3f") for value in curve.mean(axis=1))


def _examples(inspection: ReportDetails) -> list[Section]:
    rule = (
        "Left the labels, right the detections with a score of at least"
        f" {SHOWN_SCORE:g}. The number is the mean OKS of the picture’s garments; one that was missed, one too many"
        f" and one of another class count 0 (boxes must overlap by an IoU of {LOWEST_IOU:g})."
    )
    parts = (
        ("Worst pictures", f"{rule} In the labels a ring is an occluded landmark.", inspection.worst),
        ("Best pictures", "Drawn likewise.", inspection.best),
    )
    return [Section(title, intro, tuple(map(_picture, examples))) for title, intro, examples in parts if examples]


def _picture(example: Example) -> PagePicture:
    return PagePicture(example.jpeg, f"{example.image_id:06d}: mean OKS {example.agreement:.3f}")


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


def _precision(one: AveragePrecision | None) -> tuple[Number, ...]:
    return tuple(_number(one, name) for name in ("ap", "ap50", "ap75"))


def _number(one: AveragePrecision | None, name: str) -> Number:
    return Number(None if one is None else getattr(one, name), ".4f")
