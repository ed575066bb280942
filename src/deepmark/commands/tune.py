"""``deepmark tune``: the techniques' parameters for one model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepmark.commands.eval import TechniquesType
from deepmark.commands.heads_options import PATH, HeadsOptions, heads_options
from deepmark.commands.options import output_options
from deepmark.console import print_json, progress, say
from deepmark.errors import UsageError
from deepmark.files import printable

if TYPE_CHECKING:
    from deepmark.exporter.tuning.parameter_search import TuneReport

EPILOG = """\b
Examples:
  deepmark tune shirt.deepmark --images validation --annotations validation
  deepmark tune shirt.deepmark --images drawings --annotations drawings --write
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
@click.argument("model", type=PATH)
@click.option(
    "--images", metavar="DIR", type=PATH, required=True, help="Data set with image/ in it, or that folder, or the zip."
)
@click.option(
    "--annotations",
    metavar="DIR",
    type=PATH,
    required=True,
    help="Data set with annos/ in it, or that, or the zip; or the official converter's COCO file (.json).",
)
@click.option("--password-file", metavar="FILE", type=PATH, help="Its first line opens the official zip.")
@click.option("--skip-bad", is_flag=True, help="Leave pictures out that something is wrong with, and count them.")
@click.option("--step", "steps", type=_Step(), default=".05", show_default=True, help="Of the grid from 0 to 1.")
@click.option(
    "--techniques",
    metavar="all|1,2,3,4",
    type=TechniquesType(),
    help="Use these, switch the others off.  [default: search 1, 2 and 3, leave 4 as in the model]",
)
@click.option(
    "--check-share",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.5,
    show_default=True,
    help="Share of the pictures that the search does not see and the gain is measured on.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of that choice.")
@click.option("--write", is_flag=True, help="Store what was found in the bundle MODEL, if the gain is significant.")
@click.option("--map", "picture", metavar="FILE", type=PATH, help="Draw mAP_pt over both sigmas (.png or .svg).")
@click.option("--csv", "table", metavar="FILE", type=PATH, help="Write the same as a table.")
@heads_options
@output_options
def command(
    *,
    model: Path,
    images: Path,
    annotations: Path,
    password_file: Path | None,
    skip_bad: bool,
    write: bool,
    picture: Path | None,
    table: Path | None,
    as_json: bool,
    steps: int,
    techniques: frozenset[int] | None,
    check_share: float,
    seed: int,
    **heads: Any,
) -> None:
    """Find alpha, sigma_center, sigma_keypoint and gamma for MODEL: one after the other, as in the paper.

    Each is tried at every step from 0 to 1 while the others stay, and the best value for mAP_pt is kept; of equals,
    the one nearer to "off". The search begins at the model's parameters and sees a part of the pictures. What it
    gained is measured on the others, with a 95 % interval; --write stores only a gain whose interval lies above 0.
    """
    options = HeadsOptions(**heads)
    options.check(model)
    _check_request(model, techniques, picture, table, write=write)
    from deepmark.exporter.tuning.bundle_parameters import store_parameters
    from deepmark.exporter.tuning.items import split_pictures
    from deepmark.exporter.tuning.parameter_search import tune as run
    from deepmark.exporter.tuning.tables import print_search
    from deepmark.models.datasets.deepfashion2 import open_dataset
    from deepmark.models.datasets.deepfashion2.storage import read_password
    from deepmark.models.evaluation.truth import collect_truth

    password = read_password(password_file) if password_file else None
    dataset = open_dataset(annotations, images, password=password)
    with progress("reading annotations", len(dataset.ids), "annotations") as advance:
        labels = dataset.read_all(skip_bad=skip_bad, advance=advance)
    truth = collect_truth(labels.annotations, dataset.schema)
    split_pictures(truth, check_share, seed)  # refuses before the network runs
    with options.collect(model, dataset, images, truth.image_ids, password=password) as store:
        report = run(
            store,
            truth,
            steps=steps,
            check_share=check_share,
            seed=seed,
            techniques=techniques,
            workers=options.workers,
            with_map=picture is not None or table is not None,
            progress=progress,
        )
        _write_map(report, store.manifest.name, picture, table)
        if write and report.significant:
            store_parameters(model, report, store.record)
    if as_json:
        print_json(
            {
                "model": printable(model),
                "annotations": printable(annotations),
                "engine": store.record,
                "search": report,
                "written": write and report.significant,
                "skipped": labels.faults,
            }
        )
    else:
        print_search(report, labels.faults)
        say(_ending(model, report, write=write))


def _check_request(
    model: Path, techniques: frozenset[int] | None, picture: Path | None, table: Path | None, *, write: bool
) -> None:
    """Refuse what could not be done in the end, before the work."""
    from deepmark.exporter.tuning.bundle_parameters import require_retunable
    from deepmark.exporter.tuning.parameter_search import parameters_of
    from deepmark.exporter.tuning.sigma_map import check_picture
    from deepmark.models.evaluation.metric import require_hotcoco

    require_hotcoco()
    has_sigmas = "sigma_center" in parameters_of(techniques)
    if not has_sigmas and (picture is not None or table is not None):
        raise UsageError("--map and --csv show technique 2, which is switched off", hint="--techniques with 2 in it")
    if picture is not None:
        check_picture(picture)
    if write:
        require_retunable(model)


def _write_map(report: TuneReport, name: str, picture: Path | None, table: Path | None) -> None:
    from deepmark.exporter.tuning.sigma_map import draw_map, write_csv

    if report.sigma_map is None:
        return
    if picture is not None:
        draw_map(picture, report.sigma_map, title=f"{name}, {report.searched.pictures:,} pictures")
    if table is not None:
        write_csv(table, report.sigma_map)


def _ending(model: Path, report: TuneReport, *, write: bool) -> str:
    if not report.significant:
        kept = f"; {model} keeps its parameters" if write else ""
        return f"no significant gain over the model's own parameters{kept}"
    return f"stored in {model}" if write else "store it with --write"
