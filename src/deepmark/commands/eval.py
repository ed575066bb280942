"""``deepmark eval``: DeepFashion2's figures for a model, or for detections made anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepmark.commands.heads_options import PATH, HeadsOptions, heads_options
from deepmark.commands.options import output_options
from deepmark.console import print_json, progress
from deepmark.errors import DataError, UsageError
from deepmark.files import printable

if TYPE_CHECKING:
    from deepmark.models.datasets.deepfashion2 import Labels
    from deepmark.models.evaluation.report import AccuracyReport
    from deepmark.models.evaluation.results import ClassResults
    from deepmark.models.evaluation.store import HeadStore
    from deepmark.models.evaluation.table2 import Table2Row
    from deepmark.models.evaluation.truth import Truth

EPILOG = """\b
Examples:
  deepmark eval shirt.deepmark --images validation --annotations validation
  deepmark eval shirt.deepmark --images drawings --annotations drawings --subsets --save found.json
  deepmark eval shirt.deepmark --images val.zip --annotations val.zip --password-file password.txt
  deepmark eval shirt.deepmark --images drawings --annotations drawings --techniques 1,3 --json
  deepmark eval shirt.deepmark --images drawings --annotations drawings --workers 8 --table 2
  deepmark eval shirt.deepmark --images drawings --annotations drawings --dask tcp://127.0.0.1:8786
  deepmark eval model_best.pth --size 256 --images drawings --annotations drawings
  deepmark eval shirt.deepmark --images drawings --annotations drawings --report accuracy.html
  deepmark eval --detections found.json --annotations val-coco_style.json --visible-only
"""


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


@click.command("eval", epilog=EPILOG)
@click.argument("model", type=PATH, required=False)
@click.option("--images", metavar="DIR", type=PATH, help="Data set with image/ in it, or that folder, or the zip.")
@click.option(
    "--annotations",
    metavar="DIR",
    type=PATH,
    required=True,
    help="Data set with annos/ in it, or that, or the zip; or the official converter's COCO file (.json).",
)
@click.option("--detections", metavar="FILE", type=PATH, help="Detections in COCO's result format, instead of MODEL.")
@click.option("--password-file", metavar="FILE", type=PATH, help="Its first line opens the official zip.")
@click.option("--skip-bad", is_flag=True, help="Leave pictures out that something is wrong with, and count them.")
@click.option("--visible-only", is_flag=True, help="Leave occluded landmarks out of the metric.")
@click.option("--subsets", is_flag=True, help="Evaluate by scale, occlusion, zoom-in and viewpoint too.")
@click.option(
    "--techniques",
    metavar="all|none|1,2,3,4",
    type=TechniquesType(),
    help="The paper's techniques to decode with.  [default: as in the model]",
)
@click.option("--save", metavar="FILE", type=PATH, help="Write the detections in COCO's result format.")
@click.option(
    "--table", type=click.Choice(["2"]), help="Make this table of the paper too; 2: each technique by itself, and all."
)
@click.option("--report", "page", metavar="FILE.html", type=PATH, help="Write a page with tables, curves and pictures.")
@heads_options
@output_options
def command(
    *,
    model: Path | None,
    images: Path | None,
    annotations: Path,
    detections: Path | None,
    password_file: Path | None,
    skip_bad: bool,
    visible_only: bool,
    subsets: bool,
    techniques: frozenset[int] | None,
    save: Path | None,
    table: str | None,
    page: Path | None,
    as_json: bool,
    **heads: Any,
) -> None:
    """Measure MODEL on a data set in DeepFashion2's format: mAP of landmarks and of boxes, by class.

    MODEL is a bundle folder, a bundle zip (.deepmark.zip), a bare .mnn or .onnx file, or a checkpoint, which is run
    by torch. With --detections no model is run: the file holds what some model found.

    mAP is the mean over the classes that occur in the data set. A subset ignores the garments outside it: what finds
    them is neither right nor wrong.

    What the network says of each picture is kept in a cache, without loss: after an interruption the same command goes
    on where it was, and another one on the same pictures, with other techniques for example, does not run the network.
    """
    options = HeadsOptions(**heads)
    _check_request(model, detections, images, options, {"techniques": techniques, "save": save, "table": table})
    from deepmark.models.datasets.deepfashion2 import open_dataset
    from deepmark.models.datasets.deepfashion2.storage import read_password
    from deepmark.models.evaluation.coco_file import load_results, save_results
    from deepmark.models.evaluation.metric import require_hotcoco
    from deepmark.models.evaluation.report import measure, steps
    from deepmark.models.evaluation.report_page import REPORT_STEPS, write_report
    from deepmark.models.evaluation.report_tables import print_report, print_table2
    from deepmark.models.evaluation.truth import collect_truth
    from deepmark.page import require_report

    require_hotcoco()
    if page is not None:
        require_report()
    password = read_password(password_file) if password_file else None
    dataset = open_dataset(annotations, images, password=password)
    if subsets and not dataset.has_attributes:
        raise DataError(f"{annotations} does not say scale, occlusion, zoom-in and viewpoint", hint="no --subsets")
    with progress("reading annotations", len(dataset.ids), "annotations") as advance:
        labels = dataset.read_all(skip_bad=skip_bad, advance=advance)
    truth = collect_truth(labels.annotations, dataset.schema)
    rows: tuple[Table2Row, ...] = ()
    run: dict[str, object] = {}
    if model is None:
        assert detections is not None
        skipped = frozenset(dataset.ids).difference(truth.image_ids)
        results = load_results(detections, truth.image_ids, dataset.schema, skipped=skipped)
    else:
        assert images is not None
        with options.collect(model, dataset, images, truth.image_ids, password=password) as store:
            results, run = _decode(store, truth, techniques)
            if table is not None:
                rows = _make_table2(store, truth, visible_only=visible_only)
    if save is not None:
        save_results(save, results, dataset.schema)
    with progress("measuring", steps(truth), "classes") as advance:
        report = measure(truth, results, visible_only=visible_only, subsets=subsets, advance=advance)
    if page is not None:
        evaluated = model or detections
        assert evaluated is not None
        what = {"evaluated": printable(evaluated), "annotations": printable(annotations), **run}
        with progress("writing the report", REPORT_STEPS, "steps") as advance:
            write_report(
                page, report, truth, results, dataset, run=what, faults=labels.faults, table2=rows, advance=advance
            )
    if as_json:
        print_json(_document(model or detections, annotations, run, labels, report, rows))
    else:
        print_report(report, labels.faults)
        if rows:
            print_table2(rows)


def _check_request(
    model: Path | None, detections: Path | None, images: Path | None, options: HeadsOptions, given: dict[str, object]
) -> None:
    """Refuse options that contradict each other, before the work."""
    if (model is None) == (detections is None):
        raise UsageError("give either MODEL or --detections", hint="deepmark eval --help")
    if model is None:
        useless = [f"--{name}" for name, value in given.items() if value is not None] + options.given()
        if useless:
            raise UsageError(f"{', '.join(useless)} has no meaning with --detections, where no model is run")
        return
    if images is None:
        raise UsageError("MODEL needs the pictures", hint="give --images DIR")
    options.check(model)


def _decode(
    store: HeadStore, truth: Truth, techniques: frozenset[int] | None
) -> tuple[tuple[ClassResults, ...], dict[str, object]]:
    """Return the detections, and what made them."""
    from deepmark.models.evaluation.prediction import detect_all, with_techniques

    params = store.manifest.decoder
    if techniques is not None:
        params = with_techniques(params, techniques)
    with progress("decoding", len(store), "pictures") as advance:
        results = detect_all(store, truth.schema, params, advance)
    return results, {"engine": store.record, "decoder": params}


def _make_table2(store: HeadStore, truth: Truth, *, visible_only: bool) -> tuple[Table2Row, ...]:
    from deepmark.models.evaluation.table2 import ROWS, make_table2

    with progress("decoding for table 2", len(store) * len(ROWS), "pictures") as advance:
        return make_table2(store, truth, store.manifest.decoder, visible_only=visible_only, advance=advance)


def _document(
    evaluated: Path | None,
    annotations: Path,
    run: dict[str, object],
    labels: Labels,
    report: AccuracyReport,
    rows: Sequence[Table2Row],
) -> dict[str, object]:
    return {
        "evaluated": str(evaluated),
        "annotations": str(annotations),
        **run,
        "mAP_pt": report.map_pt.ap if report.map_pt else None,
        "mAP_box": report.map_box.ap if report.map_box else None,
        "accuracy": report,
        **({"table2": rows} if rows else {}),
        "skipped": labels.faults,
    }
