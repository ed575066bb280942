"""``deepmark tune``: the techniques' parameters for one model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepmark.commands.options import (
    READABLE,
    TechniquesType,
    faults_options,
    flip_option,
    labels_options,
    model_run_options,
    output_options,
    scales_options,
    seed_option,
)
from deepmark.console import print_json, progress, say
from deepmark.files import printable

if TYPE_CHECKING:
    from deepmark.exporter.tuning.parameter_search import TuneReport

EPILOG = """\b
Examples:
  deepmark tune shirt.deepmark --images validation --annotations validation
  deepmark tune shirt.deepmark --images drawings --annotations drawings --write
  deepmark tune shirt.deepmark --images drawings --annotations drawings --flip --write
  deepmark tune shirt.deepmark --images drawings --annotations drawings --flip --scales .85,.95,1,1.1 --write
  deepmark tune shirt.deepmark --images drawings --annotations drawings --map figure10.png --csv figure10.csv
  deepmark tune shirt.deepmark --images drawings --annotations drawings --techniques 1,3 --step .1 --json
"""


class _Step(click.ParamType[int]):
    """A step that divides 1, as the number of steps."""

    name = "step"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Turn the text into a number of steps."""
        if isinstance(value, int):
            return value
        try:
            step = float(str(value))
        except ValueError:
            step = 0.0
        if not 0.01 <= step <= 1 or abs(1 / step - round(1 / step)) > 1e-9:
            self.fail(f"{value} does not divide 1 into 1 to 100 steps; .05, .1 and .25 do", param, ctx)
        return round(1 / step)


@click.command("tune", epilog=EPILOG)
@click.argument("model", type=READABLE)
@labels_options(images_required=True)
@faults_options
@click.option("--step", "steps", type=_Step(), default=".05", show_default=True, help="Step of the grid from 0 to 1.")
@click.option(
    "--techniques",
    metavar="all|1,2,3,4",
    type=TechniquesType(),
    help="Techniques to use; the others are switched off.  [default: search 1, 2 and 3, leave 4 as in the model]",
)
@click.option(
    "--check-share",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.5,
    show_default=True,
    help="Share of the pictures that the search does not see and the gain is measured on.",
)
@seed_option("Seed of the choice of pictures to measure the gain on.")
@click.option("--write", is_flag=True, help="Store what was found in the bundle MODEL, if the gain is significant.")
@click.option("--map", "picture", metavar="FILE", type=READABLE, help="Draw mAP_pt over both sigmas (.png or .svg).")
@click.option("--csv", "table", metavar="FILE", type=READABLE, help="Write mAP_pt over both sigmas as a table (.csv).")
@flip_option
@scales_options
@model_run_options
@output_options
def command(
    *,
    model: Path,
    write: bool,
    picture: Path | None,
    table: Path | None,
    as_json: bool,
    steps: int,
    techniques: frozenset[int] | None,
    check_share: float,
    seed: int,
    **data: Any,
) -> None:
    """Find alpha, sigma_center, sigma_keypoint and gamma for MODEL: one after the other, as in the paper.

    Each is tried at every step from 0 to 1 while the others stay, and the best value for mAP_pt is kept; of equals,
    the one nearer to "off". The search begins at the model's parameters and sees a part of the pictures. What it
    gained is measured on the others, with a 95 % interval; --write stores only a gain whose interval lies above 0.

    For a model that finds boxes only, sigma_center is searched, and mAP_box decides.

    With --flip and --scales the parameters are those for detecting in that way: means of two heatmaps are lower and
    smoother, and suppression merges what several scales find. A bundle remembers that.
    """
    from deepmark.exporter.tuning.model_tuning import TuningRequest, tune_model
    from deepmark.exporter.tuning.tables import print_search
    from deepmark.models.evaluation.dataset_request import DatasetRequest

    request = TuningRequest(
        model=model,
        data=DatasetRequest(**data),
        steps=steps,
        techniques=techniques,
        check_share=check_share,
        seed=seed,
        write=write,
        picture=picture,
        table=table,
    )
    found = tune_model(request, progress)
    if as_json:
        print_json(
            {
                "model": printable(model),
                "annotations": printable(request.data.annotations),
                "engine": found.engine,
                "inference": found.inference,
                "search": found.report,
                "written": found.written,
                "skipped": found.faults,
            }
        )
    else:
        print_search(found.report, found.faults)
        say(_ending(model, found.report, write=write))


def _ending(model: Path, report: TuneReport, *, write: bool) -> str:
    if not report.significant:
        kept = f"; {model} keeps its parameters" if write else ""
        return f"no significant gain over the model's own parameters{kept}"
    return f"stored in {model}" if write else "store it with --write"
