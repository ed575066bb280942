"""Options of commands that train, and of those that draw what is trained on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from deepmark.commands.options import Command, adding, seed_option
from deepmark.errors import UsageError

LEAST_SIDE, MOST_SIDE = 64, 2048  # of drawings, pixels
DRAWING_SIDE = click.IntRange(LEAST_SIDE, MOST_SIDE)


class DrawingSizeType(click.ParamType[tuple[int, int]]):
    """``N`` or ``HxW``: height and width of drawings, in pixels."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Turn the text into height and width."""
        from deepmark.models.size import read_size

        if isinstance(value, tuple):
            return value
        try:
            size = read_size(str(value))
        except UsageError as error:
            self.fail(f"{error}; for example 256 or 256x192", param, ctx)
        if not all(LEAST_SIDE <= side <= MOST_SIDE for side in size):
            self.fail(f"height and width must be {LEAST_SIDE} to {MOST_SIDE} pixels, found {value}", param, ctx)
        return size


class SizesType(click.ParamType[tuple[int, ...]]):
    """Sides of the network's input with commas, in pixels, for example ``128,192,256``."""

    name = "sizes"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Turn the text into numbers."""
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in str(value).split(",")]
        if not all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
            self.fail(f"{str(value)!r} is no list of pixels with commas; for example 128,192,256", param, ctx)
        return tuple(map(int, parts))


workers_option = click.option(
    "--workers", type=click.IntRange(1), help="Number of processes that draw.  [default: one per core]"
)
picture_options = adding(
    click.option(
        "--data", metavar="DIR|ZIP", help="Data set to train on, in DeepFashion2's format: image/ and annos/."
    ),
    click.option("--password-file", metavar="FILE", help="File whose first line is the official zip's password."),
    click.option(
        "--skip-bad", is_flag=True, help="Leave out pictures that something is wrong with, instead of ending."
    ),
    click.option("--synthetic", is_flag=True, help="Train on drawings, made beforehand and kept in RUN/drawings."),
)
run_folder_option = click.option(
    "-o", "--output", "folder", metavar="RUN", required=True, type=click.Path(path_type=Path), help="Folder of the run."
)
grouping_option = click.option(
    "--schema", metavar="62|81|294|CSV", default="62", show_default=True, help="Grouping of the landmarks."
)
work_options = adding(
    click.option(
        "--save-every",
        type=click.IntRange(1),
        default=250,
        show_default=True,
        help="Steps from one checkpoint to the next.",
    ),
    workers_option,
    click.option(
        "--loaders",
        type=click.IntRange(0),
        default=1,
        show_default=True,
        help="Number of threads that make batches ahead.",
    ),
)


def optimisation_options(
    *, batch: str, lr: float, weight_decay: float, augment: str, seed: str
) -> Callable[[Command], Command]:
    """Add ``--steps`` to ``--drawn``: fields of a `deepmark.models.training.optimisation_config.OptimisationConfig`.

    Args:
        batch: help of ``--batch``.
        lr: default of ``--lr``.
        weight_decay: default of ``--weight-decay``.
        augment: help of ``--augment``.
        seed: help of ``--seed``.
    """
    return adding(
        click.option(
            "--steps", type=int, default=2500, show_default=True, help="Optimiser steps of the whole training."
        ),
        click.option("--batch", type=int, default=16, show_default=True, help=batch),
        click.option("--lr", type=float, default=lr, show_default=True, help="Highest learning rate."),
        click.option(
            "--weight-decay",
            type=float,
            default=weight_decay,
            show_default=True,
            help="Weight decay of convolution weights.",
        ),
        click.option("--clip", type=float, default=10.0, show_default=True, help="Largest norm of a step's gradient."),
        click.option("--ema", type=float, default=0.999, show_default=True, help="Decay of the averaged weights."),
        click.option("--augment", type=float, default=1.0, show_default=True, help=augment),
        seed_option(seed),
        click.option("--pictures", type=int, default=2000, show_default=True, help="Number of drawings to train on."),
        click.option("--drawn", type=click.IntRange(0), default=1, show_default=True, help="Seed of the drawings."),
    )


def require_one_source(ctx: click.Context, *, synthetic: bool, data: str | None) -> None:
    """Require either drawings or a data set to train on.

    Raises:
        click.UsageError: both are given, or neither.
    """
    if synthetic == (data is not None):
        raise click.UsageError("give either --synthetic or --data to train on", ctx)
