"""The ``--threshold`` that detecting and measuring share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from deepmark.runtime.decoding.params import SHOWN_SCORE

Command = TypeVar("Command", bound=Callable[..., Any])


def threshold_option(text: str) -> Callable[[Command], Command]:
    """Add ``--threshold``: an object's lowest final score, in [0, 1].

    Args:
        text: what the command's help says of it.
    """
    return click.option("--threshold", type=click.FloatRange(0, 1), default=SHOWN_SCORE, show_default=True, help=text)
