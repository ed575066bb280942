"""``deepmark eval``: DeepFashion2's figures for a model, or for detections made anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from deepmark.console import output_options, print_json, print_table, progress, say
from deepmark.errors import UsageError
from deepmark.extras import require

if TYPE_CHECKING:
    from deepmark.benchmarks.accuracy.metric import AveragePrecision
    from deepmark.benchmarks.accuracy.report import AccuracyReport, SubsetAccuracy
    from deepmark.benchmarks.accuracy.results import ClassResults
    from deepmark.models.deepfashion2 import Dataset, Labels
    from deepmark.runtime.engines import Engine

EPILOG = """\b
Examples:
  deepmark eval shirt.deepmark --images validation --annotations validation
  deepmark eval shirt.deepmark --images drawings --annotations drawings --subsets --save found.json
  deepmark eval shirt.deepmark --images val.zip --annotations val.zip --password-file password.txt
  deepmark eval shirt.deepmark --images drawings --annotations drawings --techniques 1,3 --json
  deepmark eval model_best.pth --size 256 --images drawings --annotations drawings
  deepmark eval --detections found.json --annotations drawings --visible-only
"""
PATH = click.Path(path_type=Path)
CHECKPOINT_SUFFIXES = (".pth", ".pt", ".ckpt", ".tar", ".bin", ".safetensors")
DEFAULT_SIZE = "256"


class _Techniques(click.ParamType[frozenset[int]]):
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


@click.command(name="eval", epilog=EPILOG)
@click.argument("model", type=PATH, required=False)
@click.option("--images", metavar="DIR", type=PATH, help="Data set with image/ in it, or that folder, or the zip.")
@click.option(
    "--annotations", metavar="DIR", type=PATH, required=True, help="Data set with annos/ in it, or that, or the zip."
)
@click.option("--detections", metavar="FILE", type=PATH, help="Detections in COCO's result format, instead of MODEL.")
@click.option("--password-file", metavar="FILE", type=PATH, help="Its first line opens the official zip.")
@click.option("--skip-bad", is_flag=True, help="Leave pictures out that something is wrong with, and count them.")
@click.option("--visible-only", is_flag=True, help="Leave occluded landmarks out of the metric.")
@click.option("--subsets", is_flag=True, help="Evaluate by scale, occlusion, zoom-in and viewpoint too.")
@click.option(
    "--techniques",
    metavar="all|none|1,2,3,4",
    type=_Techniques(),
    help="The paper's techniques to decode with.  [default: as in the model]",
)
@click.option("--save", metavar="FILE", type=PATH, help="Write the detections in COCO's result format.")
@click.option("--threads", type=click.IntRange(1), help="Inference threads.  [default: usable cores, at most 4]")
@click.option("--backend", type=click.Choice(["mnn", "onnxruntime"]), help="Engine.  [default: by the model's files]")
@click.option("--size", metavar="N|HxW", help="Input size of a checkpoint, pixels, multiples of 32.  [default: 256]")
@click.option("--schema", metavar="CSV", type=PATH, help="Keypoint table of a checkpoint.  [default: by its groups]")
@output_options
def eval_(
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
    threads: int | None,
    backend: Literal["mnn", "onnxruntime"] | None,
    size: str | None,
    schema: Path | None,
    as_json: bool,
) -> None:
    """Measure MODEL on a data set in DeepFashion2's format: mAP of landmarks and of boxes, by class.

    MODEL is a bundle folder, a bundle zip (.deepmark.zip), a bare .mnn or .onnx file, or a checkpoint, which is run
    by torch. With --detections no model is run: the file holds what some model found.

    mAP is the mean over the classes that occur in the data set. A subset ignores the garments outside it: what finds
    them is neither right nor wrong.
    """
    given: dict[str, object] = {"techniques": techniques, "save": save, "threads": threads, "backend": backend}
    _check_request(model, detections, images, {**given, "size": size, "schema": schema})
    from deepmark.benchmarks.accuracy.metric import require_hotcoco
    from deepmark.benchmarks.accuracy.report import measure, steps
    from deepmark.benchmarks.accuracy.results import load_results, save_results
    from deepmark.benchmarks.accuracy.truth import collect_truth
    from deepmark.models.deepfashion2 import open_dataset
    from deepmark.models.deepfashion2.storage import read_password

    require_hotcoco()
    password = read_password(password_file) if password_file else None
    dataset = open_dataset(annotations, images, password=password)
    with progress("reading annotations", len(dataset.ids)) as advance:
        labels = dataset.read_all(skip_bad=skip_bad, advance=advance)
    truth = collect_truth(labels.annotations, dataset.schema)
    run: dict[str, object]
    if detections is not None:
        skipped = frozenset(dataset.ids).difference(truth.image_ids)
        results, run = load_results(detections, truth.image_ids, dataset.schema, skipped=skipped), {}
    else:
        assert model is not None
        with _open_engine(model, threads, backend, size=size, schema=schema) as engine:
            results, run = _run_model(engine, dataset, truth.image_ids, techniques)
    if save is not None:
        save_results(save, results, dataset.schema)
    with progress("measuring", steps(subsets=subsets)) as advance:
        report = measure(truth, results, visible_only=visible_only, subsets=subsets, advance=advance)
    if as_json:
        print_json(_document(model or detections, annotations, run, labels, report))
    else:
        _print_report(report, labels)


def _is_checkpoint(model: Path) -> bool:
    return model.suffix.lower() in CHECKPOINT_SUFFIXES and not model.is_dir()


def _check_request(
    model: Path | None, detections: Path | None, images: Path | None, given: Mapping[str, object]
) -> None:
    """Refuse options that contradict each other, before the work."""
    if (model is None) == (detections is None):
        raise UsageError("give either MODEL or --detections", hint="deepmark eval --help")
    if model is None:
        useless, why = list(given), "--detections, where no model is run"
    elif images is None:
        raise UsageError("MODEL needs the pictures", hint="give --images DIR")
    elif _is_checkpoint(model):
        useless, why = ["backend"], "a checkpoint, which torch runs"
    else:
        useless, why = ["size", "schema"], "an exported model, which brings its own"
    named = [f"--{name}" for name in useless if given[name] is not None]
    if named:
        raise UsageError(f"{', '.join(named)} has no meaning with {why}")


def _open_engine(
    model: Path,
    threads: int | None,
    backend: Literal["mnn", "onnxruntime"] | None,
    *,
    size: str | None,
    schema: Path | None,
) -> Engine:
    from deepmark.models.schema import KeypointSchema
    from deepmark.models.size import parse_size
    from deepmark.runtime.engines import load_engine

    if not _is_checkpoint(model):
        return load_engine(model, threads, backend)
    require("running a checkpoint", "torch", "onnx", "onnxruntime", extra="export")
    from deepmark.benchmarks.accuracy.torch_engine import load_checkpoint_engine

    table = KeypointSchema.from_csv(schema) if schema else None
    return load_checkpoint_engine(model, parse_size(size or DEFAULT_SIZE), schema=table, threads=threads)


def _run_model(
    engine: Engine, dataset: Dataset, image_ids: Sequence[int], techniques: frozenset[int] | None
) -> tuple[tuple[ClassResults, ...], dict[str, object]]:
    """Return the detections, and what made them."""
    from deepmark.benchmarks.accuracy.prediction import find_all, with_techniques
    from deepmark.runtime.detector import Detector

    params = engine.manifest.decoder
    if techniques is not None:
        params = with_techniques(params, techniques)
    detector = Detector(engine, params=params)
    with progress("detecting", len(image_ids)) as advance:
        results = find_all(detector, dataset, image_ids, advance)
    return results, {"engine": detector.record, "decoder": detector.params}


def _document(
    evaluated: Path | None, annotations: Path, run: dict[str, object], labels: Labels, report: AccuracyReport
) -> dict[str, object]:
    return {
        "evaluated": str(evaluated),
        "annotations": str(annotations),
        **run,
        "mAP_pt": report.map_pt.ap if report.map_pt else None,
        "mAP_box": report.map_box.ap if report.map_box else None,
        "accuracy": report,
        "skipped": labels.faults,
    }


def _print_report(report: AccuracyReport, labels: Labels) -> None:
    columns = ("class", "items", "AP_pt", "AP50_pt", "AP75_pt", "AP_box", "AP50_box", "AP75_box")
    rows = [(one.name, f"{one.items:,}", *_cells(one.points), *_cells(one.boxes)) for one in report.classes]
    rows.append(("mean (mAP)", f"{report.items:,}", *_cells(report.map_pt), *_cells(report.map_box)))
    title = "visible landmarks only" if report.visible_only else None
    print_table(columns, rows, title=title)
    if report.overall is not None:
        print_table(
            ("subset", "", "items", "mAP_pt", "mAP_pt visible only", "mAP_box"),
            [
                (one.attribute, one.value, f"{one.items:,}", *(_cells(p)[0] for p in _precisions(one)))
                for one in (*report.subsets, report.overall)
            ],
        )
    for fault in labels.faults:
        say(f"left out: {fault}")
    left_out = f"; {len(labels.faults):,} left out" if labels.faults else ""
    say(
        f"mAP_pt {_cells(report.map_pt)[0]}, mAP_box {_cells(report.map_box)[0]} on {report.pictures:,} pictures"
        f" with {report.items:,} garments, {report.detections:,} detections{left_out}"
    )


def _precisions(one: SubsetAccuracy) -> tuple[AveragePrecision | None, ...]:
    return one.points, one.points_visible, one.boxes


def _cells(precision: AveragePrecision | None) -> tuple[str, str, str]:
    if precision is None:
        return ("-", "-", "-")
    return (f"{precision.ap:.4f}", f"{precision.ap50:.4f}", f"{precision.ap75:.4f}")
