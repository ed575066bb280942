"""How long it takes from the start of a process to its first result.

Starts `deepmark detect MODEL PICTURE` again and again, each time as a new process, and takes the time to its end. One
more start, under Python's own -X importtime, shows how many milliseconds the modules of each package take to be
imported.

Examples:
  python -m deepmark.benchmarks.studies cold_start build/demo/demo.deepmark models/demo/samples/sample0.png
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from deepmark.benchmarks.studies.support.arguments import add_count
from deepmark.benchmarks.studies.support.machine import machine_name
from deepmark.console import print_json, print_table, say
from deepmark.errors import DeepMarkError

SHOWN = 10  # packages
_IMPORT = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ColdStart:
    """What was measured.

    Attributes:
        machine: processor and system.
        seconds: time of every start, in order, in seconds; the model was in the cache before.
        imports: package -> time that its own modules took to be imported, in milliseconds; the longest first.
    """

    machine: str
    seconds: tuple[float, ...]
    imports: Mapping[str, float]


def import_times(printed: str) -> dict[str, float]:
    """Sum what ``-X importtime`` printed by top-level package, in milliseconds, the longest first."""
    total: Counter[str] = Counter()
    for microseconds, module in _IMPORT.findall(printed):
        total[module.partition(".")[0]] += int(microseconds)
    return {package: count / 1e3 for package, count in total.most_common()}


def measure(model: Path, picture: Path, runs: int) -> ColdStart:
    """Start ``deepmark detect`` once to warm the caches, then ``runs`` times against the clock.

    Raises:
        DeepMarkError: it ended with another status than 0; says what it printed.
    """
    with tempfile.TemporaryDirectory(prefix="deepmark-") as folder:
        detect = ["-m", "deepmark", "detect", str(model), str(picture), "-o", folder, "--quiet"]
        _start(detect)
        seconds = []
        for _ in range(runs):
            before = time.perf_counter()
            _start(detect)
            seconds.append(time.perf_counter() - before)
        return ColdStart(machine_name(), tuple(seconds), import_times(_start(["-X", "importtime", *detect])))


def _start(arguments: Sequence[str]) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        message, _, hint = done.stderr.strip().removeprefix("error: ").partition("\nhint: ")
        raise DeepMarkError(f"deepmark detect ended with status {done.returncode}: {message}", hint=hint or None)
    return done.stderr


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    parser.add_argument("model", metavar="MODEL", type=Path, help="A bundle or model, as `deepmark detect` takes it.")
    parser.add_argument("picture", metavar="PICTURE", type=Path, help="A picture.")
    add_count(parser, "--runs", 15, "Starts.")


def run(options: Namespace) -> None:
    """Measure, and print what was found."""
    found = measure(options.model, options.picture, options.runs)
    if options.as_json:
        print_json(found)
        return
    starts = f"median {median(found.seconds):.2f} s, minimum {min(found.seconds):.2f} s"
    say(f"{found.machine}; {options.runs} starts: {starts}")
    rows = [(package, f"{ms:.0f}") for package, ms in list(found.imports.items())[:SHOWN]]
    print_table(("package", "import ms"), rows)
    say(f"all imports: {sum(found.imports.values()):.0f} ms under -X importtime, which slows them")
