"""Whether a long run keeps its memory.

Runs COMMAND and looks at its memory, and that of the processes it starts, every so often; ends with COMMAND's own exit
status. What counts is memory of their own (USS): pages that nobody else uses and that would be free if they ended.
Mapped files, of which the system can drop every page at any time, are in it only while their pages are theirs alone, so
the resident sum stands beside.

Examples:
  python -m deepmark.benchmarks.studies memory_watch -- deepmark train --synthetic -o run
  python -m deepmark.benchmarks.studies memory_watch --every 5 --csv memory.csv -- deepmark eval shirt.deepmark ...
"""

from __future__ import annotations

import subprocess
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deepmark.benchmarks.studies.support.arguments import real
from deepmark.benchmarks.studies.support.machine import machine_name
from deepmark.console import print_json, print_table, say
from deepmark.errors import DeepMarkError, UsageError
from deepmark.extras import require
from deepmark.files import write_whole

if TYPE_CHECKING:
    import psutil

PARTS = 6  # of the run, compared with each other
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Look:
    """Memory of a command and all that it started, at one time.

    Attributes:
        seconds: time since the command's start, in seconds.
        own_mib: memory that nobody else uses, in MiB.
        anonymous_mib: resident memory that is of no file, in MiB.
        resident_mib: resident memory, in MiB.
    """

    seconds: float
    own_mib: float
    anonymous_mib: float
    resident_mib: float


@dataclass(frozen=True, slots=True)
class Watched:
    """What was seen.

    Attributes:
        command: words of the command that was run.
        status: the command's exit status.
        seconds: time that the command took, in seconds.
        looks: all looks, in the order of time.
    """

    command: tuple[str, ...]
    status: int
    seconds: float
    looks: tuple[Look, ...]

    def parts(self) -> list[Sequence[Look]]:
        """Divide the looks into `PARTS` of equal length, fewer if there are too few."""
        count = min(PARTS, len(self.looks))
        bounds = np.linspace(0, len(self.looks), count + 1).astype(int)
        return [self.looks[first:last] for first, last in pairwise(bounds)]


def watch(command: Sequence[str], every_s: float) -> Watched:
    """Run a command to its end and look at it every so many seconds.

    Raises:
        DeepMarkError: it cannot be started.
    """
    import psutil

    start, looks = time.monotonic(), []
    try:
        child = subprocess.Popen(list(command))
    except OSError as error:
        raise DeepMarkError(f"cannot start {command[0]}: {error.strerror}") from error
    try:
        process = psutil.Process(child.pid)
        while child.poll() is None:
            look = _look(process, time.monotonic() - start)
            if look.resident_mib:  # else it ended in between
                looks.append(look)
            try:
                child.wait(every_s)
            except subprocess.TimeoutExpired:
                continue
    except BaseException:
        child.terminate()
        child.wait()
        raise
    return Watched(tuple(command), child.returncode, time.monotonic() - start, tuple(looks))


def _look(process: psutil.Process, seconds: float) -> Look:
    import psutil

    own = anonymous = resident = 0.0
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        family = []
    for one in family:
        try:
            info = one.memory_full_info()
        except psutil.Error:
            continue
        own += info.uss
        anonymous += info.rss - getattr(info, "shared", 0)
        resident += info.rss
    return Look(round(seconds, 2), own / _MIB, anonymous / _MIB, resident / _MIB)


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    parser.add_argument("command", metavar="COMMAND", nargs="*", help="What to run, after --.")
    parser.add_argument(
        "--every",
        type=real(0.05),
        metavar="S",
        default=2.0,
        help="Seconds between two looks.  [default: %(default)s]",
    )
    parser.add_argument("--csv", metavar="FILE", type=Path, help="Write every look as a line.")


def run(options: Namespace) -> int:
    """Watch a command, print what was seen, and return the command's exit status."""
    if not options.command:
        raise UsageError("give a command to run", hint="after --, such as: -- deepmark eval shirt.deepmark ...")
    require("watching memory", "psutil", extra="bench")
    watched = watch(options.command, options.every)
    if options.csv is not None:
        lines = [
            f"{one.seconds},{one.own_mib:.1f},{one.anonymous_mib:.1f},{one.resident_mib:.1f}" for one in watched.looks
        ]
        text = "\n".join(["seconds,own_mib,anonymous_mib,resident_mib", *lines]) + "\n"
        write_whole(options.csv, text.encode())
    if options.as_json:
        print_json(watched)
    else:
        _print(watched)
    return watched.status


def _print(watched: Watched) -> None:
    say(f"{machine_name()}; {len(watched.looks)} looks in {watched.seconds:.0f} s")
    rows = []
    for part in watched.parts():
        columns = ([getattr(one, name) for one in part] for name in ("own_mib", "anonymous_mib", "resident_mib"))
        rows.append(
            (
                f"{part[0].seconds:.0f}-{part[-1].seconds:.0f}",
                *(f"{np.median(c):,.0f} / {max(c):,.0f}" for c in columns),
            )
        )
    print_table(("seconds", "own MiB: median / peak", "not of files", "resident"), rows, title="Memory over the run")
