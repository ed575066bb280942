"""``deepmark bench``: speed and memory of models on this computer or on a phone."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import click

from deepmark.commands.click_program import run as run_program
from deepmark.commands.options import output_options, threshold_option
from deepmark.commands.phone_options import PHONE_THREADS, check_options, measure_on_phone, phone_options
from deepmark.console import print_json, print_table, progress, say
from deepmark.errors import DeepMarkError, UnstableError, UsageError

if TYPE_CHECKING:
    from deepmark.benchmarks.result.document import BenchResult, Failure

EPILOG = """\b
Examples:
  deepmark bench shirt.deepmark
  deepmark bench dense.deepmark sparse.deepmark --threads 2 -o result.json
  deepmark bench shirt.deepmark --backend all --against ncnn,openvino --report result.html
  deepmark bench shirt62.deepmark shirt294.deepmark --sweep --compare paper
  deepmark bench shirt.deepmark --size 128 --size 256 --images pictures --json > result.json
  deepmark bench shirt.deepmark --device adb --precision fp32 --precision fp16 --report phone.html
  deepmark bench --diff before.json after.json
"""
PATH = click.Path(path_type=Path)
RIVALS = ("torch", "onnxruntime", "mnn", "ncnn", "openvino")
SWEEP_SIZES = (128, 256, 512)
SWEEP_THREADS = (1, 2, 4)


class _Rivals(click.ParamType[tuple[str, ...]]):
    """Names of rivals with commas."""

    name = "rivals"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Turn the text into names."""
        if isinstance(value, tuple):
            return value
        names = tuple(part.strip() for part in str(value).split(","))
        if unknown := [name for name in names if name not in RIVALS]:
            self.fail(f"{unknown[0]!r} is none of {', '.join(RIVALS)}", param, ctx)
        return names


@click.command("bench", epilog=EPILOG)
@click.argument("models", metavar="MODEL...", nargs=-1, type=PATH)
@click.option(
    "--device",
    type=click.Choice(["host", "adb"]),
    default="host",
    show_default=True,
    help="Where to measure; adb: on a phone.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 256),
    multiple=True,
    help="Threads to compute with; may be repeated.  [default: 1; adb: 4]",
)
@click.option(
    "--cores",
    metavar="auto|LIST",
    default="auto",
    show_default=True,
    help="Cores to pin to, such as 0,2-3; auto: as many of the fastest as there are threads.",
)
@click.option("--size", "sizes", metavar="N|HxW", multiple=True, help="Input size; may be repeated.  [default: own]")
@click.option(
    "--backend",
    type=click.Choice(["all", "mnn", "onnxruntime"]),
    help="Engine; all: every one that a model has a file for.  [default: by the model's files]",
)
@click.option(
    "--against",
    metavar="NAME,...",
    type=_Rivals(),
    default=(),
    help=f"Time the dense network alone in {', '.join(RIVALS)}.",
)
@click.option("--checkpoint", metavar="CKPT", type=PATH, help="What torch runs, with --against torch.")
@click.option("--sweep", is_flag=True, help="Sizes 128, 256, 512 and 1, 2, 4 threads (as far as there are cores).")
@click.option("--rounds", type=click.IntRange(1, 1000), default=6, show_default=True, help="Turns of each model.")
@click.option("--runs", type=click.IntRange(1, 1_000_000), default=60, show_default=True, help="Runs, all rounds.")
@click.option(
    "--seconds",
    type=click.FloatRange(0.001, 86_400),
    default=10.0,
    show_default=True,
    help="After so long a model needs no more runs.",
)
@click.option(
    "--warm-up",
    metavar="SECONDS",
    type=click.FloatRange(0, 3600),
    default=1.0,
    show_default=True,
    help="At least so long, and at least 5 runs.",
)
@threshold_option("Floor of an object's final score, as of detect; 0 decodes everything.")
@click.option("--images", metavar="DIR", type=PATH, help="Pictures to run on.  [default: the model's golden inputs]")
@click.option("-o", "--output", metavar="FILE.json", type=PATH, help="Write every sample and the environment.")
@click.option("--csv", "csv", metavar="FILE.csv", type=PATH, help="Write every sample as a line.")
@click.option("--report", metavar="FILE.html", type=PATH, help="Write a page with charts.")
@click.option(
    "--accuracy",
    metavar="FILE.json",
    type=PATH,
    multiple=True,
    help="Output of `deepmark eval --json` of a MODEL, for the report; may be repeated.",
)
@click.option("--compare", type=click.Choice(["paper"]), help="Print the paper's times beside (another machine's).")
@click.option("--diff", nargs=2, metavar="A.json B.json", type=PATH, help="Compare two results; no MODEL is run.")
@phone_options
@output_options
def command(
    *,
    models: tuple[Path, ...],
    device: Literal["host", "adb"],
    threads: tuple[int, ...],
    cores: str,
    sizes: tuple[str, ...],
    backend: Literal["all", "mnn", "onnxruntime"] | None,
    against: tuple[str, ...],
    checkpoint: Path | None,
    sweep: bool,
    rounds: int,
    runs: int,
    seconds: float,
    warm_up: float,
    threshold: float,
    images: Path | None,
    output: Path | None,
    csv: Path | None,
    report: Path | None,
    accuracy: tuple[Path, ...],
    compare: Literal["paper"] | None,
    diff: tuple[Path, Path] | None,
    as_json: bool,
    **phone: Any,
) -> None:
    """Measure speed and memory of every MODEL on this computer, or on a phone (--device adb).

    MODEL is a bundle folder, a bundle zip (.deepmark.zip), or a bare .mnn or .onnx file. Each has a process of its own,
    pinned to cores, and they take turns: A B A B. Letterbox, network (with normalisation) and decoding (with the
    model's parameters) are timed apart; every sample counts and is kept. Ratios are to the first MODEL, with an
    interval of 95 % from resampling rounds and runs.

    Exit status 5, after all output: a result is unstable. That is when the last third of a model's runs was more than
    5 % slower or faster than the first, the runs spread by more than 5 % (MAD), other programs used more than 10 % of
    its cores' time, other machines took more than 2 %, or the frequency fell by more than 10 %. On a phone also: heat
    (battery above 38 degrees, thermal status 2 or more), held clocks, withheld cores, battery saver, clock jumps.

    On a phone the test vectors run first (exit status 3 if one differs); turns are bound to its fast cores and wait for
    it to cool down; its settings and /data/local/tmp are left as they were. Exit status 4: no phone could be used, or
    it went away. docs/phone.md has all of it.
    """
    if diff is not None:
        _diff(models, *diff, as_json=as_json)
        return
    if not models:
        raise UsageError("give a MODEL to measure", hint="deepmark bench --help")
    check_options(device)
    _check_outputs(report, accuracy)
    plan = {"rounds": rounds, "runs": runs, "seconds": seconds, "warm_up_s": warm_up, "threshold": threshold}
    asked = sizes or (tuple(map(str, SWEEP_SIZES)) if sweep else ())
    if device == "adb":
        result = measure_on_phone(
            models=models,
            sizes=asked,
            threads=threads or (SWEEP_THREADS if sweep else (PHONE_THREADS,)),
            images=images,
            plan=plan,
            command=_command(),
            options=phone,
        )
    else:
        result = _measure(
            models=models,
            engines=backend or "auto",
            sizes=asked,
            threads=threads or (_sweep_threads() if sweep else (1,)),
            cores=cores,
            rivals=against,
            checkpoint=checkpoint,
            images=images,
            plan=plan,
        )
    _write(result, output=output, csv=csv, report=report, accuracy=accuracy)
    if as_json:
        print_json(result)
    else:
        _print(result, sweep=sweep, compare=compare)
    _raise_faults(result)


def _check_outputs(report: Path | None, accuracy: tuple[Path, ...]) -> None:
    """Refuse, before the work, what could not be written after it."""
    if report is not None:
        from deepmark.page import require_report

        require_report()
    elif accuracy:
        raise UsageError("--accuracy goes into the report", hint="give --report FILE.html too")
    if accuracy:
        from deepmark.benchmarks.report.accuracy import read_accuracies

        read_accuracies(accuracy)


def _command() -> str:
    return " ".join(["deepmark", *sys.argv[1:]])


def _sweep_threads() -> tuple[int, ...]:
    from deepmark.runtime.cpu import usable_cores

    return tuple(count for count in SWEEP_THREADS if count <= usable_cores())


def _measure(
    *,
    sizes: tuple[str, ...],
    threads: tuple[int, ...],
    plan: dict[str, float],
    **options: object,
) -> BenchResult:
    from deepmark.runtime.media.picture_file import MAX_PIXELS

    os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PIXELS))  # read when OpenCV is imported, so before that
    import msgspec

    from deepmark.benchmarks.result.document import BenchPlan
    from deepmark.benchmarks.speed.benchmark import HostRequest, run_benchmark
    from deepmark.models.size import parse_size
    from deepmark.runtime.cpu import usable_cores

    for count in threads:
        if count > usable_cores():
            say(f"{count} threads were asked for, {usable_cores()} cores may be used: running on as many")
    request = HostRequest(
        sizes=tuple(dict.fromkeys(map(parse_size, sizes))),
        threads=tuple(dict.fromkeys(threads)),
        plan=msgspec.convert(plan, BenchPlan),
        command=_command(),
        **options,  # type: ignore[arg-type]
    )
    return run_benchmark(request, progress=progress)


def _write(
    result: BenchResult, *, output: Path | None, csv: Path | None, report: Path | None, accuracy: tuple[Path, ...]
) -> None:
    if output is not None:
        from deepmark.benchmarks.result.formats import write_result

        write_result(output, result)
    if csv is not None:
        from deepmark.benchmarks.result.formats import write_csv

        write_csv(csv, result)
    if report is not None:
        from deepmark.benchmarks.report.accuracy import read_accuracies
        from deepmark.benchmarks.report.page import make_page
        from deepmark.page import write_page

        write_page(report, make_page(result, read_accuracies(accuracy)))


def _print(result: BenchResult, *, sweep: bool, compare: str | None) -> None:
    from deepmark.benchmarks.report.tables import print_grid, print_paper, print_result

    print_result(result)
    if sweep:
        print_grid(result)
    if compare:
        print_paper(result)


def _diff(models: tuple[Path, ...], before: Path, after: Path, *, as_json: bool) -> None:
    if models:
        raise UsageError("--diff compares two files and runs no MODEL", hint="deepmark bench --diff A.json B.json")
    from deepmark.benchmarks.report.tables import ratio_text
    from deepmark.benchmarks.result.diff import compare
    from deepmark.benchmarks.result.formats import read_result

    changes = compare(read_result(before), read_result(after), (str(before), str(after)))
    if as_json:
        print_json(changes)
        return
    rows = [
        (one.name, one.phase, f"{one.before_ms:.2f}", f"{one.after_ms:.2f}", ratio_text(one.ratio), one.verdict)
        for one in changes
    ]
    print_table(("", "phase", "before ms", "after ms", "after / before, 95 %", ""), rows)


def _raise_faults(result: BenchResult) -> None:
    """Name what could not be measured; end with an error where that was a MODEL, or where a result is unstable."""
    from deepmark.benchmarks.result.verdict import judge

    for one in result.failures:
        if one.kind == "rival":
            say(f"not measured: {_sentence(one)}")
    lost = [one for one in result.failures if one.kind == "model"]
    if lost:
        named = "; ".join(_sentence(one) for one in lost)
        raise DeepMarkError(f"{len(lost)} could not be measured, the others were: {named}", hint=lost[0].hint)
    unstable = [one for one in judge(result) if not one.stable]
    if unstable:
        raise UnstableError(
            f"the result is unstable: {unstable[0].name}: {unstable[0].reasons[0]}",
            hint="let the phone cool down, plug it in, and measure again"
            if result.phone
            else "close other programs and measure again; give more --rounds",
        )


def _sentence(one: Failure) -> str:
    shown = one.error if one.error.startswith(one.name) else f"{one.name}: {one.error}"
    return f"{shown} ({one.hint})" if one.kind == "rival" and one.hint else shown


def main() -> NoReturn:
    """Run ``deepmark-bench``, the same as ``deepmark bench``."""
    run_program(command, "deepmark-bench")
