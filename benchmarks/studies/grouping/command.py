"""The command line of the study, and the order of its work."""

from __future__ import annotations

import os
from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from deepmark import console
from deepmark.benchmarks.studies.grouping.report import make_report, print_report
from deepmark.benchmarks.studies.support.arguments import add_count, integer
from deepmark.errors import UsageError
from deepmark.extras import require

if TYPE_CHECKING:
    from deepmark.benchmarks.studies.grouping.accuracy import GroupingAccuracy
    from deepmark.benchmarks.studies.grouping.cost import StepComparison
    from deepmark.benchmarks.studies.grouping.step import Regressions, StepWorkload
    from deepmark.models.training.config import TrainConfig


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    parser.add_argument(
        "--size", type=int, metavar="N", default=256, help="Side of the input, pixels.  [default: %(default)s]"
    )
    parser.add_argument(
        "--batch",
        dest="batches",
        type=integer(1),
        metavar="N",
        action="append",
        help="Pictures a step; several may be given.  [default: 8]",
    )
    parser.add_argument(
        "--arch",
        dest="archs",
        metavar="NAME",
        action="append",
        help="Network, as in deepmark train, such as resnet50, mdla34, hourglass104; several may be given."
        "  [default: mdla34]",
    )
    add_count(parser, "--rounds", 12, "Timed steps of each.", least=2)
    parser.add_argument(
        "--dense",
        action=BooleanOptionalAction,
        default=True,
        help="Compare with all heads dense too.  [default: %(default)s]",
    )
    parser.add_argument(
        "--train",
        dest="steps",
        type=integer(1),
        metavar="N",
        help="Also train both for so many steps, and evaluate both.",
    )
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, help="Folder of both trainings.")
    parser.add_argument(
        "--init",
        metavar="CKPT",
        type=Path,
        help="Begin both trainings with this checkpoint's body and boxes; the heads of landmarks begin fresh in both.",
    )
    add_count(parser, "--train-batch", 16, "Pictures a step of the trainings.")
    add_count(parser, "--pictures", 2000, "Drawings to train on.")
    add_count(parser, "--held-out", 200, "Drawings to evaluate on.")
    parser.add_argument("--workers", type=integer(1), metavar="N", help="Processes that draw.  [default: one per core]")
    parser.add_argument(
        "--device", choices=["auto", "cpu", "cuda"], default="auto", help="Where to compute.  [default: %(default)s]"
    )
    parser.add_argument(
        "--precision",
        choices=["auto", "fp32", "bf16"],
        default="auto",
        help="Precision of the convolutions.  [default: %(default)s]",
    )


def run(options: Namespace) -> None:
    """Measure, and print what was found."""
    folder: Path | None = options.output
    if (options.steps is None) != (folder is None):
        raise UsageError("--train needs a folder for the trainings, and -o is of use to it only")
    if options.init is not None and folder is None:
        raise UsageError("--init is where trainings begin", hint="give --train STEPS and -o DIR too")
    require("training", "torch", extra="export")
    from deepmark.benchmarks.studies.grouping.step import StepWorkload
    from deepmark.models.training.config import TrainConfig
    from deepmark.models.training.ranks import choose_device, choose_precision

    device = choose_device(options.device)
    config = TrainConfig(
        size=options.size,
        batch=options.train_batch,
        steps=options.steps or 1,
        pictures=options.pictures,
        precision=choose_precision(options.precision, device),
    )
    ways: tuple[Regressions, ...] = ("sparse", "dense") if options.dense else ("sparse",)
    works = tuple(
        StepWorkload(config.size, batch, device.type, config.precision, replace(config, arch=arch).arch)
        for arch in options.archs or ["mdla34"]
        for batch in options.batches or [8]
    )
    compared = _compare(works, ways, options.rounds)
    workers = options.workers or os.cpu_count() or 1
    trained = _train(config, folder, options.init, options.held_out, device.type, workers) if folder else ()
    report = make_report(device.type, compared, trained)
    if options.as_json:
        console.print_json(report)
    else:
        print_report(report)


def _compare(works: tuple[StepWorkload, ...], ways: tuple[Regressions, ...], rounds: int) -> tuple[StepComparison, ...]:
    from deepmark.benchmarks.studies.grouping.cost import compare
    from deepmark.benchmarks.studies.grouping.cost import steps as count

    found: list[StepComparison] = []
    with console.progress("measuring", len(works) * count(ways, rounds), "turns") as advance:
        for work in works:
            console.say(
                f"{work.arch}, batch {work.batch}: memory of each in a process of its own, then {rounds} rounds in turn"
            )
            found += compare(work, ways, rounds=rounds, advance=advance)
    return tuple(found)


def _train(
    config: TrainConfig, folder: Path, init: Path | None, held_out: int, device: str, workers: int
) -> tuple[GroupingAccuracy, ...]:
    import torch

    from deepmark.benchmarks.studies.grouping.accuracy import train_and_measure
    from deepmark.benchmarks.studies.grouping.step import GROUPS
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
