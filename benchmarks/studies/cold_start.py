"""From the start of a process to its first result: ``python -m deepmark.benchmarks.studies.cold_start BUNDLE PICTURE``.

Starts ``deepmark detect`` again and again, each time as a new process, and says what Python's own ``-X importtime``
says of one more of them: the milliseconds that each package's modules take to be imported.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import click

from deepmark.benchmarks.studies.support.machine import machine_name
from deepmark.console import output_options, print_json, print_table, run, say
from deepmark.errors import DeepMarkError

SHOWN = 10  # packages
_IMPORT = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ColdStart:
    """What was measured.

    Attributes:
        machine: processor and system.
        seconds: of every start, in order; the model was known to the cache before.
        imports: package -> milliseconds that its own modules took, the longest first.
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
        said, _, hint = done.stderr.strip().removeprefix("error: ").partition("\nhint: ")
        raise DeepMarkError(f"deepmark detect ended with status {done.returncode}: {said}", hint=hint or None)
    return done.stderr


@click.command(
    epilog="Example:  python -m deepmark.benchmarks.studies.cold_start build/demo/demo.deepmark"
    " models/demo/samples/sample0.png"
)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("picture", type=click.Path(path_type=Path))
@click.option("--runs", type=click.IntRange(1), default=15, show_default=True, help="Starts.")
@output_options
def main(model: Path, picture: Path, runs: int, as_json: bool) -> None:
    """Time `deepmark detect MODEL PICTURE` from the start of its process to its end, and its imports."""
    found = measure(model, picture, runs)
    if as_json:
        print_json(found)
        return
    say(f"{found.machine}; {runs} starts: median {median(found.seconds):.2f} s, minimum {min(found.seconds):.2f} s")
    rows = [(package, f"{ms:.0f}") for package, ms in list(found.imports.items())[:SHOWN]]
    print_table(("package", "import ms"), rows)
    say(f"all imports: {sum(found.imports.values()):.0f} ms under -X importtime, which slows them")


if __name__ == "__main__":
    run(main, "python -m deepmark.benchmarks.studies.cold_start")
