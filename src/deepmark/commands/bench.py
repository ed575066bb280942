"""``deepmark bench``: speed and memory of models on this computer or on a phone."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import click

from deepmark.commands.bench_options import (
    RIVALS,
    RivalsType,
    check_app_options,
    check_layer_options,
    check_options,
    inference_options,
    more_files,
    phone_options,
)
from deepmark.commands.click_program import run as run_program
from deepmark.commands.gpu_options import COMPUTES, gpu_options, gpu_settings_of
from deepmark.commands.options import READABLE, output_options, threshold_option
from deepmark.console import print_json, progress, say
from deepmark.errors import UsageError

if TYPE_CHECKING:
    from deepmark.benchmarks.result.document import BenchPlan, BenchResult
    from deepmark.runtime.engines.gpu_settings import Compute, GpuSettings
    from deepmark.runtime.input_fit import Fit
    from deepmark.runtime.multi_inference import MultiInference

EPILOG = """\b
Examples:
  deepmark bench shirt.deepmark
  deepmark bench dense.deepmark sparse.deepmark --threads 2 -o result.json
  deepmark bench shirt.deepmark --backend all --against ncnn,openvino --report result.html
  deepmark bench shirt62.deepmark shirt294.deepmark --sweep --compare paper
  deepmark bench shirt.deepmark --size 128 --size 256 --images pictures --json > result.json
  deepmark bench shirt.deepmark --device adb --precision fp32 --precision fp16 --report phone.html
  deepmark bench shirt.deepmark --device adb --compute cpu --compute opencl --compare paper
  deepmark bench shirt.deepmark --device adb --find -o found.json
  deepmark bench shirt.deepmark --flip --scales .85,.95,1,1.1
  deepmark bench shirt.deepmark --fit square --fit rect --shape 3:4
  deepmark bench shirt.deepmark --compute cpu --compute opencl --compute vulkan
  deepmark bench shirt.deepmark --layers
  deepmark bench --diff before.json after.json
  deepmark bench --from phone.json --report phone.html
"""
SWEEP_SIZES = (128, 256, 512)
SWEEP_THREADS = (1, 2, 4)
PHONE_THREADS = 4  # the paper's


@click.command("bench", epilog=EPILOG)
@click.argument("models", metavar="MODEL...", nargs=-1, type=READABLE)
@click.option(
    "--device",
    type=click.Choice(["host", "adb"]),
    default="host",
    show_default=True,
    help="Device to measure on: this computer, or, with adb, a phone.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 256),
    multiple=True,
    help="Number of threads to compute with; may be repeated.  [default: 1; adb: 4]",
)
@click.option(
    "--cores",
    metavar="auto|LIST",
    default="auto",
    show_default=True,
    help="Cores to pin to, such as 0,2-3; auto: as many of the fastest as there are threads.",
)
@click.option(
    "--size",
    "sizes",
    metavar="N|HxW",
    multiple=True,
    help="Input size, or with --fit rect its limit; may be repeated.  [default: own]",
)
@click.option(
    "--backend",
    type=click.Choice(["all", "mnn", "onnxruntime"]),
    help="Engine; all: every one that a model has a file for.  [default: by the model's files]",
)
@click.option(
    "--against",
    metavar="NAME,...",
    type=RivalsType(),
    default=(),
    help=f"Engines to time the dense network alone in: {', '.join(RIVALS)}.",
)
@click.option("--checkpoint", metavar="CKPT", type=READABLE, help="Checkpoint that torch runs, with --against torch.")
@click.option("--sweep", is_flag=True, help="Sizes 128, 256, 512 and 1, 2, 4 threads (as far as there are cores).")
@click.option("--rounds", type=click.IntRange(1, 1000), default=6, show_default=True, help="Turns of each model.")
@click.option(
    "--runs",
    type=click.IntRange(1, 1_000_000),
    default=60,
    show_default=True,
    help="Runs of each model, over all rounds.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.001, 86_400),
    default=10.0,
    show_default=True,
    help="Time after which a model needs no more runs.",
)
@click.option(
    "--warm-up",
    metavar="SECONDS",
    type=click.FloatRange(0, 3600),
    default=1.0,
    show_default=True,
    help="Least time to warm up; 5 runs at least.",
)
@threshold_option("Floor of an object's final score, as for detect; 0 decodes everything.")
@click.option(
    "--images", metavar="DIR", type=READABLE, help="Pictures to run on.  [default: the model's golden inputs]"
)
@click.option("-o", "--output", metavar="FILE.json", type=READABLE, help="Write every sample and the environment.")
@click.option("--csv", "csv", metavar="FILE.csv", type=READABLE, help="Write every sample as a line.")
@click.option("--report", metavar="FILE.html", type=READABLE, help="Write a page with charts.")
@click.option(
    "--accuracy",
    metavar="FILE.json",
    type=READABLE,
    multiple=True,
    help="Output of `deepmark eval --json` of a MODEL, for the report; may be repeated.",
)
@click.option(
    "--compare", type=click.Choice(["paper"]), help="Print the paper's times beside, which are another machine's."
)
@click.option(
    "--layers",
    is_flag=True,
    help="Print time and multiply-adds of every operator, slowest first, in each engine that a MODEL has a file for.",
)
@click.option("--diff", nargs=2, metavar="A.json B.json", type=READABLE, help="Compare two results; no MODEL is run.")
@click.option(
    "--from",
    "shared",
    metavar="FILE.json...",
    type=READABLE,
    multiple=True,
    help="Judge and print what the Android app's Benchmark screen shared; several: one phone's. No MODEL is run.",
)
@click.option(
    "--compute",
    type=click.Choice(COMPUTES),
    multiple=True,
    help="What computes; may be repeated. A GPU by MNN only, operator by operator proven.  [default: cpu]",
)
@gpu_options
@inference_options
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
    layers: bool,
    diff: tuple[Path, Path] | None,
    shared: tuple[Path, ...],
    fit: tuple[Fit, ...],
    shape: tuple[int, int] | None,
    flip: bool,
    scales: tuple[float, ...] | None,
    scales_mode: Literal["fix", "keep"] | None,
    compute: tuple[Compute, ...],
    as_json: bool,
    **others: Any,
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

    --find computes on a phone in every way, on the CPU and by OpenCL and Vulkan, keeps those that are proven right
    there, and says which one is the fastest, takes the least memory and warms the phone the least.

    --layers runs each MODEL alone in a process of its own, and prints where its time goes: one row an operator, with
    the multiply-adds that it stands for (not those that a fast algorithm is left with). Other programs disturb it.

    --from reads results that the Android app shared (docs/android.md), and gives the same tables, files and verdict.
    Heat counts during a turn, too. Several files are several models of one phone; they took no turns.
    """
    if diff is not None:
        if shared:
            raise UsageError("--diff compares two results, and --from reads the app's", hint="give one of them")
        _diff(models, *diff, as_json=as_json)
        return
    if shared:
        shared += more_files(models)
        check_app_options()
    elif not models:
        raise UsageError("give a MODEL to measure", hint="deepmark bench --help")
    else:
        check_options(device)
    if layers:
        check_layer_options()
        _profile(
            models,
            backend=backend,
            sizes=sizes,
            threads=threads,
            cores=cores,
            runs=runs,
            seconds=seconds,
            as_json=as_json,
        )
        return
    gpu = gpu_settings_of(("opencl",) if others["find"] else compute, others)
    from deepmark.benchmarks.report.result_files import ResultFiles
    from deepmark.benchmarks.result.document import BenchPlan
    from deepmark.benchmarks.result.verdict import require_reliable
    from deepmark.runtime.multi_inference import MultiInference

    files = ResultFiles(output, csv, report, accuracy)
    files.check()
    plan = BenchPlan(rounds=rounds, runs=runs, seconds=seconds, warm_up_s=warm_up, threshold=threshold)
    if "rect" in fit and images is None and shape is None:
        raise UsageError(
            "--fit rect measures pictures of their own shape, and a model's golden inputs have the model's",
            hint="say which shape is meant, such as --shape 3:4, or give pictures: --images DIR",
        )
    looks = _looks(MultiInference.of_options(flip=flip, scales=scales, scales_mode=scales_mode), fit)
    asked = sizes or (tuple(map(str, SWEEP_SIZES)) if sweep else ())
    if shared:
        from deepmark.benchmarks.device.app_results import result_of_app

        result = result_of_app(shared, command=_command())
    elif device == "adb":
        counts = threads or (SWEEP_THREADS if sweep or others["find"] else (PHONE_THREADS,))
        result = _measure_on_phone(
            others,
            models=models,
            sizes=asked,
            threads=counts,
            computes=tuple(dict.fromkeys(compute)) or ("cpu",),
            gpu=gpu,
            looks=looks,
            images=images,
            shape=shape,
            plan=plan,
        )
    else:
        result = _measure_here(
            models=models,
            engines=backend or "auto",
            sizes=asked,
            threads=threads or (_sweep_threads() if sweep else (1,)),
            cores=cores,
            rivals=against,
            checkpoint=checkpoint,
            inferences=looks,
            computes=tuple(dict.fromkeys(compute)) or ("cpu",),
            gpu=gpu,
            images=images,
            shape=shape,
            plan=plan,
        )
    files.write(result)
    if as_json:
        print_json(result)
    else:
        _print(result, sweep=sweep, compare=compare, find=others["find"])
    for one in result.failures:
        if one.kind == "rival":
            say(f"not measured: {one.sentence}")
    require_reliable(result, some_may_fail=others["find"])


def _profile(
    models: tuple[Path, ...],
    *,
    backend: Literal["all", "mnn", "onnxruntime"] | None,
    sizes: tuple[str, ...],
    as_json: bool,
    threads: tuple[int, ...],
    **options: Any,
) -> None:
    from deepmark.benchmarks.report.layer_table import print_layers
    from deepmark.benchmarks.speed.layer_profile import profile_layers
    from deepmark.models.size import parse_size

    asked = tuple(dict.fromkeys(map(parse_size, sizes)))
    counts = tuple(dict.fromkeys(threads)) or (1,)
    found = profile_layers(models, engines=backend or "all", sizes=asked, threads=counts, progress=progress, **options)
    if as_json:
        print_json(found)
        return
    for one in found:
        print_layers(one)


def _looks(asked: MultiInference, fits: tuple[Fit, ...]) -> tuple[MultiInference, ...]:
    """Return the ways to look at a picture: with each fit a single look, and beside it what was asked for."""
    ways = (type(asked)(),) if asked.is_single else (type(asked)(), asked)
    return tuple(replace(one, fit=fit) for fit in dict.fromkeys(fits or (None,)) for one in ways)


def _command() -> str:
    return " ".join(["deepmark", *sys.argv[1:]])


def _sweep_threads() -> tuple[int, ...]:
    from deepmark.runtime.cpu import usable_cores

    return tuple(count for count in SWEEP_THREADS if count <= usable_cores())


def _measure_here(
    *,
    sizes: tuple[str, ...],
    threads: tuple[int, ...],
    plan: BenchPlan,
    **options: object,
) -> BenchResult:
    from deepmark.benchmarks.speed.benchmark import HostRequest, run_benchmark
    from deepmark.models.size import parse_size
    from deepmark.runtime.cpu import usable_cores

    for count in threads:
        if count > usable_cores():
            say(f"{count} threads were asked for, {usable_cores()} cores may be used: running on as many")
    request = HostRequest(
        sizes=tuple(dict.fromkeys(map(parse_size, sizes))),
        threads=tuple(dict.fromkeys(threads)),
        plan=plan,
        command=_command(),
        **options,  # type: ignore[arg-type]
    )
    return run_benchmark(request, progress=progress)


def _measure_on_phone(
    phone: Mapping[str, Any],
    *,
    models: tuple[Path, ...],
    sizes: tuple[str, ...],
    threads: tuple[int, ...],
    computes: tuple[Compute, ...],
    gpu: GpuSettings | None,
    looks: tuple[MultiInference, ...],
    images: Path | None,
    shape: tuple[int, int] | None,
    plan: BenchPlan,
) -> BenchResult:
    from deepmark.benchmarks.device import programs
    from deepmark.benchmarks.device.benchmark import PhoneRequest, run_on_phone
    from deepmark.benchmarks.device.ways import all_gpu_ways, gpu_ways
    from deepmark.models.size import parse_size

    asked = tuple(dict.fromkeys(phone["precision"])) or (("fp32", "fp16") if phone["find"] else ("fp32",))
    gpus = () if gpu is None else all_gpu_ways(gpu) if phone["find"] else gpu_ways(computes, gpu)
    request = PhoneRequest(
        models=models,
        serial=phone["serial"],
        sizes=tuple(dict.fromkeys(map(parse_size, sizes))),
        threads=tuple(dict.fromkeys(threads)),
        precisions=asked if "cpu" in computes else (),
        gpus=gpus,
        find=phone["find"],
        techniques=tuple(dict.fromkeys(phone["techniques"])) or ("manifest",),
        inferences=looks,
        power=phone["power"] or "normal",
        images=images,
        shape=shape,
        plan=plan,
        keep=phone["keep"],
        build=programs.build_for_phone,
        command=_command(),
        on_message=say,
    )
    return run_on_phone(request)


def _print(result: BenchResult, *, sweep: bool, compare: str | None, find: bool) -> None:
    from deepmark.benchmarks.report.found_ways import print_ways
    from deepmark.benchmarks.report.tables import print_grid, print_paper, print_result

    print_result(result)
    if find:
        print_ways(result)
    if sweep:
        print_grid(result)
    if compare:
        print_paper(result)


def _diff(models: tuple[Path, ...], before: Path, after: Path, *, as_json: bool) -> None:
    if models:
        raise UsageError("--diff compares two files and runs no MODEL", hint="deepmark bench --diff A.json B.json")
    from deepmark.benchmarks.report.tables import print_changes
    from deepmark.benchmarks.result.diff import compare
    from deepmark.benchmarks.result.formats import read_result

    changes = compare(read_result(before), read_result(after), (str(before), str(after)))
    if as_json:
        print_json(changes)
    else:
        print_changes(changes)


def main() -> NoReturn:
    """Run ``deepmark-bench``, the same as ``deepmark bench``."""
    run_program(command, "deepmark-bench")
