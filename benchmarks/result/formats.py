"""Every sample as a line of CSV, for those who want to draw their own conclusions."""

from __future__ import annotations

import csv
from pathlib import Path

from deepmark.benchmarks.result.document import PHASES, Result
from deepmark.files import whole_file

COLUMNS = ("name", "kind", "engine", "precision", "layout", "groups", "height", "width", "threads", "round", "run")


def write_csv(path: Path, result: Result) -> None:
    """Write all samples, milliseconds; a phase that a contestant has not stays empty.

    Raises:
        DeepMarkError: the file cannot be written.
    """
    with whole_file(path) as hidden, hidden.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow((*COLUMNS, *(f"{phase}_ms" for phase in PHASES), "total_ms"))
        for one in result.contestants:
            about = (one.name, one.kind, one.engine, one.precision, one.layout, one.groups, one.height, one.width)
            totals = one.times("total")
            for number, turn in enumerate(one.rounds):
                for run, total in enumerate(totals[number]):
                    phases = [turn.phases[phase][run] if phase in turn.phases else "" for phase in PHASES]
                    writer.writerow((*about, one.threads, number, run, *phases, round(float(total), 6)))
