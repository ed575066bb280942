"""``deepmark train``: a training in the folder of a run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from click.core import ParameterSource

from deepmark.commands.config_file import config_text, read_config
from deepmark.commands.options import dcn_mask_option, given_options, output_options
from deepmark.commands.training_options import (
    SizesType,
    grouping_option,
    optimisation_options,
    picture_options,
    require_one_source,
    run_folder_option,
    work_options,
)
from deepmark.console import be_quiet, print_json

if TYPE_CHECKING:
    from deepmark.models.training.config import TrainConfig
    from deepmark.models.training.train_state import TrainState

EPILOG = """\b
Examples:
  deepmark train --synthetic -o runs/first --steps 2500
  deepmark train -o runs/first --resume
  deepmark train --data train.zip --val validation.zip --password-file password.txt -o runs/real --size 256
  deepmark train --data deepfashion2/train -o runs/warm --steps 200000 --init ctdet_coco_dla_2x.pth
  deepmark train --data deepfashion2/train -o runs/swap --warm-start multi_pose_dla_3x.pth
  deepmark train --synthetic -o runs/resnet --arch resnet18-dcn --steps 2500
  deepmark train --synthetic -o runs/larger --size 256 --init runs/first/last.pth --lr 3e-4
  deepmark train --synthetic -o runs/every-size --sizes 128,192,256 --size 256 --fit rect
  deepmark train --synthetic -o runs/ungrouped --schema 294 --json
  deepmark train --config runs/first/config.toml -o runs/second --seed 1
  torchrun --nproc-per-node 4 -m deepmark train --data deepfashion2/train -o runs/real
"""


@click.command("train", epilog=EPILOG)
@picture_options
@run_folder_option
@click.option("--resume", is_flag=True, help="Go on from RUN's last checkpoint; no other option is needed.")
@click.option(
    "--config",
    metavar="TOML",
    type=click.Path(path_type=Path),
    is_eager=True,
    expose_value=False,
    callback=read_config,
    help="File of options, by their names here, such as RUN/config.toml. Those on the command line win.",
)
@grouping_option
@click.option(
    "--size",
    type=int,
    default=128,
    show_default=True,
    help="Side of the network's input, in pixels; with --sizes, of the validation's.",
)
@click.option(
    "--sizes",
    metavar="LIST",
    type=SizesType(),
    help="Sides of the input with commas, such as 128,192,256: each step has one of them by chance.  [default: --size]",
)
@click.option(
    "--fit",
    type=click.Choice(["square", "rect"]),
    default="square",
    show_default=True,
    help="Shape of the input. square: whatever the picture; rect: the picture's own, with --size for its longer side:"
    " batches hold pictures of one shape, and drawings are square, 3:4 and 9:16, upright and lying.",
)
@click.option(
    "--arch",
    metavar="NAME",
    default="mdla34",
    show_default=True,
    help="Network to train: mdla34, dla34-dcn, resnet18 (34, 50, 101, 152), resnet18-dcn (34 ...), hourglass104, or"
    " another of docs/networks.md.",
)
@click.option(
    "--init",
    "--warm-start",
    "init",
    metavar="CKPT",
    help="Checkpoint to take what fits from, of any of these networks or of ImageNet; prints what was taken.",
)
@dcn_mask_option
@optimisation_options(
    batch="Pictures a step, of all processes together.",
    lr=1e-3,
    weight_decay=1e-4,
    augment="Strength of zoom, shift and colour changes; 1 is CenterNet's, 0 is none but mirroring.",
    seed="Seed of weights, order and augmentation.",
)
@click.option(
    "--val",
    metavar="DIR|ZIP|none",
    help="Data set to validate on, in DeepFashion2's format.  [default: with --synthetic, other drawings; else none]",
)
@click.option(
    "--val-pictures",
    type=click.IntRange(1),
    help="Number of pictures to validate on.  [default: 100 drawings, all of a data set]",
)
@click.option("--val-every", type=click.IntRange(1), help="Steps from one validation to the next.  [default: an epoch]")
@work_options
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Device to train on; auto: a GPU where there is one.",
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "fp32", "bf16"]),
    default="auto",
    show_default=True,
    help="Precision of the convolutions; auto: bf16 where the device has units for it.",
)
@output_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    folder: Path,
    resume: bool,
    val: str | None,
    val_pictures: int | None,
    val_every: int | None,
    save_every: int,
    workers: int | None,
    loaders: int,
    device: Literal["auto", "cpu", "cuda"],
    as_json: bool,
    **options: Any,
) -> None:
    """Train a network, mDLA-34 by default, into the folder RUN.

    RUN/last.pth is a checkpoint that `deepmark export` takes (averaged weights) and that --resume goes on from, bit for
    bit, after whatever ended the training; Ctrl-C and SIGTERM write it first. RUN/log.csv has a line a step with the
    loss of every head. Started by torchrun, several processes train one network and share every batch.

    After every epoch the averaged weights are validated. RUN/validation.csv has mAP_pt and mAP_box, RUN/best.pth the
    weights of the best mAP_pt, RUN/predictions some of the pictures with what was found in them, and RUN/curves.svg
    all of it over the steps.
    """
    from deepmark.models.training.ranks import choose_device, choose_precision, find_ranks
    from deepmark.models.training.run import RunRequest, ValidationRequest, run_training
    from deepmark.models.training.tables import print_summary

    ranks = find_ranks()
    if not ranks.leads:
        be_quiet()
    where = choose_device(device, ranks.local)
    options["precision"] = choose_precision(options["precision"], where)
    state, config = _plan(ctx, folder, resume=resume, options=options)
    validation = ValidationRequest(val, val_pictures, val_every)
    request = RunRequest(
        folder=folder,
        config=config,
        options=config_text(ctx, {**config.document(), "synthetic": config.data is None}),
        state=state,
        validation=validation.resumed(folder) if state else validation,
        save_every=save_every,
        workers=workers or os.cpu_count() or 1,
        loaders=loaders,
        device=where,
        ranks=ranks,
    )
    summary = run_training(request)
    if as_json and ranks.leads:
        print_json(summary)
    else:
        print_summary(summary)


def _plan(
    ctx: click.Context, folder: Path, *, resume: bool, options: dict[str, Any]
) -> tuple[TrainState | None, TrainConfig]:
    """Return where to go on, if anywhere, and the configuration of the training."""
    from deepmark.models.training.config import TrainConfig, check_same
    from deepmark.models.training.loop import find_state

    typed = given_options().keys() & options.keys()
    given = typed | {name for name in options if ctx.get_parameter_source(name) is ParameterSource.DEFAULT_MAP}
    if resume:
        state = find_state(folder)
        check_same(state.config, {name: options[name] for name in given - {"synthetic"}})
        return state, state.config
    if len(typed & {"synthetic", "data"}) == 1:  # whatever a file says of the other
        options.update({"data": None} if "synthetic" in typed else {"synthetic": False})
    require_one_source(ctx, synthetic=options.pop("synthetic"), data=options["data"])
    if options["data"] is not None and "pictures" in typed:
        raise click.UsageError("--pictures is a number of drawings: it goes with --synthetic", ctx)
    if options["data"] is None and typed & {"password_file", "skip_bad"}:
        raise click.UsageError("--password-file and --skip-bad go with --data", ctx)
    if options["init"] is None and options["dcn_mask"] is not None:
        raise click.UsageError("--dcn-mask is of a checkpoint: it goes with --warm-start", ctx)
    return None, TrainConfig(**options)
