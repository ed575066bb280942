"""``deepmark refiner``: train, export and verify the network that moves landmarks to where they are (PoseFix)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepmark.commands.bundle_options import bundle_options, zip_option
from deepmark.commands.options import PATH, given_options, output_options, threads_option
from deepmark.commands.training_options import (
    DRAWING_SIDE,
    grouping_option,
    optimisation_options,
    picture_options,
    require_one_source,
    run_folder_option,
    work_options,
)
from deepmark.console import print_json, print_table, say
from deepmark.errors import UsageError
from deepmark.files import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepmark.runtime.refinement.refiner_manifest import RefinerHop

EPILOG = """\b
Examples:
  deepmark refiner train --synthetic -o runs/refiner
  deepmark refiner export runs/refiner/last.pth --to mnn --name my-refiner
  deepmark refiner verify my-refiner.deepmark
  deepmark detect shirt.deepmark photos --refine my-refiner.deepmark
"""
_TRAIN_EPILOG = """\b
Examples:
  deepmark refiner train --synthetic -o runs/refiner --backbone slim --size 160x128
  deepmark refiner train --data deepfashion2/train -o runs/refiner --steps 200000 --backbone resnet50
  deepmark refiner train --data deepfashion2/train -o runs/skirts --classes skirt
  deepmark refiner train -o runs/refiner --resume
"""
_EXPORT_EPILOG = """\b
Examples:
  deepmark refiner export runs/refiner/last.pth --to onnx --to mnn --name my-refiner
  deepmark refiner export runs/refiner/last.pth --precision fp16 --zip -o models
"""
_VERIFY_EPILOG = """\b
Examples:
  deepmark refiner verify my-refiner.deepmark
"""


@click.group("refiner", epilog=EPILOG)
def command() -> None:
    """Train, export and verify a refiner: a network that moves landmarks which a detector found.

    detect and eval use it with --refine.
    """


@command.command("train", epilog=_TRAIN_EPILOG)
@picture_options
@run_folder_option
@click.option("--resume", is_flag=True, help="Go on from RUN's last checkpoint, as the run began.")
@grouping_option
@click.option(
    "--classes",
    metavar="all|NAME",
    default="all",
    show_default=True,
    help="All classes in one network, by groups, or one class by itself: the paper's way, a network a class.",
)
@click.option(
    "--backbone",
    type=click.Choice(["resnet18", "resnet50", "resnet101", "resnet152", "slim"]),
    default="resnet50",
    show_default=True,
    help="Network; slim is a small one of our own.",
)
@click.option("--size", metavar="N|HxW", default="256x192", show_default=True, help="Input, pixels, multiples of 32.")
@optimisation_options(
    batch="Objects a step.",
    lr=5e-4,
    weight_decay=1e-5,
    augment="Strength of turning and scaling; 1 is PoseFix's.",
    seed="Seed of weights, order, errors, augmentation.",
)
@click.option("--drawn-size", type=DRAWING_SIDE, default=256, show_default=True, help="Side of the drawings, pixels.")
@work_options
@click.option("--threads", type=click.IntRange(1), help="Threads that compute.  [default: one per core]")
@output_options
@click.pass_context
def train(
    ctx: click.Context,
    /,
    folder: Path,
    resume: bool,
    synthetic: bool,
    size: str,
    save_every: int,
    workers: int | None,
    loaders: int,
    threads: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Train a refiner into the folder RUN.

    The network sees an object and its landmarks with errors that are drawn anew every time: beside their place, at
    their left/right partner's, at a neighbour's, or nowhere. RUN/last.pth is a checkpoint that `deepmark refiner
    export` takes (averaged weights) and that --resume goes on from; Ctrl-C and SIGTERM write it first. RUN/log.csv has
    a line a step, with the mean OKS of the landmarks before and after.
    """
    from deepmark.models.refiner.config import RefinerConfig
    from deepmark.models.refiner.run import RefinerRun, run_refiner_training
    from deepmark.models.size import parse_size

    changing = [typed for name, typed in given_options().items() if name in {*options, "size", "synthetic"}]
    if resume and changing:
        raise UsageError(
            f"--resume goes on as the run began, {', '.join(changing)} would change it", hint="leave it out"
        )
    if not resume:
        require_one_source(ctx, synthetic=synthetic, data=options["data"])
    height, width = parse_size(size)
    config = None if resume else RefinerConfig(**options, height=height, width=width)
    request = RefinerRun(
        folder=folder,
        config=config,
        save_every=save_every,
        workers=workers or os.cpu_count() or 1,
        loaders=loaders,
        threads=threads,
    )
    summary = run_refiner_training(request)
    if as_json:
        print_json(summary)
    else:
        say(
            f"{summary.steps:,} steps, {summary.objects_per_s:g} objects/s, mean OKS {summary.oks_in:.3f} ->"
            f" {summary.oks_out:.3f} in the last steps; {summary.checkpoint}"
        )


@command.command("export", epilog=_EXPORT_EPILOG)
@bundle_options("Format; may be given several times.")
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16"]),
    default="fp32",
    show_default=True,
    help="Precision that an MNN model's weights are stored in.",
)
@click.option(
    "--tolerance",
    "tolerance_px",
    type=click.FloatRange(0),
    help="Allowed distance of a landmark, pixels of the input.  [default: .02, fp16: .2]",
)
@zip_option
@output_options
def export(as_json: bool, **options: Any) -> None:
    """Export CHECKPOINT to a refiner's bundle, and prove that no landmark moves.

    The drawing of the pose, the network, softmax and expectation are one graph. The bundle is written only if every
    format puts every landmark where torch puts it.

    Exit status: 0 written, 1 an error, 2 a request that makes no sense, 3 a landmark moved.
    """
    from deepmark.exporter.refinement.refiner_export import export_refiner

    found = export_refiner(**options, on_progress=say)
    if as_json:
        print_json({"bundle": printable(found.path), "parity": found.manifest.parity})
    else:
        _show(found.manifest.parity)
    say(f"wrote {found.path}")


@command.command("verify", epilog=_VERIFY_EPILOG)
@click.argument("bundle", type=PATH)
@threads_option
@output_options
def verify(bundle: Path, threads: int | None, as_json: bool) -> None:
    """Run the golden vectors of a refiner's BUNDLE on this machine, in every engine that it has a model for.

    Exit status: 0 all landmarks are where they were, 3 one is not.
    """
    from deepmark.exporter.refinement.refiner_export import verify_refiner

    hops = verify_refiner(bundle, threads=threads)
    if as_json:
        print_json({"bundle": printable(bundle), "parity": hops})
    else:
        _show(hops)


def _show(hops: Sequence[RefinerHop]) -> None:
    rows = [
        (f"{hop.reference} -> {hop.candidate}", str(hop.poses), f"{hop.max_error_px:g}", f"{hop.mean_error_px:g}", "ok")
        for hop in hops
    ]
    print_table(("step", "poses", "largest px", "mean px", ""), rows)
