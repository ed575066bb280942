"""``deepmark verify``: a bundle proven on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from deepmark.commands.gpu_options import COMPUTES, gpu_options, gpu_settings_of
from deepmark.commands.options import PATH, output_options, tolerance_options, tolerances_of
from deepmark.console import print_json, say
from deepmark.errors import UsageError
from deepmark.files import printable

if TYPE_CHECKING:
    from deepmark.exporter.parity import Tolerances
    from deepmark.runtime.engines.gpu_settings import Compute, Gpu, GpuSettings

EPILOG = """\b
Examples:
  deepmark verify shirt.deepmark
  deepmark verify shirt.deepmark.zip --threads 1 --json
  deepmark verify shirt.deepmark --compute vulkan --gpu-precision normal
  deepmark verify shirt.deepmark --native --compute opencl
"""


@click.command("verify", epilog=EPILOG)
@click.argument("bundle", type=PATH)
@click.option("--threads", type=click.IntRange(1), help="Inference threads.  [default: all cores, at most 4]")
@tolerance_options
@click.option("--native", is_flag=True, help="Use the C++ runtime, built on this machine, and only it.")
@click.option(
    "--compute",
    type=click.Choice(COMPUTES),
    default="cpu",
    show_default=True,
    help="What computes; a GPU by MNN only, operator by operator proven.",
)
@gpu_options
@output_options
def command(
    *,
    bundle: Path,
    threads: int | None,
    atol: float | None,
    rtol: float | None,
    landmark_tolerance: float | None,
    native: bool,
    compute: Literal["cpu", "opencl", "vulkan"],
    as_json: bool,
    **gpu: Any,
) -> None:
    """Prove BUNDLE on this machine: check its files, run its golden vectors with every engine that is here.

    What the engines give is held against what the network gave when the bundle was made. MNN's fast convolutions round
    otherwise with other threads and on another processor: without tolerances of yours it gets room for that.

    A GPU (docs/phone-gpu.md) is held to an export's tolerances in fp32; in fp16 nine of ten objects must be the same.

    Exit status: 0 equal, 1 the bundle is damaged or no engine is here, 3 the results differ.
    """
    from deepmark.exporter.tables import print_report
    from deepmark.exporter.verification import verify

    given = {atol, rtol, landmark_tolerance} != {None}
    tolerances = tolerances_of(atol, rtol, landmark_tolerance) if given else None
    settings = gpu_settings_of((compute,), gpu)
    if compute != "cpu" and settings is not None:
        if threads is not None:
            raise UsageError("--threads is of the CPU", hint="leave it out with --compute")
        if native:
            _refuse_tolerances(given=given)
            _verify_native(bundle, None, compute, settings, as_json=as_json)
            return
        _verify_on_gpu(bundle, compute, settings, tolerances, as_json=as_json)
        return
    if native:
        _refuse_tolerances(given=given)
        _verify_native(bundle, threads, "cpu", None, as_json=as_json)
        return
    found = verify(bundle, threads=threads, tolerances=tolerances)
    for engine in found.skipped:
        say(f"skipped {engine}: not installed here")
    if as_json:
        facts = {"bundle": printable(bundle), "engines": found.engines, "skipped": found.skipped}
        verdict = {"passed": found.report.passed, "parity": found.report.hops}
        print_json({**verdict, **facts, "vector_threads": found.vector_threads})
    else:
        print_report(found.report)
        ran = ", ".join(f"{one.backend} with {one.threads}" for one in found.engines)
        say(f"threads: the vectors were made with {found.vector_threads}, here {ran}")
    found.report.require(hint="compare versions with the manifest's; export again if this machine's are wanted")


def _verify_on_gpu(
    bundle: Path, gpu: Gpu, settings: GpuSettings, tolerances: Tolerances | None, *, as_json: bool
) -> None:
    from deepmark.exporter.gpu_verification import verify_on_gpu
    from deepmark.exporter.tables import print_report

    found = verify_on_gpu(bundle, gpu, settings, tolerances)
    if as_json:
        facts = {"bundle": printable(bundle), "engines": [found.engine], "skipped": []}
        verdict = {"passed": found.report.passed, "parity": found.report.hops}
        print_json({**verdict, **facts, "objects": found.objects, "kept": found.kept})
    else:
        print_report(found.report)
        say(f"{found.engine.placement}, {found.engine.precision}")
        _say_preparation(found.engine.settings)
        say(f"objects that both have, to the metric: {found.kept} of {found.objects}")
    found.report.require(hint="try --gpu-precision high, or compute on the CPU")


def _say_preparation(spent: Mapping[str, Any]) -> None:
    parts = ", ".join(f"{part} {spent[f'{part}_ms']:.0f}" for part in ("create", "resize", "first"))
    without = f"kernels {spent['kernels']}, {spent['compiled_ms']:.0f} without"
    say(f"milliseconds before the first picture: {parts}; {without}")


def _refuse_tolerances(*, given: bool) -> None:
    if given:
        raise UsageError("the C++ runtime has its own tolerances", hint="leave out --atol and the like with --native")


def _verify_native(
    bundle: Path, threads: int | None, compute: Compute, gpu: GpuSettings | None, *, as_json: bool
) -> None:
    from deepmark.exporter.verification import verify_native

    lines = verify_native(bundle, threads=threads, compute=compute, gpu=gpu)
    if as_json:
        print_json(lines)
        return
    for line in lines[:-1]:
        objects = line["objects"]
        ties = f", near ties: {objects['near_ties']}" if objects["near_ties"] else ""
        say(f"vector {line['number']}: equal, {objects['matched']} of {objects['expected']} objects{ties}")
    end = lines[-1]
    if end.get("gpu"):
        say(f"{end['gpu']['placement']}, {end['precision']}")
        _say_preparation(end["gpu"])
        say(f"objects that both have, to the metric: {end['kept']} of {end['seen']}")
    say(f"C++ runtime, MNN {end['mnn_version']}: equal")
