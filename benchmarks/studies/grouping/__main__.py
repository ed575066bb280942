"""The command: ``python -m deepmark.benchmarks.studies.grouping``."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from deepmark import console
from deepmark.benchmarks.studies.support.machine import machine_name
from deepmark.errors import UsageError
from deepmark.extras import require

if TYPE_CHECKING:
    from deepmark.benchmarks.studies.grouping.cost import Comparison, Cost
    from deepmark.benchmarks.studies.grouping.step import Groups, Regressions
    from deepmark.benchmarks.studies.grouping.trained import Accuracy
    from deepmark.models.training.config import TrainConfig


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured, and on what.

    Attributes:
        machine: processor and system, and the GPU if that computed.
        cores: of the processor that torch used.
        torch: its version.
        python: likewise.
        date: of the end, UTC.
        figure_4: by batch and way to compute the regression heads.
        table_1: by grouping; empty without a training.
        paper_table_1: the paper's own values on DeepFashion2: backbone -> groups -> mAP_pt, mAP_box.
    """

    machine: str
    cores: int
    torch: str
    python: str
    date: str
    figure_4: tuple[Comparison, ...]
    table_1: tuple[Accuracy, ...]
    paper_table_1: dict[str, dict[Groups, tuple[float, float]]]


@click.command(
    epilog="""\b
Examples:
  python -m deepmark.benchmarks.studies.grouping
  python -m deepmark.benchmarks.studies.grouping --size 128 --batch 1 --batch 4 --rounds 20 --json
  python -m deepmark.benchmarks.studies.grouping --size 128 --train 3000 -o runs/grouping
  python -m deepmark.benchmarks.studies.grouping --size 128 --train 600 -o runs/warm --init runs/first/last.pth
"""
)
@click.option("--size", type=int, default=256, show_default=True, help="Side of the input, pixels.")
@click.option("--batch", "batches", type=click.IntRange(1), multiple=True, default=(8,), show_default=True)
@click.option("--rounds", type=click.IntRange(2), default=12, show_default=True, help="Timed steps of each.")
@click.option("--dense/--no-dense", default=True, show_default=True, help="Compare with all heads dense too.")
@click.option("--train", "steps", type=click.IntRange(1), help="Also train both for so many steps, and evaluate both.")
@click.option("-o", "--output", "folder", metavar="DIR", type=click.Path(path_type=Path), help="Of both trainings.")
@click.option(
    "--init",
    metavar="CKPT",
    type=click.Path(path_type=Path),
    help="Begin both trainings with this checkpoint's body and boxes; the heads of landmarks begin fresh in both.",
)
@click.option("--train-batch", type=click.IntRange(1), default=16, show_default=True)
@click.option("--pictures", type=click.IntRange(1), default=2000, show_default=True, help="Drawings to train on.")
@click.option("--held-out", type=click.IntRange(1), default=200, show_default=True, help="Drawings to evaluate on.")
@click.option("--workers", type=click.IntRange(1), help="Processes that draw.  [default: one per core]")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--precision", type=click.Choice(["auto", "fp32", "bf16"]), default="auto", show_default=True)
@console.output_options
def main(
    *,
    size: int,
    batches: tuple[int, ...],
    rounds: int,
    dense: bool,
    steps: int | None,
    folder: Path | None,
    init: Path | None,
    train_batch: int,
    pictures: int,
    held_out: int,
    workers: int | None,
    device: Literal["auto", "cpu", "cuda"],
    precision: Literal["auto", "fp32", "bf16"],
    as_json: bool,
) -> None:
    """Measure what 62 groups save against 294 landmarks in training (Figure 4), and what they cost (Table 1).

    Both are timed in turn, step by step in one process, so that the ratio holds on a busy machine too. With --train,
    two trainings of the same length on the same drawings are evaluated on drawings that neither saw; a comparison that
    was stopped goes on where it was when it is started again.
    """
    if (steps is None) != (folder is None):
        raise UsageError("--train needs a folder for the trainings, and -o is of use to it only")
    if init is not None and folder is None:
        raise UsageError("--init is where trainings begin", hint="give --train STEPS and -o DIR too")
    require("training", "torch", extra="export")
    from deepmark.benchmarks.studies.grouping.paper import TABLE_1
    from deepmark.models.training.config import TrainConfig
    from deepmark.models.training.ranks import choose_device, choose_precision

    where = choose_device(device)
    exact = choose_precision(precision, where)
    config = TrainConfig(size=size, batch=train_batch, steps=steps or 1, pictures=pictures, precision=exact)
    ways: tuple[Regressions, ...] = ("sparse", "dense") if dense else ("sparse",)
    compared = _compare(config, where.type, batches, ways, rounds)
    trained = _train(config, folder, init, held_out, where.type, workers or os.cpu_count() or 1) if folder else ()
    report = _report(where.type, compared, trained, TABLE_1)
    if as_json:
        console.print_json(report)
    else:
        _print(report)


def _compare(
    config: TrainConfig, device: str, batches: tuple[int, ...], ways: tuple[Regressions, ...], rounds: int
) -> tuple[Comparison, ...]:
    from deepmark.benchmarks.studies.grouping.cost import compare
    from deepmark.benchmarks.studies.grouping.cost import steps as count
    from deepmark.benchmarks.studies.grouping.step import Workload

    found: list[Comparison] = []
    with console.progress("measuring", len(batches) * count(ways, rounds), "turns") as advance:
        for batch in batches:
            console.say(f"batch {batch}: memory of each in a process of its own, then {rounds} rounds in turn")
            work = Workload(config.size, batch, device, config.precision)
            found += compare(work, ways, rounds=rounds, advance=advance)
    return tuple(found)


def _train(
    config: TrainConfig, folder: Path, init: Path | None, held_out: int, device: str, workers: int
) -> tuple[Accuracy, ...]:
    import torch

    from deepmark.benchmarks.studies.grouping.step import GROUPS
    from deepmark.benchmarks.studies.grouping.trained import train_and_measure
    from deepmark.models.evaluation.metric import require_hotcoco

    require_hotcoco()
    found = []
    for groups in GROUPS:
        console.say(f"training with {groups} landmark channels, {config.steps:,} steps")
        with console.progress("training", config.steps, "steps") as advance:
            found.append(
                train_and_measure(
                    groups,
                    config,
                    folder,
                    init=init,
                    held_out=held_out,
                    device=torch.device(device),
                    workers=workers,
                    report=lambda _: advance(),
                )
            )
    return tuple(found)


def _report(
    device: str,
    compared: tuple[Comparison, ...],
    trained: tuple[Accuracy, ...],
    paper: dict[str, dict[Groups, tuple[float, float]]],
) -> Report:
    import torch

    gpu = f"; {torch.cuda.get_device_name()}" if device == "cuda" else ""
    return Report(
        machine=machine_name() + gpu,
        cores=torch.get_num_threads(),
        torch=str(torch.__version__),
        python=platform.python_version(),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        figure_4=compared,
        table_1=trained,
        paper_table_1=paper,
    )


def _print(report: Report) -> None:
    from deepmark.benchmarks.studies.grouping.paper import MEMORY_SAVED, TIME_SAVED

    console.say(f"{report.machine}; {report.cores} threads; torch {report.torch}; {report.date}")
    console.print_table(
        ("input", "batch", "regressions", "62: ms", "294: ms", "time saved", "95 %", "62: MiB", "294: MiB", "saved"),
        [_row(one) for one in report.figure_4],
        title="Figure 4: a training step with 62 groups and with 294 landmarks",
    )
    console.say(
        f"the paper: up to {TIME_SAVED:.0%} of the time and {MEMORY_SAVED:.0%} of the memory saved, dense, on a GPU"
    )
    if not report.table_1:
        return
    by_groups = {one.groups: (one.map_pt, one.map_box) for one in report.table_1}
    steps = report.table_1[0].steps
    rows = [_accuracy_row(f"here, drawn data, {steps:,} steps: mDLA-34", by_groups)]
    rows += [_accuracy_row(f"the paper's, DeepFashion2: {name}", both) for name, both in report.paper_table_1.items()]
    console.print_table(
        ("network", "mAP_pt 294", "mAP_pt 62", "mAP_box 294", "mAP_box 62"),
        rows,
        title="Table 1: accuracy with and without grouping",
    )


def _row(one: Comparison) -> tuple[str, ...]:
    low, high = one.time_interval
    return (
        str(one.work.size),
        str(one.work.batch),
        one.regressions,
        f"{one.grouped.median_ms:,.0f}",
        f"{one.single.median_ms:,.0f}",
        f"{1 - one.time_ratio:.1%}",
        f"{1 - high:.1%} to {1 - low:.1%}",
        _mib(one.grouped),
        _mib(one.single),
        "-" if one.memory_ratio is None else f"{1 - one.memory_ratio:.1%}",
    )


def _mib(cost: Cost) -> str:
    return "-" if cost.peak_mib is None else f"{cost.peak_mib:,.0f}"


def _accuracy_row(name: str, by_groups: dict[Groups, tuple[float, float]]) -> tuple[str, ...]:
    return (name, *(f"{by_groups[groups][at]:.3f}" for at in (0, 1) for groups in (294, 62)))


if __name__ == "__main__":
    console.run(main, "python -m deepmark.benchmarks.studies.grouping")
