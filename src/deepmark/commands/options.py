"""Options that several commands share."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from deepmark.console import JSON_HELP, QUIET_HELP, VERBOSE_HELP, forget_level, set_level
from deepmark.runtime.decoding.params import SHOWN_SCORE

if TYPE_CHECKING:
    from deepmark.exporter.parity import Tolerances

Command = TypeVar("Command", bound=Callable[..., Any])
PATH = click.Path(readable=False, path_type=Path)  # checked where it is opened, with exit status 1


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


_TOLERANCES = (
    click.option("--atol", type=click.FloatRange(0), help="Allowed difference of heads.  [default: 1e-3]"),
    click.option(
        "--rtol", type=click.FloatRange(0), help="The same, relative to the head's largest value.  [default: 5e-4]"
    ),
    click.option(
        "--landmark-tolerance",
        type=click.FloatRange(0),
        help="Allowed difference of landmarks and boxes, in cells.  [default: 0.05]",
    ),
)


def tolerance_options(command: Command) -> Command:
    """Add ``--atol``, ``--rtol`` and ``--landmark-tolerance``, whose values `tolerances_of` takes."""
    for option in reversed(_TOLERANCES):
        command = option(command)
    return command


def tolerances_of(atol: float | None, rtol: float | None, landmark_cells: float | None) -> Tolerances:
    """Return the tolerances that were asked for; those that are None stay as by default."""
    from deepmark.exporter.parity import Tolerances

    given = {"atol": atol, "rtol": rtol, "landmark_cells": landmark_cells}
    return Tolerances(**{name: value for name, value in given.items() if value is not None})
