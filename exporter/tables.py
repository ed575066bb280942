"""Parity reports as tables for people."""

from __future__ import annotations

from collections.abc import Iterator

from deepmark.console import print_table
from deepmark.exporter.parity import ParityReport
from deepmark.runtime.manifest import HeadParity, HopParity


def print_report(report: ParityReport, *, title: str) -> None:
    """Print heads by hops and objects by hops: largest and mean error, and which part of the tolerance that is."""
    hops = list(report)
    columns = ["", "unit", *(f"{hop.reference} → {hop.candidate}" for hop in hops)]
    print_table(columns, [*_head_rows(hops), *_object_rows(hops), ["verdict", "", *map(_verdict, hops)]], title=title)


def _head_rows(hops: list[HopParity]) -> Iterator[list[str]]:
    for row in zip(*(hop.heads for hop in hops), strict=True):
        yield [row[0].head, row[0].unit, *map(_head_cell, row)]


def _head_cell(head: HeadParity) -> str:
    mark = " FAILED" if head.tolerance_used > 1 else ""
    return f"{head.max_error:.1e} / {head.mean_error:.1e}, {head.tolerance_used:.0%}{mark}"


def _object_rows(hops: list[HopParity]) -> Iterator[list[str]]:
    objects = [hop.objects for hop in hops]
    yield ["objects", "matched", *(f"{one.matched} of {one.expected}" for one in objects)]
    yield ["near ties", f"of {objects[0].landmarks} landmarks", *(str(one.near_ties) for one in objects)]
    yield ["landmarks", "cells", *(f"{one.max_landmark_error:.1e}" for one in objects)]
    yield ["boxes", "cells", *(f"{one.max_box_error:.1e}" for one in objects)]
    yield ["scores", "", *(f"{one.max_score_error:.1e}" for one in objects)]


def _verdict(hop: HopParity) -> str:
    return "equal" if hop.passed else "NOT EQUAL"
