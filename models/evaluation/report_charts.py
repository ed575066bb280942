"""The charts of an evaluation: landmarks in one colour and boxes in another, in all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deepmark.models.evaluation.metric import RECALLS, THRESHOLDS, PrecisionCurves
from deepmark.models.evaluation.report import ClassAccuracy
from deepmark.page import SERIES
from deepmark.runtime.arrays import F64

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS, BOXES = SERIES[:2]
_BAR = 0.38  # height; a class has two
_STYLES = ((0, "AP50", "-"), (5, "AP75", "--"))  # position of the threshold, name, line


def paint_classes(figure: Figure, classes: Sequence[ClassAccuracy]) -> None:
    """Draw two bars a class, from top to bottom: AP of landmarks and of boxes."""
    axes = figure.subplots()
    for shift, name, colour, values in (
        (-_BAR / 2, "landmarks (AP_pt)", POINTS, [one.points for one in classes]),
        (_BAR / 2, "boxes (AP_box)", BOXES, [one.boxes for one in classes]),
    ):
        positions = [at + shift for at in range(len(classes))]
        bars = axes.barh(positions, [one.ap if one else 0 for one in values], _BAR, label=name, color=colour)
        axes.bar_label(bars, [f"{one.ap:.3f}" if one else "–" for one in values], padding=3, fontsize=6.5)
    axes.set_yticks(range(len(classes)), [one.name for one in classes])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("average precision, .50:.05:.95")
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    figure.legend(loc="outside upper left", ncols=2)


def paint_recalls(figure: Figure, curves: PrecisionCurves) -> None:
    """Draw precision over recall, for landmarks and for boxes beside each other."""
    panels = figure.subplots(1, 2, sharey=True, gridspec_kw={"wspace": 0.08})
    for axes, title, colour, curve in zip(
        panels, ("Landmarks", "Boxes"), (POINTS, BOXES), (curves.points, curves.boxes), strict=True
    ):
        axes.set_title(title)
        axes.set_xlabel("recall")
        axes.set(xlim=(0, 1), ylim=(0, 1.02))
        if curve is None:
            continue
        for at, name, line in _STYLES:
            axes.plot(RECALLS, curve[at], line, color=colour, label=f"{name}  {curve[at].mean():.3f}")
        axes.plot(RECALLS, curve.mean(axis=0), ":", color=colour, label=f"mean  {curve.mean():.3f}")
        axes.legend(loc="best", handlelength=2.6)
    panels[0].set_ylabel("precision")


def paint_thresholds(figure: Figure, curves: PrecisionCurves) -> None:
    """Draw mAP over the threshold from which a detection counts as right."""
    axes = figure.subplots()
    _threshold_line(axes, curves.points, "landmarks, by OKS", POINTS, "o")
    _threshold_line(axes, curves.boxes, "boxes, by IoU", BOXES, "s")
    axes.set_xticks(THRESHOLDS, [f"{threshold:.2f}" for threshold in THRESHOLDS])
    axes.set(ylim=(0, 1.02), xlabel="threshold of OKS or IoU", ylabel="mAP at this threshold")
    axes.legend(loc="best")


def _threshold_line(axes: Axes, curve: F64 | None, label: str, colour: str, marker: str) -> None:
    if curve is not None:
        axes.plot(THRESHOLDS, curve.mean(axis=1), color=colour, marker=marker, markersize=4, label=label)
