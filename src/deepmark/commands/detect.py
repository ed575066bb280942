"""``deepmark detect``: objects and landmarks in pictures, videos and cameras."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from deepmark.commands.options import (
    PATH,
    fit_option,
    flip_option,
    output_options,
    refine_options,
    refiner_request,
    scales_options,
    threads_option,
    threshold_option,
)
from deepmark.console import print_json, progress, say
from deepmark.errors import UsageError
from deepmark.files import printable

if TYPE_CHECKING:
    from deepmark.runtime.detection_run import RunSummary
    from deepmark.runtime.detector import Detector
    from deepmark.runtime.media.records import FrameRecord

EPILOG = """\b
Examples:
  deepmark detect shirt.deepmark photo.jpg
  deepmark detect shirt.deepmark photos "more/**/*.jpg" -o found --threshold 0.4
  deepmark detect shirt.deepmark clip.mp4 -o found
  deepmark detect shirt.deepmark 0 --show
  deepmark detect shirt.deepmark photos --fit rect
  deepmark detect shirt.deepmark photos --flip --scales .85,.95,1,1.1
  deepmark detect shirt.deepmark photos --refine shirt-refiner.deepmark
  deepmark detect model.mnn photos --contact-sheet sheet.png --json > found.json
"""
SHEET_SUFFIXES = (".png", ".jpg", ".jpeg")


def _check_sheet(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
    """Refuse a contact sheet in a format that we do not write, before the work."""
    if path is not None and path.suffix.lower() not in SHEET_SUFFIXES:
        raise click.BadParameter(f"{path} must end in {', '.join(SHEET_SUFFIXES)}")
    return path


@click.command("detect", epilog=EPILOG)
@click.argument("model", type=PATH)
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option(
    "-o", "--output", metavar="DIR", type=PATH, default="detections", show_default=True, help="Result folder."
)
@threshold_option("Lowest final score to show.")
@click.option(
    "--contact-sheet",
    metavar="FILE",
    type=PATH,
    callback=_check_sheet,
    help="Draw all inputs on one picture too (100 at most).",
)
@click.option("--show", is_flag=True, help="Show results in a window (needs the package opencv-python).")
@threads_option
@click.option(
    "--backend",
    type=click.Choice(["auto", "mnn", "onnxruntime"]),
    help="Engine; auto: the faster one, measured on first use.  [default: by the model's files]",
)
@fit_option
@flip_option
@scales_options
@refine_options
@output_options
def command(
    *,
    model: Path,
    inputs: tuple[str, ...],
    output: Path,
    threshold: float,
    contact_sheet: Path | None,
    show: bool,
    threads: int | None,
    backend: Literal["auto", "mnn", "onnxruntime"] | None,
    fit: Literal["square", "rect"] | None,
    flip: bool,
    scales: tuple[float, ...] | None,
    scales_mode: Literal["fix", "keep"] | None,
    as_json: bool,
    **refining: Any,
) -> None:
    """Draw the objects, garments or others, and the landmarks that MODEL finds in every INPUT.

    MODEL is a bundle folder, a bundle zip (.deepmark.zip), or a bare .mnn or .onnx file. An INPUT is a picture, a
    folder of pictures, a quoted pattern, a video, or the number of a camera, which Ctrl-C ends.

    DIR gets an annotated file for every input, and detections.jsonl with a line for every frame: its time in seconds,
    its size as it is shown, and what was found. Filled dots are landmarks that the heatmap confirmed, rings are
    regressed only; objects without landmarks have their whole box drawn. Transparent pictures are laid on white. What
    is left out of a folder is said in one line; a file that is not read is named by its content, with the way out. With
    --refine landmarks are moved by a refiner (deepmark refiner); boxes and scores stay.

    Exit status: 0 all inputs were processed, 1 some were not (they are named).
    """
    from concurrent.futures import ThreadPoolExecutor

    from deepmark.runtime.bundle import open_bundle
    from deepmark.runtime.media.output_folder import RECORDS_NAME, OutputFolder
    from deepmark.runtime.media.sources import count_frames, find_sources
    from deepmark.runtime.media.window import Window
    from deepmark.runtime.multi_inference import MultiInference

    _refuse_bundle(model, output)
    inference = MultiInference.of_options(flip=flip, scales=scales, scales_mode=scales_mode, fit=fit)
    asked = refiner_request(**refining)
    sources = find_sources(inputs)
    if (output / RECORDS_NAME).exists():
        say(f"note: {output / RECORDS_NAME} of an earlier run is replaced; all else in {output} stays")
    with ExitStack() as opened:
        window = opened.enter_context(Window()) if show else None  # first: without a screen nothing is loaded
        with ThreadPoolExecutor(1) as background:
            opening = background.submit(open_bundle, model)
            # Imported while the model's files are hashed, which takes as long.
            from deepmark.runtime.detection_run import DetectionRun
            from deepmark.runtime.detector import Detector
            from deepmark.runtime.engines.loading import load_engine

            bundle = opening.result()
        inference = inference.for_model(bundle.manifest)
        engine = opened.enter_context(load_engine(bundle, threads, backend, pairs=flip))
        refiner = opened.enter_context(asked.opened(threads))
        if engine.record.choice:
            say(f"engine: {engine.record.backend}, the faster one here ({engine.record.choice})")
        tuning = bundle.manifest.tuning
        if tuning is not None:
            tuned = MultiInference(tuning.flip, tuning.scales, tuning.scales_mode)
            here = replace(inference, fit=None)  # a bundle does not say for which it was tuned
            if tuned != here:
                say(f"note: this model's parameters were tuned for {tuned.describe()}, this is {here.describe()}")
        detector = Detector(
            engine,
            params=replace(engine.manifest.decoder, score_threshold=threshold),
            flip=flip,
            scales=inference.scales,
            scales_mode=inference.scales_mode,
            fit=inference.fit,
            refiner=refiner,
        )
        with progress("detecting", count_frames(sources), "pictures") as advance:
            listener = _Listener(advance, as_json)
            run = DetectionRun(detector, OutputFolder(output), listener, window, tiles=contact_sheet is not None)
            summary = run.run(sources)
    for note in summary.notes:
        say(f"note: {note}")
    if as_json and summary.frames:
        print_json(_document(model, asked.bundles, output, detector, listener.records, summary))
    if contact_sheet:
        _write_sheet(summary, contact_sheet)
    if summary.frames:
        say(f"{summary.objects} objects in {summary.frames} pictures or frames; see {output}")
    summary.require_all(len(sources))


def _refuse_bundle(model: Path, output: Path) -> None:
    """Refuse to write into the bundle: it would not load again, as it holds exactly what its manifest lists."""
    if model.is_dir() and output.resolve().is_relative_to(model.resolve()):
        raise UsageError(f"the output folder {output} lies in the bundle", hint="choose another folder with --output")


class _Listener:
    """Says what was found in every picture, or keeps the records for the JSON document."""

    def __init__(self, advance: Callable[[], None], as_json: bool) -> None:
        self.records: list[FrameRecord] = []
        self._advance, self._as_json = advance, as_json

    def __call__(self, record: FrameRecord, still: bool) -> None:
        """Take the record of a frame; ``still``: of a picture, not of a video."""
        if self._as_json:
            self.records.append(record)
        elif still:
            found = ", ".join(f"{one.class_name} {one.score:.2f}" for one in record.detections)
            say(f"{record.source}: {found or 'nothing found'}")
        self._advance()


def _write_sheet(summary: RunSummary, path: Path) -> None:
    from deepmark.runtime.drawing.contact_sheet import contact_sheet
    from deepmark.runtime.media.output_folder import write_picture

    if summary.tiles:
        write_picture(path, contact_sheet(summary.tiles))
        say(f"contact sheet: {path}")


def _document(
    model: Path,
    refine: tuple[Path, ...],
    output: Path,
    detector: Detector,
    records: list[FrameRecord],
    summary: RunSummary,
) -> dict[str, object]:
    classes = [{"name": one.name, "keypoints": one.keypoint_names} for one in detector.schema.classes]
    return {
        "model": printable(model),
        "refiners": [printable(one) for one in refine],
        "engine": detector.record,
        "inference": detector.inference,
        "decoder": detector.params,
        "output": printable(output),
        "classes": classes,
        "frames": records,
        "failures": [{"source": source.name, "error": str(error)} for source, error in summary.failures],
        "notes": summary.notes,
        "totals": {"frames": summary.frames, "objects": summary.objects, "failures": len(summary.failures)},
    }
