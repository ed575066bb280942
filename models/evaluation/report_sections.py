"""The sections of an evaluation's page: tables and charts of one kind of figures each."""

from __future__ import annotations

from collections.abc import Sequence

from deepmark.models.evaluation.examples import Example
from deepmark.models.evaluation.matching import LOWEST_IOU, Match, confusion
from deepmark.models.evaluation.metric import KIND_NAMES, THRESHOLDS, AveragePrecision, PrecisionCurves
from deepmark.models.evaluation.report import AccuracyReport, SubsetAccuracy
from deepmark.models.evaluation.report_charts import paint_classes, paint_recalls, paint_thresholds
from deepmark.models.evaluation.strategies import StrategyAccuracy, StrategyRow
from deepmark.models.evaluation.table2 import PAPER_MODEL, Table2Row
from deepmark.page import Cells, Chart, Headline, Number, PagePicture, Section, Table, draw
from deepmark.runtime.arrays import F64, I64
from deepmark.runtime.decoding.params import SHOWN_SCORE

MOST_LISTED = 12


def result_section(report: AccuracyReport) -> Section:
    """Head the page with mAP."""
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
            *(
                Table(
                    f"COCO’s figures for {KIND_NAMES[kind]}",
                    tuple(figures),
                    (tuple(Number(value, ".4f") for value in figures.values()),),
                )
                for kind, figures in report.coco.items()
            ),
        ),
    )


def classes_section(report: AccuracyReport) -> Section:
    """Show every class: AP of landmarks and boxes."""
    chart = draw(
        "Average precision of landmarks and boxes by class",
        lambda figure: paint_classes(figure, report.classes),
        height=0.9 + 0.3 * len(report.classes),
    )
    rows: tuple[Cells, ...] = tuple(
        (one.name, Number(one.items), Number(one.detections), *_averages(one.points), *_averages(one.boxes))
        for one in report.classes
    )
    total: Cells = (
        "mean (mAP)",
        Number(report.items),
        Number(report.detections),
        *_averages(report.map_pt),
        *_averages(report.map_box),
    )
    columns = ("class", "items", "found", "AP_pt", "AP50_pt", "AP75_pt", "AP_box", "AP50_box", "AP75_box")
    return Section(
        "Classes",
        "A dash stands for a class of which the data set has nothing to be found. All detections count, whatever their"
        " score: the metric weighs them by it.",
        (Chart(chart, "Average precision of each class."), Table("Average precision by class", columns, rows, total)),
    )


def subsets_section(subsets: Sequence[SubsetAccuracy], overall: SubsetAccuracy) -> Section:
    """Show Table 5: mAP by subset."""
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


def techniques_section(table2: Sequence[Table2Row]) -> Section:
    """Show Table 2: each technique by itself, and all."""
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


def strategies_section(strategies: Sequence[StrategyRow]) -> Section:
    """Show what each strategy adds: mAP with its interval, the gain over the row above, and the time."""
    rows: tuple[Cells, ...] = tuple(
        (row.name, *_strategy_cells(row.points), *_strategy_cells(row.boxes), Number(row.time_ms, ".1f"))
        for row in strategies
    )
    columns = ("strategy", *(f"{name}{of}" for of in ("_pt", "_box") for name in ("mAP", "gain")), "ms a picture")
    return Section(
        "Strategies",
        "Each row has all that stands above it. A gain is over the row above; in brackets the 95 % intervals, of"
        " pictures that are drawn again. Times are medians of a few pictures, taken in turns.",
        (Table("What each strategy adds", columns, rows),),
    )


def curves_section(curves: PrecisionCurves) -> Section:
    """Show precision over recall, and mAP over the threshold."""
    recalls = draw("Precision over recall", lambda figure: paint_recalls(figure, curves), height=3.1)
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
            Chart(recalls, "Precision that is left when so many of the garments are to be found."),
            Chart(thresholds, "How strict one can be: a higher threshold lets fewer detections count as right."),
            Table("mAP by threshold", columns, rows),
        ),
    )


def confusion_section(pairs: Sequence[Match], class_names: Sequence[str]) -> Section:
    """Show the counts of `deepmark.models.evaluation.matching.confusion`, and the most frequent mistakes by name."""
    counts = confusion(pairs, len(class_names))
    return Section(
        "Confusion between classes",
        f"Detections with a score of at least {SHOWN_SCORE:g}, the best first, take the garment of any class that"
        f" their box overlaps most, by an IoU of at least {LOWEST_IOU:g}. The metric above does not look at this:"
        " to it each class is a world of its own.",
        (_matrix(counts, class_names), _mistakes(counts, class_names)),
    )


def example_sections(worst: Sequence[Example], best: Sequence[Example]) -> list[Section]:
    """Show the pictures that went worst and best, where there are pictures."""
    rule = (
        "Left the labels, right the detections with a score of at least"
        f" {SHOWN_SCORE:g}. The number is the mean OKS of the picture’s garments; one that was missed, one too many"
        f" and one of another class count 0 (boxes must overlap by an IoU of {LOWEST_IOU:g})."
    )
    parts = (
        ("Worst pictures", f"{rule} In the labels a ring is an occluded landmark.", worst),
        ("Best pictures", "Drawn likewise.", best),
    )
    return [Section(title, intro, tuple(map(_picture, examples))) for title, intro, examples in parts if examples]


def _strategy_cells(one: StrategyAccuracy | None) -> tuple[str, str]:
    if one is None:
        return ("–", "–")
    low, high = one.interval
    gain = "" if one.gain is None else f"{one.gain.difference:+.4f} ({one.gain.low:+.4f} to {one.gain.high:+.4f})"
    return (f"{one.average.ap:.4f} ({low:.3f} to {high:.3f})", gain)


def _subset_cells(one: SubsetAccuracy) -> tuple[Number, ...]:
    means = (one.points, one.points_visible, one.boxes)
    return (Number(one.items), *(_number(mean, "ap") for mean in means))


def _at_thresholds(curve: F64 | None) -> tuple[Number, ...]:
    if curve is None:
        return tuple(Number(None) for _ in THRESHOLDS)
    return tuple(Number(float(value), ".3f") for value in curve.mean(axis=1))


def _matrix(counts: I64, names: Sequence[str]) -> Table:
    totals = counts.sum(axis=1)
    columns = ("garment", *(str(number) for number in range(1, len(names) + 1)), "missed", "all")
    rows: list[Cells] = []
    for at, name in enumerate((*names, "no garment")):
        title = f"{at + 1} {name}" if at < len(names) else name
        shares = counts[at] / max(1, totals[at])
        cells = [Number(int(count), shade=float(share)) for count, share in zip(counts[at], shares, strict=True)]
        if at == len(names):
            cells[-1] = Number(None)
        rows.append((title, *cells, Number(int(totals[at]))))
    return Table("Garments (rows) by the class that they were found as (columns, numbered alike)", columns, tuple(rows))


def _mistakes(counts: I64, names: Sequence[str]) -> Table:
    found = [
        (int(counts[row, column]), row, column)
        for row in range(len(names))
        for column in range(len(names))
        if row != column and counts[row, column]
    ]
    found.sort(key=lambda one: (-one[0], one[1], one[2]))
    rows = tuple(
        (names[row], names[column], Number(count), Number(count / int(counts[row].sum()), ".1%"))
        for count, row, column in found[:MOST_LISTED]
    )
    return Table("Most frequent confusions", ("garment", "found as", "times", "share of its garments"), rows)


def _picture(example: Example) -> PagePicture:
    return PagePicture(example.jpeg, f"{example.image_id:06d}: mean OKS {example.agreement:.3f}")


def _averages(one: AveragePrecision | None) -> tuple[Number, ...]:
    return tuple(_number(one, name) for name in ("ap", "ap50", "ap75"))


def _number(one: AveragePrecision | None, name: str) -> Number:
    return Number(None if one is None else getattr(one, name), ".4f")
