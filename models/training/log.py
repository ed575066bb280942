"""The log of a training: a line a step in ``log.csv``, for whatever plots columns."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Protocol

from deepmark.errors import DataError
from deepmark.models.training.train_state import write_run_file


@dataclass(frozen=True, slots=True)
class LogLine:
    """One step.

    Attributes:
        step: 1-based number.
        loss: weighted sum over the heads.
        hm: loss of this head, unweighted, and so on.
        wh: likewise.
        hps: likewise.
        reg: likewise.
        hm_hp: likewise.
        hp_offset: likewise.
        grad_norm: norm of the gradient before clipping.
        lr: learning rate.
        step_s: seconds that the step took, waiting for its batch included.
        rss_mib: memory of the process in MiB, without files that are mapped into it (`memory.resident_mib`).
    """

    step: int
    loss: float
    hm: float
    wh: float
    hps: float
    reg: float
    hm_hp: float
    hp_offset: float
    grad_norm: float
    lr: float
    step_s: float
    rss_mib: float


COLUMNS = tuple(field.name for field in fields(LogLine))


class Writer(Protocol):
    """Writes one line of the log."""

    def __call__(self, line: LogLine, /) -> None:
        """Write a line; it is with the operating system when this returns."""


@contextmanager
def open_log(path: Path, steps_done: int) -> Iterator[Writer]:
    """Open the log of a training that has done so many steps; what was logged beyond them is dropped.

    Raises:
        DataError: the log cannot be written.
    """
    kept = path.read_text(encoding="utf-8").splitlines()[: steps_done + 1] if path.exists() and steps_done else []
    rows = [[row.get(name) or "" for name in COLUMNS] for row in csv.DictReader(kept)]  # maybe of fewer columns
    write_run_file(path, "".join(f"{','.join(row)}\n" for row in (COLUMNS, *rows)).encode())
    with path.open("a", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")

        def write(line: LogLine) -> None:
            try:
                table.writerow(f"{value:.8g}" if isinstance(value, float) else value for value in astuple(line))
                file.flush()
            except OSError as error:
                with suppress(OSError):
                    file.close()
                raise DataError(f"cannot write {path}: {os.strerror(error.errno or 0)}") from error

        yield write
