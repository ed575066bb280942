"""The ``deepmark`` command: a table of commands, each loaded only when it is called."""

from __future__ import annotations

import importlib
from typing import NoReturn

import click

from deepmark import __version__
from deepmark.commands.click_program import run

PROGRAM = "deepmark"


COMMANDS = {  # also the names of their modules
    "inspect": "Tell what network a checkpoint holds, and what it costs.",
    "export": "Turn a checkpoint into ONNX and MNN, proven equal.",
    "verify": "Run a bundle's own test vectors on this machine.",
    "detect": "Draw objects and landmarks on pictures, videos, a camera.",
    "synth": "Draw a data set in DeepFashion2's own format.",
    "eval": "Measure a model on labelled pictures: mAP_pt and mAP_box.",
    "tune": "Find the decoder's parameters for a model.",
    "train": "Train the network: on drawings, without a data set.",
    "refiner": "Train and export a network that moves landmarks to their place.",
    "bench": "Measure speed and memory of models on this computer.",
    "bundle": "Put models into the Android app, and make a package of it.",
    "device": "List phones and whether they can be measured on.",
    "doctor": "Tell what of the tool chain is here, and how to get the rest.",
    "completion": "Print a script that completes commands in a shell.",
}

EPILOG = """\b
Examples:
  deepmark inspect model_best.pth
  deepmark export model_best.pth --to onnx --to mnn -o models
  deepmark detect models/model_best.deepmark pictures/ -o found
\b
Exit status of every command:
  0 ok, 1 error, 2 wrong usage, 3 parity failed, 4 device unavailable,
  5 result unstable, 130 interrupted, 143 stopped (SIGTERM)
\b
Words such as head, bundle and near tie: docs/glossary.md
"""


class LazyGroup(click.Group):
    """A group that knows names and summaries of its commands and imports none until it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """Return all names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  click's signature
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"{__package__}.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands out of the table: click would import them all for it."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name=PROGRAM)
def group() -> None:
    """Put a trained clothing-landmark network on a phone: export with proven parity, decode, detect."""


def main() -> NoReturn:
    """Run the command line and leave with its exit code."""
    run(group, PROGRAM)
