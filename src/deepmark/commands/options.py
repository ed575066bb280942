"""Options that several commands share."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from deepmark.console import JSON_HELP, QUIET_HELP, VERBOSE_HELP, forget_level, set_level
from deepmark.errors import UsageError
from deepmark.runtime.decoding.params import SHOWN_SCORE
from deepmark.runtime.input_fit import FITS

if TYPE_CHECKING:
    from deepmark.exporter.parity import Tolerances
    from deepmark.runtime.refinement.refiner import RefinerRequest

Command = TypeVar("Command", bound=Callable[..., Any])
PATH = click.Path(readable=False, path_type=Path)  # checked where it is opened, with exit status 1
READABLE = click.Path(path_type=Path)  # what is there and may not be read is a wrong command line


def given_options() -> dict[str, str]:
    """Return what stands on the running command's line: name of each parameter -> as it is typed, ``--gpu-tuning``."""
    ctx = click.get_current_context()
    return {
        one.name: one.opts[-1]
        for one in ctx.command.params
        if one.name and ctx.get_parameter_source(one.name) is ParameterSource.COMMANDLINE
    }


dcn_mask_option = click.option(
    "--dcn-mask",
    type=click.IntRange(1, 2),
    help="What the code of the checkpoint's network multiplies sigmoid(mask) by, for deformable convolutions of a"
    " torchvision wrapper (offset_conv, modulator_conv, regular_conv): the file does not say.",
)


class TechniquesType(click.ParamType[frozenset[int]]):
    """``all``, ``none``, or some of 1, 2, 3, 4 with commas."""

    name = "techniques"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> frozenset[int]:
        """Turn the text into a set of numbers."""
        if isinstance(value, frozenset):
            return value
        text = str(value)
        numbers = {"all": "1,2,3,4", "none": ""}.get(text, text or "?")
        parts = [part.strip() for part in numbers.split(",")] if numbers else []
        if not set(parts) <= {"1", "2", "3", "4"}:
            self.fail(f"{text!r} is none of all, none, or numbers of 1,2,3,4", param, ctx)
        return frozenset(map(int, parts))


class ScalesType(click.ParamType[tuple[float, ...]]):
    """Factors of a picture's size with commas, for example ``.85,.95,1,1.1``."""

    name = "scales"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """Turn the text into factors."""
        from deepmark.runtime.multi_inference import MultiInference, parse_scales

        if isinstance(value, tuple):
            return value
        try:
            return MultiInference(scales=parse_scales(str(value))).scales
        except UsageError as error:
            self.fail(f"{error}; {error.hint}", param, ctx)


def adding(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Return a decorator that adds options, in this order."""

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def output_options(command: Command) -> Command:
    """Add ``--json`` (argument ``as_json``), ``-v`` and ``-q`` to a command."""
    for names, level, text in (
        (("-q", "--quiet"), logging.ERROR, QUIET_HELP),
        (("-v", "--verbose"), logging.DEBUG, VERBOSE_HELP),
    ):
        command = click.option(
            *names, is_flag=True, expose_value=False, is_eager=True, callback=_setting(level), help=text
        )(command)
    return click.option("--json", "as_json", is_flag=True, help=JSON_HELP)(command)


def _setting(level: int) -> Callable[[click.Context, click.Parameter, bool], None]:
    def set_until_the_end(ctx: click.Context, _: click.Parameter, on: bool) -> None:
        if on:
            set_level(level)
            ctx.call_on_close(forget_level)

    return set_until_the_end


def threshold_option(text: str) -> Callable[[Command], Command]:
    """Add ``--threshold``: an object's lowest final score, in [0, 1].

    Args:
        text: the option's help.
    """
    return click.option("--threshold", type=click.FloatRange(0, 1), default=SHOWN_SCORE, show_default=True, help=text)


tolerance_options = adding(  # whose values `tolerances_of` takes
    click.option("--atol", type=click.FloatRange(0), help="Allowed difference of heads.  [default: 1e-3]"),
    click.option(
        "--rtol",
        type=click.FloatRange(0),
        help="Allowed difference of heads, relative to the largest value of each.  [default: 5e-4]",
    ),
    click.option(
        "--landmark-tolerance",
        type=click.FloatRange(0),
        help="Allowed difference of landmarks and boxes, in cells.  [default: 0.05]",
    ),
)


def tolerances_of(atol: float | None, rtol: float | None, landmark_cells: float | None) -> Tolerances:
    """Return the tolerances that were asked for; those that are None stay as by default."""
    from deepmark.exporter.parity import Tolerances

    given = {"atol": atol, "rtol": rtol, "landmark_cells": landmark_cells}
    return Tolerances(**{name: value for name, value in given.items() if value is not None})


def labels_options(*, images_required: bool) -> Callable[[Command], Command]:
    """Add ``--images`` and ``--annotations`` of a labelled data set."""
    return adding(
        click.option(
            "--images",
            metavar="DIR",
            type=READABLE,
            required=images_required,
            help="Data set with image/ in it, or that folder, or the zip.",
        ),
        click.option(
            "--annotations",
            metavar="DIR",
            type=READABLE,
            required=True,
            help="Data set with annos/ in it, or that, or the zip; or a COCO file (.json), also COCO's own.",
        ),
    )


def seed_option(text: str) -> Callable[[Command], Command]:
    """Add ``--seed``: a number from 0 on, 0 by default.

    Args:
        text: the option's help.
    """
    return click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help=text)


threads_option = click.option(
    "--threads", type=click.IntRange(1), help="Inference threads.  [default: usable cores, at most 4]"
)
faults_options = adding(
    click.option(
        "--password-file", metavar="FILE", type=READABLE, help="File whose first line is the official zip's password."
    ),
    click.option("--skip-bad", is_flag=True, help="Leave pictures out that something is wrong with, and count them."),
)
flip_option = click.option(
    "--flip", is_flag=True, help="Average the picture and its mirror image: better, for twice the time."
)

FIT_HELP = (
    "Network's input. square: one size for every picture; rect: each picture's own shape, which is less work where it"
    " is not square: its longer side gets that size."
)
fit_option = click.option("--fit", type=click.Choice(FITS), help=f"{FIT_HELP}  [default: by the model]")


def multi_scale_options(scales: str, modes: str) -> Callable[[Command], Command]:
    """Add ``--scales`` and ``--scales-mode``.

    Args:
        scales: help of ``--scales``.
        modes: help of ``--scales-mode``.
    """
    return adding(
        click.option("--scales", metavar="LIST", type=ScalesType(), help=scales),
        click.option("--scales-mode", type=click.Choice(["fix", "keep"]), help=modes),
    )


scales_options = multi_scale_options(  # with --flip: the paper's multi-inference
    "Look at the picture at several scales, .1 to 4, and merge what is found: .85,.95,1,1.1 are the paper's.",
    "Network's input at a scale. fix: its own size, objects shrink or grow in it; keep: the next multiple above the"
    " scaled picture, whose pixels stay.  [default: fix]",
)
model_run_options = adding(  # with those above, the values of a `deepmark.models.evaluation.DatasetRequest`
    click.option(
        "--threads", type=click.IntRange(1), help="Inference threads without --workers.  [default: cores, at most 4]"
    ),
    click.option("--backend", type=click.Choice(["mnn", "onnxruntime"]), help="Engine.  [default: by the model]"),
    click.option("--size", metavar="N|HxW", help="Input of a checkpoint, pixels, multiples of 32.  [default: 256]"),
    click.option("--schema", metavar="CSV", type=READABLE, help="Keypoint table of a checkpoint.  [default: built in]"),
    dcn_mask_option,
    fit_option,
    click.option(
        "--workers",
        metavar="N",
        type=click.IntRange(1),
        help="Number of processes that run the model, with one thread each.",
    ),
    click.option("--dask", metavar="ADDRESS", help="Scheduler of the Dask cluster to run on."),
    click.option(
        "--cache",
        metavar="DIR|none",
        type=READABLE,
        help="Folder that keeps the network's outputs, to go on later.  [default: the user's cache, 20 GB at most]",
    ),
)
refine_options = adding(  # whose values `refiner_request` takes
    click.option(
        "--refine",
        metavar="BUNDLE",
        type=PATH,
        multiple=True,
        help="Refiner that moves landmarks after they are found; several times where each is for other classes.",
    ),
    click.option("--refine-flip", is_flag=True, help="Refine in the mirror image too, and take the mean."),
    click.option(
        "--refine-nms",
        metavar="OKS",
        type=click.FloatRange(0, 1),
        help="Drop an object that is so like a better one after refining; .9 is usual for persons.  [default: none]",
    ),
)


def refiner_request(refine: tuple[Path, ...], *, refine_flip: bool, refine_nms: float | None) -> RefinerRequest:
    """Return what was asked for with `refine_options`, by their names.

    Raises:
        UsageError: options have no effect.
    """
    from deepmark.runtime.refinement.refiner import RefinerRequest

    request = RefinerRequest(refine, refine_flip, refine_nms)
    request.check()
    return request
