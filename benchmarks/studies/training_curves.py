"""What the curves of a training look like: loss, learning rate and validation over the steps, in one picture.

Draws from the files that `deepmark train` writes into its folder RUN; the training may still be going on.

Examples:
  python -m deepmark.benchmarks.studies training_curves runs/first
  python -m deepmark.benchmarks.studies training_curves runs/first -o curves.png
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from deepmark.console import say


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    parser.add_argument("folder", metavar="RUN", type=Path, help="Folder of a training.")
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="An .svg, .png or .pdf.  [default: RUN/curves.svg]"
    )


def run(options: Namespace) -> None:
    """Draw the curves, and say where they are."""
    from deepmark.models.training.curves import CURVES, draw_curves

    target = options.output or options.folder / CURVES
    draw_curves(options.folder, target)
    say(f"wrote {target}")
