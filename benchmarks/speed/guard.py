"""A guard against becoming slower: ratios of one measurement against those that were committed.

``python -m deepmark.benchmarks.speed.guard BASELINE.json RESULT.json``; ``make bench`` makes the result first. Times of
two machines cannot be compared, and those of one machine change with its load. Ratios of what took turns can: decoding
to network, sparse to dense heads, one of our engines to the other, ours to a rival's. The last two depend on the CPU
and are only compared on the baseline's own.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from deepmark.benchmarks.result.document import BenchResult, ContestantResult
from deepmark.benchmarks.result.figures import paired
from deepmark.benchmarks.result.formats import read_result
from deepmark.benchmarks.result.statistics import Ratio
from deepmark.console import ProgramParser, print_json, print_table, run, say
from deepmark.errors import DataError, DeepMarkError
from deepmark.files import write_whole

MARGIN = 0.10  # a ratio may grow by this part before the guard fails


class GuardedRatio(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One ratio of the baseline; ``depends_on_cpu``: whether another CPU may have another."""

    value: float
    depends_on_cpu: bool


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The committed file: ratios by name, and where they were measured."""

    format: Literal["deepmark-bench-baseline/1"]
    cpu: str
    created: str
    command: str
    ratios: dict[str, GuardedRatio]


class Check(msgspec.Struct, frozen=True):
    """One ratio now and then; ``state`` is ``"slower"`` if even the lower end of its interval is beyond the margin."""

    name: str
    baseline: float | None
    now: float | None
    low: float | None
    high: float | None
    state: Literal["ok", "slower", "new", "gone", "other CPU"]


def ratios(result: BenchResult) -> dict[str, tuple[Ratio, bool]]:
    """Return the ratios that a measurement can be guarded by: name -> (ratio, whether it depends on the CPU)."""
    found: dict[str, tuple[Ratio, bool]] = {}
    models = [one for one in result.contestants if one.kind == "model"]
    rivals = [one for one in result.contestants if one.kind == "rival"]
    for one in models:
        found[f"decode / network, {_about(one)}"] = (paired(one, "decode", one, "network"), False)
        for other in models:
            alike = (one.precision, one.groups) == (other.precision, other.groups)
            if one.contestant_group != other.contestant_group or not alike:
                continue
            if one.engine == other.engine and (one.layout, other.layout) == ("sparse", "dense"):
                found[f"sparse / dense, {_about(one)}"] = (paired(one, "total", other, "total"), False)
            if one.layout == other.layout and (one.engine, other.engine) == ("mnn", "onnxruntime"):
                found[f"mnn / onnxruntime, {_about(one)}"] = (paired(one, "total", other, "total"), True)
        for rival in rivals:
            if one.contestant_group == rival.contestant_group:
                ratio = paired(one, "total", rival, "network")
                found[f"frame / {rival.engine}'s network, {_about(one)}"] = (ratio, True)
    return found


def _about(one: ContestantResult) -> str:
    return f"{one.engine} {one.precision} {one.layout} {one.groups} groups {one.size} {one.threads_asked} thread(s)"


def make_baseline(result: BenchResult) -> Baseline:
    """Keep the ratios of a measurement."""
    kept = {name: GuardedRatio(round(ratio.value, 5), depends) for name, (ratio, depends) in ratios(result).items()}
    return Baseline("deepmark-bench-baseline/1", result.machine.cpu, result.created, result.command, kept)


def check(baseline: Baseline, result: BenchResult, margin: float = MARGIN) -> list[Check]:
    """Hold a measurement against a baseline."""
    now = ratios(result)
    checks = []
    for name, old in baseline.ratios.items():
        if name not in now:
            checks.append(Check(name, old.value, None, None, None, "gone"))
            continue
        ratio, _ = now[name]
        state: Literal["ok", "slower", "other CPU"] = "slower" if ratio.low > old.value * (1 + margin) else "ok"
        if old.depends_on_cpu and baseline.cpu != result.machine.cpu:
            state = "other CPU"
        checks.append(Check(name, old.value, ratio.value, ratio.low, ratio.high, state))
    fresh = (Check(name, None, one.value, one.low, one.high, "new") for name, (one, _) in now.items())
    return [*checks, *(one for one in fresh if one.name not in baseline.ratios)]


def read_baseline(path: Path) -> Baseline:
    """Read a committed baseline.

    Raises:
        DataError: it cannot be read, or is none.
    """
    try:
        baseline = msgspec.json.decode(path.read_bytes(), type=Baseline)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path} is no baseline: {reason}", hint="make one with --write") from error
    if not all(np.isfinite(one.value) and one.value > 0 for one in baseline.ratios.values()):
        raise DataError(f"{path} is no baseline: a ratio is not above 0", hint="make one with --write")
    return baseline


def main(arguments: Sequence[str] | None = None) -> None:
    """Hold a result against the baseline, or make the baseline of it; ``arguments`` are by default the process's.

    Raises:
        DeepMarkError: a ratio grew by more than the margin or is gone, or a file cannot be read or written.
    """
    asked = _parser().parse_args(arguments)
    measured = read_result(asked.result)
    if asked.write:
        write_whole(asked.baseline, msgspec.json.format(msgspec.json.encode(make_baseline(measured)), indent=1) + b"\n")
        say(f"{asked.baseline}: {len(ratios(measured))} ratios")
        return
    checks = check(read_baseline(asked.baseline), measured, asked.margin)
    if asked.as_json:
        print_json(checks)
    else:
        rows = [
            (
                one.name,
                "-" if one.baseline is None else f"{one.baseline:.3f}",
                "-" if one.now is None else f"{one.now:.3f} [{one.low:.3f}, {one.high:.3f}]",
                one.state,
            )
            for one in checks
        ]
        print_table(("ratio", "baseline", "now, 95 %", ""), rows)
    if slower := [one for one in checks if one.state in {"slower", "gone"}]:
        shown = "; ".join(f"{one.name}: {one.state}" for one in slower)
        raise DeepMarkError(
            f"{len(slower)} of {len(checks)} ratios grew by more than {asked.margin:.0%} or are gone: {shown}",
            hint="measure again on a quiet machine; if it is meant, write a new baseline with --write",
        )


def _parser() -> ProgramParser:
    parser = ProgramParser(
        "python -m deepmark.benchmarks.speed.guard",
        "Fail (exit status 1) if a ratio of RESULT lies beyond that of BASELINE by more than the margin.",
        "Example:  python -m deepmark.benchmarks.speed.guard baseline.json build/bench.json",
    )
    parser.add_argument("baseline", metavar="BASELINE", type=Path, help="File of the ratios that were committed.")
    parser.add_argument("result", metavar="RESULT", type=Path, help="File of deepmark bench.")
    parser.add_argument("--margin", type=_margin, default=MARGIN, help="Growth that passes.  [default: %(default)s]")
    parser.add_argument("--write", action="store_true", help="Make BASELINE from RESULT instead.")
    return parser


def _margin(text: str) -> float:
    try:
        margin = float(text)
    except ValueError:
        margin = -1.0
    if not 0 <= margin <= 10:
        raise argparse.ArgumentTypeError(f"{text} is no number from 0 to 10")
    return margin


if __name__ == "__main__":
    run(main)
