"""``deepmark synth``: a data set where DeepFashion2 may not be had."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deepmark.commands.options import output_options, seed_option
from deepmark.commands.training_options import DrawingSizeType, workers_option
from deepmark.console import print_json, print_table, progress, say

if TYPE_CHECKING:
    from deepmark.models.datasets.drawings.dataset import DatasetSummary

EPILOG = """\b
Examples:
  deepmark synth drawings
  deepmark synth drawings/train --count 20000 --seed 1
  deepmark synth drawings/val --count 500 --seed 2 --size 384 --json
  deepmark synth drawings/upright --count 500 --size 256x192
"""


@click.command("synth", epilog=EPILOG)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--count", type=click.IntRange(1, 999_999), default=1000, show_default=True, help="Number of pictures to draw."
)
@seed_option("Seed of the pictures; another one draws others.")
@click.option(
    "--size",
    metavar="N|HxW",
    type=DrawingSizeType(),
    default="256",
    show_default=True,
    help="Side of the pictures in pixels, or height and width, such as 256x192 for 3:4 upright.",
)
@workers_option
@output_options
def command(folder: Path, count: int, seed: int, size: tuple[int, int], workers: int | None, as_json: bool) -> None:
    """Draw dressed people into DIR, labelled in DeepFashion2's own format.

    Makes DIR/image/000001.jpg and DIR/annos/000001.json and so on: all 13 classes with all their landmarks, one to
    three garments a picture. The same seed and size give the same files, whatever the number of workers. In
    another shape nothing is squeezed: the camera is aimed anew. DIR must be empty.
    """
    from deepmark.models.datasets.drawings.dataset import write_dataset

    workers = workers or os.cpu_count() or 1
    with progress("drawing", count, "pictures") as advance:
        summary = write_dataset(folder, count=count, seed=seed, size=size, workers=workers, advance=advance)
    if as_json:
        print_json(summary)
    else:
        _print_summary(summary)


def _print_summary(summary: DatasetSummary) -> None:
    print_table(("class", "items"), [(name, f"{number:,}") for name, number in summary.classes.items()])
    rows = [(name, *(f"{number:,}" for number in values.values())) for name, values in summary.attributes.items()]
    print_table(("attribute", "1", "2", "3"), rows)
    say(
        f"{summary.pictures:,} pictures with {summary.items:,} garments in {summary.folder},"
        f" {summary.pictures_per_s:.0f} pictures/s with {summary.workers} processes"
    )
