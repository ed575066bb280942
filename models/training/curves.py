"""A training's curves in one picture, from the files that it writes.

Above the loss by head, in the middle the learning rate, below the mAP of every validation, all over the same steps.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmark.errors import DataError
from deepmark.extras import require
from deepmark.files import whole_file
from deepmark.runtime.arrays import F64
from deepmark.runtime.drawing.palette import class_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


LOG, VALIDATION, CURVES = "log.csv", "validation.csv", "curves.svg"
HEADS = {
    "hm": "centres",
    "wh": "box size",
    "hps": "landmarks, coarse",
    "reg": "centre offset",
    "hm_hp": "landmark heatmap",
    "hp_offset": "landmark offset",
}
FIGURES = {"mAP_pt": "landmarks", "mAP_box": "boxes"}
SUFFIXES = (".svg", ".png", ".pdf")
POINTS = 120  # of a curve at most
_REACH = 1  # stretches to either side that a point is the mean of, besides its own
_CLASS_COLOURS = (9, 6, 0, 11, 3, 7)  # of the palette of detections, those that read on white: HEADS in this order
_INK, _GREY, _GRID = "#1c2126", "#6b747c", "#e3e7ea"
_SPREAD = (10, 90)  # percentiles of the band around the loss
_LABEL_POINTS = 13.0  # least distance of two labels, in points of 1/72 inch
_STYLE: dict[Any, Any] = {  # keys are a type of matplotlib's own
    "font.family": "sans-serif",
    "font.size": 9.5,
    "text.color": _INK,
    "axes.edgecolor": _GRID,
    "axes.labelcolor": _GREY,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.grid": True,
    "grid.color": _GRID,
    "grid.linewidth": 0.7,
    "xtick.color": _GREY,
    "ytick.color": _GREY,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
    "svg.fonttype": "none",
    "svg.hashsalt": "deepmark",  # the same curves give the same bytes
}


@dataclass(frozen=True, slots=True, eq=False)
class TrainingCurves:
    """What a run logged, N steps and M validations.

    Attributes:
        log: column -> (N,): ``step``, ``loss``, the loss of every head, ``lr``.
        validation: column -> (M,): ``step``, ``mAP_pt``, ``mAP_box`` in [0, 1]; M may be 0.
    """

    log: Mapping[str, F64]
    validation: Mapping[str, F64]


def draw_curves(folder: Path, output: Path) -> None:
    """Draw the curves of a run into a file; it appears whole or not at all.

    Args:
        folder: folder of the run.
        output: path of the picture, which ends in one of `SUFFIXES`.

    Raises:
        DataError: the file ends otherwise, or there is no log, or nothing in it.
        DeepMarkError: matplotlib is not installed, or the file cannot be written.
    """
    require_matplotlib()
    if output.suffix.lower() not in SUFFIXES:
        raise DataError(f"{output} must end in {', '.join(SUFFIXES)}")
    curves = read_curves(folder)
    with _figure() as figure, whole_file(output) as hidden:
        _compose(figure, curves, folder.resolve().name)
        # without its date, the same curves give the same bytes
        metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(output.suffix.lower(), {})
        figure.savefig(hidden, dpi=160, metadata=metadata)


def require_matplotlib() -> None:
    """Refuse to begin what could not be finished.

    Raises:
        DeepMarkError: matplotlib is not installed.
    """
    require("drawing curves", "matplotlib", extra="report")


def read_curves(folder: Path) -> TrainingCurves:
    """Read the log of a run, and its validations if there were any.

    Raises:
        DataError: there is no log, no step in it, or a line that is none.
    """
    log = _read_columns(folder / LOG, ("step", "loss", *HEADS, "lr"))
    if not len(log["step"]):
        raise DataError(f"{folder / LOG} has no step yet", hint="wait for the first steps of the training")
    columns = ("step", *FIGURES)
    there = (folder / VALIDATION).exists()
    return TrainingCurves(
        log, _read_columns(folder / VALIDATION, columns) if there else dict.fromkeys(columns, np.zeros(0))
    )


def _read_columns(path: Path, columns: tuple[str, ...]) -> dict[str, F64]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            table = csv.DictReader(file)
            missing = [column for column in columns if column not in (table.fieldnames or ())]
            if missing:
                raise DataError(f"{path} has no column {', '.join(missing)}")
            rows = [[float(row[column]) for column in columns] for row in table]
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}", hint="RUN is the folder of a training") from error
    except (TypeError, ValueError) as error:  # a line that is being written is read half
        raise DataError(f"{path} line {table.line_num}: {error}") from error
    return dict(zip(columns, np.array(rows).reshape(-1, len(columns)).T, strict=True))


def stretches(values: F64, points: int = POINTS) -> list[F64]:
    """Cut a column into at most ``points`` equal stretches, each with its neighbours: they overlap."""
    parts = np.array_split(values, min(points, len(values)))
    return [np.concatenate(parts[max(at - _REACH, 0) : at + _REACH + 1]) for at in range(len(parts))]


def smooth(values: F64) -> F64:
    """Average over stretches: (N,) -> (at most `POINTS`,)."""
    return np.array([part.mean() for part in stretches(values)])


@contextmanager
def _figure() -> Iterator[Figure]:
    """Make an empty figure in our style, without touching what else a program does with matplotlib."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=(9, 7.6), facecolor="white")
        FigureCanvasAgg(figure)
        yield figure


def _compose(figure: Figure, curves: TrainingCurves, name: str) -> None:
    loss, rate, scores = figure.subplots(3, 1, sharex=True, height_ratios=(5, 1.1, 2.6), gridspec_kw={"hspace": 0.2})
    figure.subplots_adjust(left=0.085, right=0.785, top=0.89, bottom=0.07)
    steps = int(curves.log["step"][-1])
    figure.text(0.085, 0.955, f"Training of {name}", size=14, weight="bold")
    figure.text(0.085, 0.925, _summary(curves, steps), size=9.5, color=_GREY)
    _draw_loss(loss, curves.log)
    _draw_rate(rate, curves.log)
    _draw_validation(scores, curves.validation)
    scores.set_xlim(0, steps)
    scores.set_xlabel("step")
    scores.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def _summary(curves: TrainingCurves, steps: int) -> str:
    recent = curves.log["loss"][-50:].mean()
    text = f"{steps:,} steps · loss {recent:.3f}"
    if not len(curves.validation["step"]):
        return text
    best = int(curves.validation["mAP_pt"].argmax())
    figures = ", ".join(f"{name} {curves.validation[name][best]:.3f}" for name in FIGURES)
    return f"{text} · best validation: {figures} at step {curves.validation['step'][best]:,.0f}"


def _draw_loss(panel: Axes, log: Mapping[str, F64]) -> None:
    """Draw the whole loss with its spread, and the six that it is the weighted sum of."""
    steps = smooth(log["step"])
    low, high = np.array([np.percentile(part, _SPREAD) for part in stretches(log["loss"])]).T
    panel.fill_between(steps, low, high, color=_INK, alpha=0.1, linewidth=0)
    ends = []
    for name, words in HEADS.items():
        colour = _colour(name)
        curve = smooth(log[name])
        panel.plot(steps, curve, color=colour, linewidth=1.4)
        ends.append((curve[-1], f"{name}  {words}", colour, "normal"))
    whole = smooth(log["loss"])
    panel.plot(steps, whole, color=_INK, linewidth=2.2)
    ends.append((whole[-1], "loss  weighted sum", _INK, "bold"))
    panel.set_yscale("log")
    panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    panel.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "25" else "")
    panel.set_ylabel("loss")
    _label_ends(panel, ends)


def _draw_rate(panel: Axes, log: Mapping[str, F64]) -> None:
    curve = smooth(log["lr"])
    panel.fill_between(smooth(log["step"]), curve, color=_GREY, alpha=0.25, linewidth=0)
    panel.plot(smooth(log["step"]), curve, color=_GREY, linewidth=1.2)
    panel.set_ylim(0, 1.15 * curve.max())
    panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    panel.locator_params(axis="y", nbins=2)
    _label_ends(panel, [(curve[-1], "learning rate", _GREY, "normal")])


def _draw_validation(panel: Axes, validation: Mapping[str, F64]) -> None:
    panel.set_ylabel("mAP, validation")
    if not len(validation["step"]):
        panel.set_ylim(0, 1)
        panel.text(0.5, 0.5, "no validation yet", transform=panel.transAxes, ha="center", va="center", color=_GREY)
        return
    ends = []
    for (name, words), shape in zip(FIGURES.items(), "os", strict=True):
        colour = _colour("hps" if name == "mAP_pt" else "wh")
        panel.plot(validation["step"], validation[name], color=colour, marker=shape, markersize=4, linewidth=1.6)
        ends.append((validation[name][-1], f"{name}  {words}", colour, "bold"))
    panel.set_ylim(0, max(1.15 * max(validation[name].max() for name in FIGURES), 0.01))
    best = int(validation["mAP_pt"].argmax())
    at = (validation["step"][best], validation["mAP_pt"][best])
    panel.plot(*at, marker="o", markersize=9, markerfacecolor="none", markeredgecolor=_INK, clip_on=False)
    _label_ends(panel, ends)


def _label_ends(panel: Axes, ends: list[tuple[float, str, str, str]]) -> None:
    """Write names beside the ends of curves, each in its colour, pushed apart where they would touch."""
    to_points = panel.transData - panel.figure.dpi_scale_trans
    ends = sorted(ends)
    wanted = [72 * float(to_points.transform((1, value))[1]) for value, *_ in ends]
    low, high = 72 * (panel.transAxes - panel.figure.dpi_scale_trans).transform([(0, 0), (0, 1)])[:, 1]
    for (_, text, colour, weight), height in zip(ends, spread(wanted, _LABEL_POINTS), strict=True):
        at = (height - low) / (high - low)
        panel.text(1.015, at, text, transform=panel.transAxes, va="center", color=colour, size=9, weight=weight)


def spread(heights: list[float], gap: float) -> list[float]:
    """Move ascending heights apart by at least ``gap``, as little as possible and as a group about their middle.

    >>> [round(height, 2) for height in spread([0.1, 0.5, 0.5], 0.1)]
    [0.1, 0.45, 0.55]
    """
    groups: list[list[float]] = []  # each: middle, number
    for height in heights:
        groups.append([height, 1])
        while len(groups) > 1 and groups[-1][0] - groups[-2][0] < gap * (groups[-1][1] + groups[-2][1]) / 2:
            middle, number = groups.pop()
            before, others = groups[-1]
            groups[-1] = [(before * others + middle * number) / (others + number), others + number]
    return [middle + gap * (at - (number - 1) / 2) for middle, number in groups for at in range(int(number))]


def _colour(head: str) -> str:
    blue, green, red = class_colour(_CLASS_COLOURS[list(HEADS).index(head)])
    return f"#{red:02x}{green:02x}{blue:02x}"
