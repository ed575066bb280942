"""Which class is taken for which, as tables."""

from __future__ import annotations

from collections.abc import Sequence

from deepmark.models.evaluation.matching import LOWEST_IOU, Match, confusion
from deepmark.page import Cells, Number, Section, Table
from deepmark.runtime.arrays import I64
from deepmark.runtime.decoding.params import SHOWN_SCORE

MOST_LISTED = 12


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
