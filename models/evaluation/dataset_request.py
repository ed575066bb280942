"""Which labelled data set, and how a model is run on its pictures: what measuring and tuning a model are asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deepmark.console import Progress, no_progress
from deepmark.errors import DataError, UsageError
from deepmark.files import printable
from deepmark.models.datasets.coco import open_labels
from deepmark.models.datasets.deepfashion2 import Dataset
from deepmark.models.datasets.deepfashion2.storage import read_password
from deepmark.models.evaluation.heads_job import DEFAULT_SIZE, ModelRequest, PictureFiles, is_checkpoint
from deepmark.models.evaluation.landmark_layout import require_same_classes
from deepmark.models.evaluation.store import HeadStore, Spread, collect_heads
from deepmark.models.evaluation.truth import Truth, collect_truth
from deepmark.models.size import parse_size
from deepmark.runtime.bundle import Backend
from deepmark.runtime.decoding.techniques import require_use
from deepmark.runtime.input_fit import Fit
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.manifest import Manifest
from deepmark.runtime.multi_inference import MultiInference, ScalesMode

if TYPE_CHECKING:
    from deepmark.models.recognition.deformed import MaskFactor

_OF_CHECKPOINT = ("size", "schema", "dcn_mask")
_OF_MODEL = ("threads", "backend", *_OF_CHECKPOINT, "workers", "dask", "cache", "fit", "flip", "scales", "scales_mode")


def _option(name: str) -> str:
    """Return the name of an attribute as an option."""
    return f"--{name.replace('_', '-')}"


@dataclass(frozen=True, slots=True, eq=False)
class LabelledSet:
    """A data set that was opened and whose labels were read.

    Attributes:
        dataset: the pictures and where they lie.
        truth: everything that is to be found in them.
        faults: sentences about the pictures that were left out.
        password: password of the official zip; None for none.
    """

    dataset: Dataset
    truth: Truth
    faults: tuple[str, ...]
    password: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRequest:
    """A labelled data set, and how a model is run on its pictures; named as the options of the command line.

    Attributes:
        annotations: data set with ``annos/`` in it, that folder, the official zip, or a COCO file: see `open_labels`.
        images: data set with ``image/`` in it, that folder, or the official zip; None where no model is run.
        password_file: file whose first line opens the official zip; None for none.
        skip_bad: whether pictures that something is wrong with are left out, instead of refusing the data set.
        threads: inference threads in this process; None for all cores, at most 4.
        backend: engine of an exported model; None for the one that its files are for.
        size: input of a checkpoint in pixels, ``"N"`` or ``"HxW"``; None for `DEFAULT_SIZE`.
        schema: CSV file with a checkpoint's keypoint schema; None for the built-in one.
        dcn_mask: factor of the mask of a checkpoint of variant H (`load_checkpoint`); None for every other.
        workers: number of processes, with one thread each; None for this process alone.
        dask: address of the scheduler of a Dask cluster; None for this machine.
        cache: folder that keeps the network's outputs; ``none`` for none; None for the user's cache.
        flip: whether the model looks at each picture's mirror image too.
        scales: factors of the picture's size that the model looks at; None for its own size alone.
        scales_mode: way to the network's input at a scale, see `MultiInference`; None for ``"fix"``.
        fit: whether the network's input has each picture's shape, see `Fit`; None for what the model says.
    """

    annotations: Path
    images: Path | None = None
    password_file: Path | None = None
    skip_bad: bool = False
    threads: int | None = None
    backend: Backend | None = None
    size: str | None = None
    schema: Path | None = None
    dcn_mask: MaskFactor | None = None
    workers: int | None = None
    dask: str | None = None
    cache: Path | None = None
    flip: bool = False
    scales: tuple[float, ...] | None = None
    scales_mode: ScalesMode | None = None
    fit: Fit | None = None

    @property
    def inference(self) -> MultiInference:
        """The looks at each picture.

        Raises:
            UsageError: there are no such scales.
        """
        return MultiInference.of_options(flip=self.flip, scales=self.scales, scales_mode=self.scales_mode, fit=self.fit)

    def model_options(self) -> list[str]:
        """Return the options that were given and say how a model is run, as on the command line."""
        return [_option(name) for name in _OF_MODEL if getattr(self, name) not in {None, False}]

    def check(self, model: Path) -> None:
        """Refuse options that contradict each other, or mean nothing for this model.

        Raises:
            UsageError: names them.
        """
        if self.images is None:
            raise UsageError("MODEL needs the pictures", hint="give --images DIR")
        if is_checkpoint(model):
            useless, why = {"--backend"}, "a checkpoint, which torch runs"
        else:
            useless, why = set(map(_option, _OF_CHECKPOINT)), "an exported model, which brings its own"
        if named := [name for name in self.model_options() if name in useless]:
            raise UsageError(f"{', '.join(named)} has no meaning with {why}", hint="leave that out")
        computers = [name for name in self.model_options() if name in {"--threads", "--workers", "--dask"}]
        if len(computers) > 1:
            raise UsageError(f"give only one of {', '.join(computers)}", hint="workers have one thread each")

    def read(self, progress: Progress = no_progress, *, attributes: bool = False) -> LabelledSet:
        """Open the data set and read its labels.

        Args:
            progress: function that shows the progress; nothing by default.
            attributes: whether items must say scale, occlusion, zoom-in and viewpoint.

        Raises:
            DataError: a file is missing; or something is wrong with a picture or its labels, and it is not to be left
                out.
        """
        password = read_password(self.password_file) if self.password_file else None
        dataset = open_labels(self.annotations, self.images, password=password)
        if attributes and not dataset.has_attributes:
            raise DataError(
                f"{self.annotations} does not say scale, occlusion, zoom-in and viewpoint", hint="no --subsets"
            )
        with progress("reading annotations", len(dataset.ids), "annotations") as advance:
            labels = dataset.read_all(skip_bad=self.skip_bad, advance=advance)
        truth = collect_truth(labels.annotations, dataset.schema, dataset.standard)
        return LabelledSet(dataset, truth, labels.faults, password)

    def model_request(self, model: Path) -> ModelRequest:
        """Say which model is to be loaded, and how.

        Raises:
            DataError: the schema cannot be read.
            UsageError: there is no such size.
        """
        size = parse_size(self.size) if self.size else DEFAULT_SIZE
        schema = KeypointSchema.from_csv(self.schema) if self.schema else None
        return ModelRequest(model.resolve(), self.backend, size, schema, self.dcn_mask)

    @contextmanager
    def collect(
        self,
        model: Path,
        labelled: LabelledSet,
        progress: Progress = no_progress,
        *,
        techniques: Collection[int] = (),
    ) -> Iterator[HeadStore]:
        """Compute the heads of the pictures that the cache does not hold, and give access to all.

        Args:
            model: path as the user named it.
            labelled: the data set, opened and read.
            progress: function that shows the progress; nothing by default.
            techniques: numbers of the paper's techniques that will be asked for.

        Raises:
            DeepMarkError: see `collect_heads`; or the model finds other classes than the data set has, or has no use
                for a technique.
        """

        def check(manifest: Manifest) -> None:
            require_same_classes(manifest.keypoints, dataset.schema)
            require_use(techniques, manifest.heads.heads, model=printable(model))

        assert self.images is not None
        dataset, image_ids = labelled.dataset, labelled.truth.image_ids
        request = self.model_request(model)
        with progress("looking at pictures", len(image_ids), "pictures") as advance:
            files = PictureFiles.of(dataset, self.images, image_ids, password=labelled.password, advance=advance)
        with collect_heads(
            request,
            files,
            inference=self.inference,
            spread=Spread(self.workers, self.threads, self.dask),
            cache=self.cache,
            check=check,
            progress=progress,
        ) as store:
            yield store
