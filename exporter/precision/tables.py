"""What a precision costs, as a table for people."""

from __future__ import annotations

from deepmark.console import print_table
from deepmark.exporter.precision.sensitivity import Sensitivity
from deepmark.runtime.provenance import PrecisionLoss


def print_loss(loss: PrecisionLoss, *, precision: str, min_kept: float) -> None:
    """Print the heads, each by itself, and all together."""
    rows = [
        [
            one.head,
            f"{one.max_error:.1e}",
            f"{one.mean_error:.1e}",
            f"{one.kept:.1%}",
            "" if one.kept >= min_kept else "BROKEN",
        ]
        for one in loss.heads
    ]
    rows.append(["all heads", "", "", f"{loss.kept:.1%}", f"of {loss.objects} objects in {loss.pictures} pictures"])
    rows.append(["landmarks", "", f"{loss.landmark_error:.1e}", "", "cells, of kept objects"])
    rows.append(["boxes", "", f"{loss.box_error:.1e}", "", "cells, likewise"])
    if accuracy := loss.accuracy:
        for name, before, after in (
            ("mAP_pt", accuracy.fp32_points, accuracy.points),
            ("mAP_box", accuracy.fp32_boxes, accuracy.boxes),
        ):
            rows.append([name, "", "", f"{after:.4f}", f"fp32 {before:.4f}, on {accuracy.pictures} drawings"])
    columns = ["", "largest error", "mean error", "objects kept", ""]
    print_table(columns, rows, title=f"{precision} beside fp32: each head from {precision} by itself, then all")


def print_sensitivity(found: Sensitivity) -> None:
    """Print the layers, those first that give back the most when they are kept in float."""
    columns = [
        "kept in float",
        "weights",
        "file",
        *(f"{head} error" for head in found.all_int8.heads),
        "landmarks",
        "kept",
    ]
    rows = [
        [
            one.layer or "none",
            f"{one.weights:,}",
            f"+{one.extra_bytes / 1e6:.2f} MB",
            *(f"{share:.0%}" for share in found.relative(one)),
            f"{one.landmark_error:.3f}",
            f"{one.kept:.1%}",
        ]
        for one in (found.all_int8, *sorted(found.layers, key=found.gain, reverse=True))
    ]
    print_table(columns, rows, title="Each layer alone kept in float: mean errors as a share of all in int8")
