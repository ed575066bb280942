"""``deepmark synth`` and ``deepmark train``: a data set where DeepFashion2 may not be had, and a network from it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from click.core import ParameterSource

from deepmark.console import output_options, print_json, print_table, progress, say

if TYPE_CHECKING:
    from deepmark.models.training.config import TrainConfig
    from deepmark.models.training.drawings.dataset import DatasetSummary
    from deepmark.models.training.log import LogLine
    from deepmark.models.training.loop import TrainSummary
    from deepmark.models.training.samples import Pictures
    from deepmark.models.training.warm_start import WarmStart

EPILOG = """\b
Examples:
  deepmark synth drawings
  deepmark synth drawings/train --count 20000 --seed 1
  deepmark synth drawings/val --count 500 --seed 2 --size 384 --json
"""
TRAIN_EPILOG = """\b
Examples:
  deepmark train --synthetic -o runs/first --steps 2500
  deepmark train -o runs/first --resume
  deepmark train --data deepfashion2/train -o runs/real --size 256 --steps 200000 --init ctdet_coco_dla_2x.pth
  deepmark train --synthetic -o runs/larger --size 256 --init runs/first/last.pth --lr 3e-4
  deepmark train --synthetic -o runs/ungrouped --schema 294 --json
"""
_REPORT_EVERY_S = 10.0
_HEADS = ("hm", "wh", "hps", "reg", "hm_hp", "hp_offset")


@click.command(epilog=EPILOG)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--count", type=click.IntRange(1, 999_999), default=1000, show_default=True, help="Pictures to draw.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Another seed, other pictures.")
@click.option("--size", type=click.IntRange(64, 2048), default=256, show_default=True, help="Their side in pixels.")
@click.option("--workers", type=click.IntRange(1), help="Processes that draw.  [default: one per core]")
@output_options
def synth(folder: Path, count: int, seed: int, size: int, workers: int | None, as_json: bool) -> None:
    """Draw dressed people into DIR, labelled in DeepFashion2's own format.

    Makes DIR/image/000001.jpg and DIR/annos/000001.json and so on: all 13 classes with all their landmarks, one to
    three garments a picture. The same seed and size give the same files, whatever the number of workers. DIR must be
    empty.
    """
    from deepmark.models.training.drawings.dataset import write_dataset

    with progress("drawing", count) as advance:
        step = _reporting(advance, count)
        workers = workers or os.cpu_count() or 1
        summary = write_dataset(folder, count=count, seed=seed, size=size, workers=workers, advance=step)
    if as_json:
        print_json(summary)
    else:
        _print_summary(summary)


def _reporting(advance: Callable[[], None], count: int) -> Callable[[], None]:
    """Return a step that also says speed and time left every ten seconds."""
    start = said = time.monotonic()
    done = 0

    def step() -> None:
        nonlocal said, done
        done += 1
        advance()
        now = time.monotonic()
        if now - said >= _REPORT_EVERY_S and done < count:
            said = now
            rate = done / (now - start)
            say(f"{done:,} of {count:,} pictures, {rate:.0f} pictures/s, {(count - done) / rate:.0f} s left")

    return step


def _print_summary(summary: DatasetSummary) -> None:
    print_table(("class", "items"), [(name, f"{number:,}") for name, number in summary.classes.items()])
    rows = [(name, *(f"{number:,}" for number in values.values())) for name, values in summary.attributes.items()]
    print_table(("attribute", "1", "2", "3"), rows)
    say(
        f"{summary.pictures:,} pictures with {summary.items:,} garments in {summary.folder},"
        f" {summary.pictures_per_s:.0f} pictures/s with {summary.workers} processes"
    )


@click.command(epilog=TRAIN_EPILOG)
@click.option("--data", metavar="DIR", help="Train on a data set in DeepFashion2's format: DIR/image, DIR/annos.")
@click.option("--synthetic", is_flag=True, help="Train on drawings, made beforehand and kept in RUN/drawings.")
@click.option(
    "-o", "--output", "folder", metavar="RUN", required=True, type=click.Path(path_type=Path), help="Folder of the run."
)
@click.option("--resume", is_flag=True, help="Go on from RUN's last checkpoint; no other option is needed.")
@click.option("--schema", metavar="62|81|294|CSV", default="62", show_default=True, help="Grouping of the landmarks.")
@click.option("--size", type=int, default=128, show_default=True, help="Side of the network's input, in pixels.")
@click.option("--init", metavar="CKPT", help="Take what fits from this checkpoint; prints what was taken.")
@click.option("--steps", type=int, default=2500, show_default=True, help="Of the whole training.")
@click.option("--batch", type=int, default=16, show_default=True, help="Pictures a step.")
@click.option("--lr", type=float, default=1e-3, show_default=True, help="Highest learning rate.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of weights, order, augmentation.")
@click.option("--pictures", type=int, default=2000, show_default=True, help="Drawings to train on.")
@click.option("--save-every", type=click.IntRange(1), default=250, show_default=True, help="Steps to a checkpoint.")
@click.option("--workers", type=click.IntRange(1), help="Processes that draw.  [default: one per core]")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option(
    "--precision",
    type=click.Choice(["auto", "fp32", "bf16"]),
    default="auto",
    show_default=True,
    help="Of the convolutions; auto: bf16 where the device has units for it.",
)
@output_options
@click.pass_context
def train(
    ctx: click.Context,
    /,
    folder: Path,
    synthetic: bool,
    resume: bool,
    save_every: int,
    workers: int | None,
    device: Literal["auto", "cpu", "cuda"],
    as_json: bool,
    **options: Any,
) -> None:
    """Train mDLA-34 into the folder RUN.

    RUN/last.pth is a checkpoint that `deepmark export` takes (averaged weights) and that --resume goes on from, bit for
    bit, after whatever ended the training. RUN/log.csv has a line a step with the loss of every head.
    """
    from deepmark.models.training.config import TrainConfig, check_same
    from deepmark.models.training.loop import choose_device, choose_precision, find_state, start_run
    from deepmark.models.training.loop import train as run

    where = choose_device(device)
    options["precision"] = choose_precision(options["precision"], where)
    given = {name for name in options if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    if resume:
        state = find_state(folder)
        config = state.config
        check_same(config, {name: options[name] for name in given})
    else:
        _check_data(ctx, synthetic=synthetic, given=given)
        state, config = None, TrainConfig(**options)
        start_run(folder)
    pictures = _open_pictures(config, folder, workers or os.cpu_count() or 1)
    with progress("training", config.steps - (state.step if state else 0)) as advance:
        summary = run(
            config,
            pictures,
            folder,
            device=where,
            resume=state,
            save_every=save_every,
            report=_telling(config, advance),
            account=_print_warm_start,
        )
    if as_json:
        print_json(summary)
    else:
        _print_training(summary)


def _check_data(ctx: click.Context, *, synthetic: bool, given: set[str]) -> None:
    if synthetic == ("data" in given):
        raise click.UsageError("give either --synthetic or --data DIR to train on", ctx)
    if not synthetic and "pictures" in given:
        raise click.UsageError("--pictures is a number of drawings: it goes with --synthetic", ctx)


def _open_pictures(config: TrainConfig, folder: Path, workers: int) -> Pictures:
    """Open the data set, or make the drawings that a run does not have yet."""
    if config.data is not None:
        from deepmark.models.training.photographs import Photographs

        with progress("reading labels", None) as advance:
            return Photographs(Path(config.data), advance=advance)
    from deepmark.models.training.drawn import draw_pictures

    with progress("drawing", config.pictures) as advance:
        return draw_pictures(
            folder / "drawings",
            seed=config.drawn,
            size=config.size,
            count=config.pictures,
            workers=workers,
            advance=_reporting(advance, config.pictures),
        )


def _telling(config: TrainConfig, advance: Callable[[], None]) -> Callable[[LogLine], None]:
    """Return a step that also says losses, speed and time left every ten seconds."""
    said = time.monotonic()
    unsaid: list[LogLine] = []

    def step(line: LogLine) -> None:
        nonlocal said
        advance()
        unsaid.append(line)
        now = time.monotonic()
        if now - said >= _REPORT_EVERY_S or line.step == config.steps:
            step_s = (now - said) / len(unsaid)
            heads = ", ".join(f"{name} {getattr(line, name):.3f}" for name in _HEADS)
            mean = sum(one.loss for one in unsaid) / len(unsaid)
            say(
                f"step {line.step:,} of {config.steps:,}: loss {mean:.3f} ({heads}),"
                f" {config.batch / step_s:.1f} pictures/s, {(config.steps - line.step) * step_s / 60:.0f} min left"
            )
            said = now
            unsaid.clear()

    return step


def _print_warm_start(found: WarmStart) -> None:
    say(f"weights of {found.file}:")
    parts = sorted({*found.taken, *found.fresh})
    rows = [(part, str(found.taken.get(part, 0)), str(found.fresh.get(part, 0))) for part in parts]
    print_table(("part", "tensors taken", "fresh"), rows)
    if found.deformable:
        say(f"{found.deformable} deformable convolutions: their 3x3 kernels were taken, without offsets")
    for reason in found.reasons:
        say(f"not taken: {reason}")


def _print_training(summary: TrainSummary) -> None:
    say(
        f"{summary.steps:,} steps, loss {summary.loss:.3f} (mean of the last), {summary.pictures_per_s:.1f} pictures/s:"
        f" {summary.checkpoint}"
    )
