"""Parity, and what a precision costs, as tables for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from deepmark.console import print_table

if TYPE_CHECKING:
    from deepmark.exporter.parity import ParityReport
    from deepmark.exporter.precision.sensitivity import Sensitivity
    from deepmark.runtime.provenance import HeadParity, HopParity, PrecisionLoss


def print_report(report: ParityReport) -> None:
    """Print heads by hops and objects by hops: largest and mean error, and which part of the tolerance that is."""
    hops = list(report)
    columns = ["", "unit", *(f"{hop.reference} → {hop.candidate}" for hop in hops)]
    rows = [*_head_rows(hops), *_object_rows(hops), ["verdict", "", *map(_verdict, hops)]]
    print_table(columns, rows, title="Parity: largest / mean error, share of what is allowed")


def _head_rows(hops: list[HopParity]) -> Iterator[list[str]]:
    for row in zip(*(hop.heads for hop in hops), strict=True):
        yield [row[0].head, row[0].unit, *map(_head_cell, row)]


def _head_cell(head: HeadParity) -> str:
    mark = " FAILED" if head.tolerance_used > 1 else ""
    return f"{head.max_error:.1e} / {head.mean_error:.1e}, {head.tolerance_used:.0%}{mark}"


def _object_rows(hops: list[HopParity]) -> Iterator[list[str]]:
    objects = [hop.objects for hop in hops]
    landmarks = objects[0].landmarks
    yield ["objects", "matched", *(f"{one.matched} of {one.expected}" for one in objects)]
    yield ["near ties", f"of {landmarks} landmarks" if landmarks else "", *(str(one.near_ties) for one in objects)]
    if landmarks:
        yield ["landmarks", "cells", *(f"{one.max_landmark_error:.1e}" for one in objects)]
    yield ["boxes", "cells", *(f"{one.max_box_error:.1e}" for one in objects)]
    yield ["scores", "", *(f"{one.max_score_error:.1e}" for one in objects)]


def _verdict(hop: HopParity) -> str:
    return "equal" if hop.passed else "NOT EQUAL"


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
    if any(one.head == "hps" for one in loss.heads):
        rows.append(["landmarks", "", f"{loss.landmark_error:.1e}", "", "cells, of kept objects"])
    rows.append(["boxes", "", f"{loss.box_error:.1e}", "", "cells, of kept objects"])
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
