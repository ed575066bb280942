"""The accuracy of loaded models on drawings, as `deepmark eval` would measure it on the same ones."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepmark.console import progress
from deepmark.errors import DeepMarkError
from deepmark.models.datasets.deepfashion2 import Dataset, open_dataset
from deepmark.models.datasets.drawings.held_out_set import SEED
from deepmark.models.evaluation.metric import AveragePrecision, require_hotcoco
from deepmark.models.evaluation.prediction import find_all
from deepmark.models.evaluation.report import measure
from deepmark.models.evaluation.truth import Truth, collect_truth
from deepmark.runtime.detector import Detector
from deepmark.runtime.engines.engine import Engine

SIDE = 256  # of the drawings, pixels


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Means over the classes, in [0, 1].

    Attributes:
        points: mAP of landmarks, mAP_pt.
        boxes: mAP of boxes, mAP_box.
    """

    points: float
    boxes: float


@dataclass(frozen=True, slots=True)
class DrawnAccuracy:
    """Measures models on drawings that no training draws.

    Attributes:
        pictures: number of drawings that each model runs on.
    """

    pictures: int = 500

    def __call__(self, engines: Sequence[Engine], on_progress: Callable[[str], None]) -> list[Accuracy]:
        """Return the accuracy of each model on the same drawings, decoded and suppressed as its manifest says.

        Raises:
            DeepMarkError: hotcoco is not installed, or a model finds other classes than are drawn.
        """
        from deepmark.models.datasets.drawings.dataset import write_dataset

        require_hotcoco()
        with tempfile.TemporaryDirectory(prefix="deepmark-") as folder:
            root = Path(folder) / "drawings"
            write_dataset(root, count=self.pictures, seed=SEED, size=SIDE, workers=1)
            dataset = open_dataset(root, root)
            truth = collect_truth(dataset.read_all().annotations, dataset.schema)
            total = self.pictures * len(engines)
            with progress("measuring accuracy", total, "pictures", lines_to=on_progress) as advance:
                return [_accuracy(engine, dataset, truth, advance) for engine in engines]


def _accuracy(engine: Engine, dataset: Dataset, truth: Truth, step: Callable[[], None]) -> Accuracy:
    report = measure(truth, find_all(Detector(engine), dataset, truth.image_ids, step))
    return Accuracy(points=_mean(report.map_pt), boxes=_mean(report.map_box))


def _mean(found: AveragePrecision | None) -> float:
    if found is None:
        raise DeepMarkError("there is nothing to find in the drawings", hint="draw more of them")
    return found.ap
