"""The map of technique 2 (Figure 10) as a picture and as a table."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmark.errors import UsageError
from deepmark.exporter.tuning.sweeps import SigmaMap
from deepmark.extras import require
from deepmark.files import whole_file

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

PICTURE_SUFFIXES = (".png", ".svg")
_STYLE: dict[RcKeyType, Any] = {
    "font.family": "DejaVu Sans",
    "svg.hashsalt": "deepmark",
}  # the same map gives the same bytes


def check_picture(path: Path) -> None:
    """Refuse a picture that could not be drawn, before the search.

    Raises:
        UsageError: the name has another suffix.
        DeepMarkError: matplotlib is not installed.
    """
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise UsageError(f"a map is a file {' or '.join(PICTURE_SUFFIXES)}, found {path}")
    require("drawing a map", "matplotlib", extra="report")


def draw_map(path: Path, found: SigmaMap, *, title: str) -> None:
    """Draw a map as in the paper: sigma of centres along x, of landmarks along y; both optima are marked.

    Colours are viridis: equal steps look equal, in grey too.

    Args:
        path: ``.png`` or ``.svg`` file to write.
        found: map to draw.
        title: what was searched, in a line.

    Raises:
        DeepMarkError: it cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.patheffects import withStroke

    values, sigmas = np.array(found.map_pt), found.sigmas
    half = (sigmas[1] - sigmas[0]) / 2
    edges = (sigmas[0] - half, sigmas[-1] + half)
    best_x, best_y, best = found.best
    with rc_context(_STYLE):
        figure = Figure(figsize=(7.2, 6), layout="constrained")
        axes = figure.add_subplot()
        image = axes.imshow(values, origin="lower", extent=(*edges, *edges), cmap="viridis", interpolation="nearest")
        figure.colorbar(image, ax=axes, label="mAP_pt", format="%.3f")
        outline = [withStroke(linewidth=4, foreground="black")]  # visible on every colour of the map
        marks: dict[str, Any] = {
            "markersize": 13,
            "markerfacecolor": "none",
            "markeredgewidth": 2,
            "path_effects": outline,
        }
        best_label = f"best: {best_x:g}, {best_y:g} (mAP_pt {best:.4f})"
        found_label = f"one at a time: {found.found[0]:g}, {found.found[1]:g}"
        axes.plot(best_x, best_y, "o", markeredgecolor="red", label=best_label, linestyle="none", **marks)
        axes.plot(*found.found, "s", markeredgecolor="white", label=found_label, linestyle="none", **marks)
        axes.set(xlabel="sigma_center (heatmap cells)", ylabel="sigma_keypoint (heatmap cells)", title=title)
        ticks = sigmas[:: max(1, (len(sigmas) - 1) // 10)]
        axes.set_xticks(ticks)
        axes.set_yticks(ticks)
        legend = figure.legend(
            loc="outside lower center", ncols=2, frameon=True, facecolor="#555555", labelcolor="white"
        )
        legend.get_frame().set_edgecolor("none")
        with whole_file(path) as hidden:
            undated = {"Date": None} if path.suffix.lower() == ".svg" else {"Software": None}
            figure.savefig(hidden, dpi=150, metadata=undated)


def write_csv(path: Path, found: SigmaMap) -> None:
    """Write a map as ``sigma_center,sigma_keypoint,mAP_pt``, a line for each pair.

    Raises:
        DeepMarkError: it cannot be written.
    """
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(("sigma_center", "sigma_keypoint", "mAP_pt"))
    for sigma_keypoint, row in zip(found.sigmas, found.map_pt, strict=True):
        for sigma_center, value in zip(found.sigmas, row, strict=True):
            lines.writerow((f"{sigma_center:g}", f"{sigma_keypoint:g}", f"{value:.6f}"))
    with whole_file(path) as hidden:
        hidden.write_text(text.getvalue(), encoding="utf-8")
