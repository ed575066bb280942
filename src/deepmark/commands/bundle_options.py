"""Options of commands that export a checkpoint to a bundle."""

from __future__ import annotations

from collections.abc import Callable

import click

from deepmark.commands.options import PATH, Command, adding
from deepmark.exporter.formats import FORMATS

zip_option = click.option("--zip", "zip_too", is_flag=True, help="Write NAME.deepmark.zip too.")


def bundle_options(formats: str) -> Callable[[Command], Command]:
    """Add the argument CHECKPOINT, ``--to``, ``-o`` and ``--name``.

    Args:
        formats: help of ``--to``.
    """
    return adding(
        click.argument("checkpoint", type=PATH),
        click.option(
            "--to",
            type=click.Choice(list(FORMATS)),
            multiple=True,
            default=("mnn",),
            help=f"{formats}  [default: mnn]",
        ),
        click.option(
            "-o", "--output", metavar="DIR", type=PATH, help="Folder that NAME.deepmark goes to.  [default: .]"
        ),
        click.option(
            "--name", help="Name of the model; a bundle of this name is replaced.  [default: the checkpoint's]"
        ),
    )
