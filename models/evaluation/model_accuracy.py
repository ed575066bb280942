"""How good a model is on a labelled data set, or how good the detections in files are."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from deepmark.console import Progress, no_progress
from deepmark.errors import UsageError
from deepmark.files import printable
from deepmark.models.evaluation.coco_file import save_results
from deepmark.models.evaluation.dataset_request import DatasetRequest, LabelledSet
from deepmark.models.evaluation.detection_files import MOST_FILES, load_detections
from deepmark.models.evaluation.metric import require_hotcoco
from deepmark.models.evaluation.prediction import detect_all, refining
from deepmark.models.evaluation.report import AccuracyReport, measure, steps
from deepmark.models.evaluation.report_page import REPORT_STEPS, write_report
from deepmark.models.evaluation.results import ClassResults
from deepmark.models.evaluation.store import HeadStore
from deepmark.models.evaluation.strategies import StrategyRow, measure_strategies, strategies_of
from deepmark.models.evaluation.strategy_times import time_strategies, timed_pictures
from deepmark.models.evaluation.table2 import ROWS, Table2Row, make_table2
from deepmark.models.evaluation.truth import KINDS, Kind, Truth
from deepmark.page import require_report
from deepmark.runtime.decoding.techniques import TECHNIQUES, with_techniques
from deepmark.runtime.multi_inference import MultiInference
from deepmark.runtime.refinement.refiner import Refiner, RefinerRequest

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyRequest:
    """What to measure, and which files to write.

    Attributes:
        model: bundle, bare model file, or checkpoint; None for ``detections``.
        detections: one file of detections in COCO's result format with landmarks, boxes or both, or two files with one
            each; empty for ``model``.
        data: the labelled data set, and how the model is run on it.
        visible_only: whether occluded landmarks are left out of the metric.
        subsets: whether to evaluate by scale, occlusion, zoom-in and viewpoint, too.
        techniques: numbers of the paper's techniques to decode with; None for the model's own.
        save: file for the detections in COCO's result format; None for none.
        table2: whether to decode with each technique by itself and with all, too.
        strategies: whether to show what each strategy of the paper adds, and the time that it takes.
        page: file for a page with tables, curves and pictures; None for none.
        refine: what to refine the landmarks with that the model finds.
    """

    model: Path | None
    detections: tuple[Path, ...]
    data: DatasetRequest
    visible_only: bool = False
    subsets: bool = False
    techniques: frozenset[int] | None = None
    save: Path | None = None
    table2: bool = False
    strategies: bool = False
    page: Path | None = None
    refine: RefinerRequest = field(default_factory=RefinerRequest)

    def check(self) -> None:
        """Refuse options that contradict each other, and what could not be done in the end.

        Raises:
            UsageError: names the options.
            DeepMarkError: a library is not installed.
        """
        if (self.model is None) != bool(self.detections):
            raise UsageError("give either MODEL or --detections", hint="deepmark eval --help")
        if len(self.detections) > MOST_FILES:
            raise UsageError(
                f"--detections takes one file, or one with landmarks and one with boxes; found {len(self.detections)}"
            )
        if self.model is None:
            given = {
                "techniques": self.techniques,
                "save": self.save,
                "table": self.table2 or None,
                "strategies": self.strategies or None,
                "refine": self.refine.bundles or None,
            }
            useless = [f"--{name}" for name, value in given.items() if value is not None] + self.data.model_options()
            if useless:
                raise UsageError(
                    f"{', '.join(useless)} has no meaning with --detections, where no model is run",
                    hint="leave that out, or give the MODEL in place of --detections",
                )
        else:
            self.data.check(self.model)
            if self.strategies and (
                self.techniques is not None or self.data.inference != MultiInference(fit=self.data.fit)
            ):
                raise UsageError(
                    "--strategies shows all techniques, the flip test and several scales, one after the other",
                    hint="leave --techniques, --flip and --scales out",
                )
            if self.refine.bundles and self.table2:
                raise UsageError("--table 2 compares what the decoder does, without a refiner", hint="leave one out")
        require_hotcoco()
        if self.page is not None:
            require_report()


@dataclass(frozen=True, slots=True, eq=False)
class AccuracyMeasurement:
    """What was measured.

    Attributes:
        evaluated: the model or the files of detections, for people.
        annotations: the labels that it was held against.
        run: ``engine``, ``inference`` and ``decoder`` that made the detections; empty for detections out of a file.
        report: mAP by class, and by subset.
        table2: mAP with each technique by itself and with all; empty where they were not asked for.
        strategies: what each strategy adds; empty where that was not asked for.
        faults: sentences about the pictures that were left out.
        doubts: sentences about what was read and is likely to mean something else.
    """

    evaluated: str
    annotations: Path
    run: dict[str, object]
    report: AccuracyReport
    table2: tuple[Table2Row, ...]
    strategies: tuple[StrategyRow, ...]
    faults: tuple[str, ...]
    doubts: tuple[str, ...]

    def document(self) -> dict[str, object]:
        """Return everything, for JSON."""
        return {
            "evaluated": self.evaluated,
            "annotations": str(self.annotations),
            "metric": self.report.standard.name,
            **self.run,
            "mAP_pt": self.report.map_pt.ap if self.report.map_pt else None,
            "mAP_box": self.report.map_box.ap if self.report.map_box else None,
            "accuracy": self.report,
            **({"table2": self.table2} if self.table2 else {}),
            **({"strategies": self.strategies} if self.strategies else {}),
            "skipped": self.faults,
            "doubts": self.doubts,
        }


def measure_accuracy(request: AccuracyRequest, progress: Progress = no_progress) -> AccuracyMeasurement:
    """Measure what was asked for, and write the files that were asked for.

    Args:
        request: what to measure.
        progress: function that shows the progress; nothing by default.

    Raises:
        DeepMarkError: options contradict each other, a library or file is missing, or the model cannot be run.
    """
    request.check()
    evaluated = ", ".join(printable(path) for path in request.detections or (request.model,) if path)
    labelled = request.data.read(progress, attributes=request.subsets)
    dataset, truth = labelled.dataset, labelled.truth
    found = (
        _read(request, labelled, progress)
        if request.model is None
        else _run(request, request.model, labelled, progress)
    )
    if request.page is not None and (len(found.kinds) < len(truth.kinds) or found.box_results is not None):
        raise UsageError("--report needs detections that have both landmarks and boxes, in one file")
    if request.save is not None:
        save_results(request.save, found.results, dataset.schema, dataset.standard)
    with progress("measuring", steps(truth), "classes") as advance:
        report = measure(
            truth,
            found.results,
            kinds=found.kinds,
            box_results=found.box_results,
            visible_only=request.visible_only,
            subsets=request.subsets,
            advance=advance,
        )
    if request.page is not None:
        what = {"evaluated": evaluated, "annotations": printable(request.data.annotations), **found.run}
        with progress("writing the report", REPORT_STEPS, "steps") as advance:
            write_report(
                request.page,
                report,
                truth,
                found.results,
                dataset,
                run=what,
                faults=labelled.faults,
                table2=found.table2,
                strategies=found.strategies,
                advance=advance,
            )
    return AccuracyMeasurement(
        evaluated,
        request.data.annotations,
        found.run,
        report,
        found.table2,
        found.strategies,
        labelled.faults,
        found.doubts,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """What is measured.

    Attributes:
        results: detections, one entry per class.
        kinds: kinds of what the detections have.
        box_results: detections whose boxes are measured, where they are others; None where they are not.
        run: what made them.
        table2: rows of table 2, where they were asked for.
        strategies: rows of the table of strategies, where they were asked for.
        doubts: sentences about what is likely to mean something else.
    """

    results: Sequence[ClassResults]
    kinds: Sequence[Kind]
    box_results: Sequence[ClassResults] | None = None
    run: dict[str, Any] = field(default_factory=dict)
    table2: tuple[Table2Row, ...] = ()
    strategies: tuple[StrategyRow, ...] = ()
    doubts: tuple[str, ...] = ()


def _read(request: AccuracyRequest, labelled: LabelledSet, progress: Progress) -> _Found:
    dataset, truth = labelled.dataset, labelled.truth
    skipped = frozenset(dataset.ids).difference(truth.image_ids)
    with progress("reading detections", None, "detections") as advance:
        found = load_detections(request.detections, truth, skipped=skipped, advance=advance)
    doubts = (*((dataset.note,) if dataset.note else ()), *found.doubts)
    for doubt in doubts:
        logger.warning("%s", doubt)
    if found.points is None or found.boxes is None:
        kind: Kind = "bbox" if found.points is None else "keypoints"
        results = found.boxes if found.points is None else found.points
        assert results is not None
        return _Found(results, (kind,), doubts=doubts)
    others = None if found.boxes is found.points else found.boxes
    return _Found(found.points, KINDS, others, doubts=doubts)


def _run(request: AccuracyRequest, model: Path, labelled: LabelledSet, progress: Progress) -> _Found:
    truth = labelled.truth
    techniques = {*(request.techniques or ()), *(TECHNIQUES if request.table2 else ())}
    with (
        request.refine.opened(request.data.threads) as refiner,  # a bad one shows before the network runs
        request.data.collect(model, labelled, progress, techniques=techniques) as store,
    ):
        if refiner is not None:
            refiner.require_schema(store.manifest.keypoints, f"the model {store.manifest.name}")
        refine = None if refiner is None else refining(refiner, labelled.dataset)
        params = store.manifest.decoder
        if request.techniques is not None:
            params = with_techniques(params, request.techniques)
        with progress("decoding", len(store), "pictures") as advance:
            results = detect_all(store, truth.schema, params, advance, refine)
        rows = _table2(store, truth, progress, visible_only=request.visible_only) if request.table2 else ()
        table = _strategies(request, model, labelled, store, refiner, progress) if request.strategies else ()
        run: dict[str, Any] = {"engine": store.record, "inference": store.inference, "decoder": params}
        if request.refine.bundles:
            run["refiners"] = [printable(one) for one in request.refine.bundles]
        return _Found(results, truth.kinds, run=run, table2=rows, strategies=table)


def _strategies(
    request: AccuracyRequest,
    model: Path,
    labelled: LabelledSet,
    store: HeadStore,
    refiner: Refiner | None,
    progress: Progress,
) -> tuple[StrategyRow, ...]:
    truth = labelled.truth.visible_only() if request.visible_only else labelled.truth
    rows = strategies_of(store.manifest, refined=refiner is not None, fit=store.inference.fit)
    timed = timed_pictures(truth.image_ids)
    with (
        request.data.model_request(model).open(store.record.threads, pairs=True) as engine,
        progress("timing strategies", len(timed) * len(rows), "pictures") as advance,
    ):
        times_ms = time_strategies(engine, labelled.dataset, timed, rows, refiner, advance)

    def open_store(looks: MultiInference) -> AbstractContextManager[HeadStore]:
        if looks == store.inference:
            return nullcontext(store)
        data = replace(request.data, flip=looks.flip, scales=looks.scales, scales_mode=looks.scales_mode)
        return data.collect(model, labelled, progress)

    refine = None if refiner is None else refining(refiner, labelled.dataset)
    return measure_strategies(open_store, truth, rows, times_ms, refine, progress)


def _table2(store: HeadStore, truth: Truth, progress: Progress, *, visible_only: bool) -> tuple[Table2Row, ...]:
    with progress("decoding for table 2", len(store) * len(ROWS), "pictures") as advance:
        return make_table2(store, truth, store.manifest.decoder, visible_only=visible_only, advance=advance)
