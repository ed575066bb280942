"""Options that several commands share."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import click

from deepmark.console import JSON_HELP, QUIET_HELP, VERBOSE_HELP, forget_level, set_level
from deepmark.runtime.decoding.params import SHOWN_SCORE

Command = TypeVar("Command", bound=Callable[..., Any])


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
