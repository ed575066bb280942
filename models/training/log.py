"""The log of a training: a line a step in ``log.csv``, for whatever plots columns."""

from __future__ import annotations

import csv
import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, Protocol

from deepmark.errors import DataError
from deepmark.models.training.train_state import write_run_file

_STATUS = Path("/proc/self/status")
_ANONYMOUS = re.compile(rb"^RssAnon:\s*(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One step.

    Attributes:
        step: 1-based number.
        loss: weighted sum over the heads.
        hm: unweighted loss of the centre heatmaps.
        wh: unweighted loss of the box sizes.
        hps: unweighted loss of the regressed landmarks.
        reg: unweighted loss of the centre offsets.
        hm_hp: unweighted loss of the landmark heatmaps.
        hp_offset: unweighted loss of the landmark offsets.
        grad_norm: norm of the gradient before clipping.
        lr: learning rate.
        step_s: time that the step took, in seconds, waiting for its batch included.
        rss_mib: memory of the process in MiB, without files that are mapped into it (`resident_mib`): a leak shows as
            a slope.
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


class LogWriter(Protocol):
    """Writes one line of the log."""

    def __call__(self, line: Any, /) -> None:
        """Write a line, a dataclass of the log's columns; it is with the operating system when this returns."""


@contextmanager
def open_log(path: Path, steps_done: int, columns: tuple[str, ...] = COLUMNS) -> Iterator[LogWriter]:
    """Open the log of a training that has done so many steps; what was logged beyond them is dropped.

    Args:
        path: CSV file.
        steps_done: number of its lines to keep.
        columns: names of the fields of a line.

    Raises:
        DataError: the log cannot be written.
    """
    kept = path.read_text(encoding="utf-8").splitlines()[: steps_done + 1] if path.exists() and steps_done else []
    rows = [[row.get(name) or "" for name in columns] for row in csv.DictReader(kept)]  # maybe of fewer columns
    write_run_file(path, "".join(f"{','.join(row)}\n" for row in (columns, *rows)).encode())
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


def resident_mib() -> float:
    """Return the resident memory in MiB without mapped files, whose pages the system takes back when it likes.

    NaN where the system does not tell, which is everywhere but on Linux: the highest so far, which others tell, would
    hide what comes back.
    """
    try:
        found = _ANONYMOUS.search(_STATUS.read_bytes())
    except OSError:
        return math.nan
    return int(found[1]) / 1024 if found else math.nan
