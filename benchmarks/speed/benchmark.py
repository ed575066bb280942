"""One call that measures on this computer: models and rivals in, the result document out."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from deepmark import __version__
from deepmark.benchmarks.result.document import FORMAT, BenchPlan, BenchResult, Failure
from deepmark.benchmarks.speed import samples
from deepmark.benchmarks.speed.contestants import Contestant, Engines, enter, open_models
from deepmark.benchmarks.speed.machine import choose_cores, describe_machine, usable_cores
from deepmark.benchmarks.speed.process import COMMAND
from deepmark.benchmarks.speed.references import dense_model, enter_rivals, find_rivals, references
from deepmark.benchmarks.speed.rounds import Setup, measure, steps
from deepmark.console import Progress, no_progress
from deepmark.errors import DeepMarkError
from deepmark.extras import require
from deepmark.runtime.bundle import OpenedBundle
from deepmark.runtime.engines.gpu_settings import Compute, GpuSettings
from deepmark.runtime.multi_inference import SINGLE, MultiInference


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRequest:
    """What to measure.

    Attributes:
        models: paths, as `open_bundle` takes them.
        engines: engine to run all of them with, ``"auto"`` or ``"all"``.
        sizes: heights and widths of the input, in pixels; empty for each model's own.
        threads: numbers of threads.
        cores: ``"auto"``, or a list such as ``"0,2-3"``.
        rivals: names out of `deepmark.benchmarks.speed.rivals.RIVALS`.
        checkpoint: checkpoint that the rival torch runs; None where torch is no rival.
        inferences: ways to look at a picture, each a contestant.
        computes: what computes, each a contestant.
        gpu: how a GPU computes; None for the defaults.
        images: folder of pictures; None for the models' golden inputs.
        shape: width to height that pictures are cut to; None to leave them as they are.
        plan: how long to measure.
        command: command line to record in the result.
    """

    models: tuple[Path, ...]
    engines: Engines = "auto"
    sizes: tuple[tuple[int, int], ...] = ()
    threads: tuple[int, ...] = (1,)
    cores: str = "auto"
    rivals: tuple[str, ...] = ()
    checkpoint: Path | None = None
    inferences: tuple[MultiInference, ...] = (SINGLE,)
    computes: tuple[Compute, ...] = ("cpu",)
    gpu: GpuSettings | None = None
    images: Path | None = None
    shape: tuple[int, int] | None = None
    plan: BenchPlan = field(default_factory=BenchPlan)
    command: str = ""


def run_benchmark(
    request: HostRequest, child: Sequence[str] = COMMAND, progress: Progress = no_progress
) -> BenchResult:
    """Measure; what cannot be measured is named in the result, and the rest goes on.

    Args:
        request: what to measure.
        child: command that starts a contestant's process.
        progress: what shows how far it is; by default nothing does.

    Raises:
        DeepMarkError: there is nothing to measure, or nothing could be measured.
        DataError: the pictures cannot be read.
        UsageError: the cores cannot be used, or no model can be held against rivals.
    """
    require("deepmark bench", "psutil", extra="bench")
    choose_cores(request.cores, min(max(request.threads), len(usable_cores())))
    models, failures = open_models(request.models)
    entered, unfit = enter(
        models, request.engines, request.sizes, request.threads, request.inferences, request.computes, request.gpu
    )
    failures += unfit
    pictures = samples.gather(request.images, models, request.shape)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="deepmark-bench-")))
        samples.save(pictures, folder / "pictures.npz")
        setup = Setup(request.plan, folder / "pictures.npz", request.cores, _no_rivals, child)
        if request.rivals and entered:
            setup, rivals, absent = _enter_rivals(request, models, entered, pictures, setup, folder, stack)
            entered = _by_group([*entered, *rivals])
            failures += absent
        machine, created = describe_machine(), datetime.now(UTC).isoformat(timespec="seconds")
        with progress("measuring", steps(entered, request.plan), "turns") as advance:
            measured, failed = measure(entered, setup, advance)
    failures += failed
    if not measured:
        first = failures[0]
        raise DeepMarkError(first.error, hint=first.hint)
    return BenchResult(
        format=FORMAT,
        created=created,
        command=request.command,
        program=__version__,
        machine=machine,
        plan=request.plan,
        pictures=pictures.record(),
        contestants=tuple(measured),
        failures=tuple(failures),
    )


def _enter_rivals(
    request: HostRequest,
    models: Sequence[OpenedBundle],
    entered: Sequence[Contestant],
    pictures: samples.SamplePictures,
    setup: Setup,
    folder: Path,
    stack: ExitStack,
) -> tuple[Setup, list[Contestant], list[Failure]]:
    """Make what the rivals need, and enter those that can run."""
    present, absent = find_rivals(request.rivals, request.checkpoint)
    if not present:
        return setup, [], absent
    dense = dense_model(models)
    found, unwritten = stack.enter_context(references(dense, present, request.checkpoint, pictures, folder))
    invited = enter_rivals(found, present, entered)
    complete = Setup(setup.plan, setup.pictures, setup.cores, found.expected, setup.command)
    return complete, invited, [*absent, *unwritten]


def _by_group(contestants: Sequence[Contestant]) -> list[Contestant]:
    return sorted(contestants, key=lambda one: one.contestant_group)


def _no_rivals(size: tuple[int, int]) -> Path:
    raise AssertionError(f"no rival was invited at {size}")
