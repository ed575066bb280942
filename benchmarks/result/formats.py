"""The files of a result: JSON to keep and read again, CSV for those who want to draw their own conclusions."""

from __future__ import annotations

import csv
from pathlib import Path

import msgspec

from deepmark.benchmarks.result.document import PHASES, BenchResult
from deepmark.errors import DataError
from deepmark.files import whole_file, write_whole

COLUMNS = ("name", "kind", "engine", "precision", "layout", "groups", "height", "width", "threads", "round", "run")


def write_result(path: Path, result: BenchResult) -> None:
    """Write a document; the file appears whole or not at all.

    Raises:
        DeepMarkError: it cannot be written.
    """
    write_whole(path, msgspec.json.encode(result) + b"\n")


def read_result(path: Path) -> BenchResult:
    """Read a document.

    Raises:
        DataError: it cannot be read, is none, or its samples do not fit each other.
    """
    hint = "deepmark bench MODEL -o FILE.json writes such a file"
    try:
        result = msgspec.json.decode(path.read_bytes(), type=BenchResult)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}", hint=hint) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{path} is no result of deepmark bench: {error}", hint=hint) from error
    for one in result.contestants:
        for number, turn in enumerate(one.rounds):
            lengths = {name: len(times) for name, times in turn.phases.items()}
            if len(set(lengths.values())) != 1 or 0 in lengths.values():
                raise DataError(f"{path}: round {number} of {one.name} has runs of {lengths}", hint=hint)
    return result


def write_csv(path: Path, result: BenchResult) -> None:
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
