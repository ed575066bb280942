"""The decoder's parameters for one model on one labelled data set: searched, checked, drawn and stored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deepmark.console import Progress, no_progress
from deepmark.errors import UsageError
from deepmark.exporter.tuning.bundle_parameters import require_retunable, store_parameters
from deepmark.exporter.tuning.items import split_pictures
from deepmark.exporter.tuning.parameter_search import TuneReport, parameters_of, tune
from deepmark.exporter.tuning.sigma_map import check_picture, draw_map, write_csv
from deepmark.files import printable
from deepmark.models.evaluation.dataset_request import DatasetRequest
from deepmark.models.evaluation.metric import require_hotcoco
from deepmark.runtime.engines.engine import EngineRecord
from deepmark.runtime.multi_inference import MultiInference


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningRequest:
    """What to search, and what to write.

    Attributes:
        model: bundle, bare model file, or checkpoint.
        data: the labelled data set, and how the model is run on it.
        steps: number of steps of the grid from 0 to 1.
        techniques: numbers of the paper's techniques to use, the others are off; None searches 1, 2 and 3 and leaves 4
            as in the model.
        check_share: share of the pictures, in (0, 1), that the search does not see and the gain is measured on.
        seed: seed of the choice of these pictures.
        write: whether to store a significant gain in the bundle.
        picture: file for a picture of mAP_pt over both sigmas; None for none.
        table: CSV file for the same as a table; None for none.
    """

    model: Path
    data: DatasetRequest
    steps: int
    techniques: frozenset[int] | None = None
    check_share: float = 0.5
    seed: int = 0
    write: bool = False
    picture: Path | None = None
    table: Path | None = None

    def check(self) -> None:
        """Refuse what could not be done in the end, before the work.

        Raises:
            UsageError: options contradict each other.
            DeepMarkError: a library is not installed, or the model cannot be written to.
        """
        self.data.check(self.model)
        require_hotcoco()
        has_sigmas = "sigma_center" in parameters_of(self.techniques)
        if not has_sigmas and (self.picture is not None or self.table is not None):
            raise UsageError(
                "--map and --csv show technique 2, which is switched off", hint="--techniques with 2 in it"
            )
        if self.picture is not None:
            check_picture(self.picture)
        if self.write:
            require_retunable(self.model)


@dataclass(frozen=True, slots=True)
class ModelTuning:
    """What a search came to.

    Attributes:
        report: parameters that were found, and what they gained.
        engine: what ran the model.
        inference: looks at each picture that the parameters were searched for.
        written: whether the parameters were stored in the bundle.
        faults: sentences about the pictures that were left out.
    """

    report: TuneReport
    engine: EngineRecord
    inference: MultiInference
    written: bool
    faults: tuple[str, ...]


def tune_model(request: TuningRequest, progress: Progress = no_progress) -> ModelTuning:
    """Find the parameters, and write what was asked for.

    Args:
        request: what to search.
        progress: what shows how far it is; by default nothing does.

    Raises:
        DeepMarkError: options contradict each other, a library or file is missing, or the model cannot be run.
    """
    request.check()
    labelled = request.data.read(progress)
    if labelled.truth.schema.boxes_only and (request.picture is not None or request.table is not None):
        raise UsageError(
            f"--map and --csv show both sigmas, and {printable(request.data.annotations)} labels boxes only",
            hint="boxes have one, sigma_center; leave --map and --csv out",
        )
    split_pictures(labelled.truth, request.check_share, request.seed)  # refuses before the network runs
    with request.data.collect(request.model, labelled, progress, techniques=request.techniques or ()) as store:
        report = tune(
            store,
            labelled.truth,
            steps=request.steps,
            check_share=request.check_share,
            seed=request.seed,
            techniques=request.techniques,
            workers=request.data.workers,
            with_map=request.picture is not None or request.table is not None,
            progress=progress,
        )
        _write_map(request, report, store.manifest.name)
        written = request.write and report.significant
        if written:
            store_parameters(request.model, report, store.record, store.inference)
    return ModelTuning(report, store.record, store.inference, written, labelled.faults)


def _write_map(request: TuningRequest, report: TuneReport, name: str) -> None:
    if report.sigma_map is None:
        return
    if request.picture is not None:
        draw_map(request.picture, report.sigma_map, title=f"{name}, {report.searched.pictures:,} pictures")
    if request.table is not None:
        write_csv(request.table, report.sigma_map)
