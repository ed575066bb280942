"""A network in training held against pictures that it does not learn from, where it is and as it is.

Nothing is exported or stored for it, but all else is what `deepmark eval` does with the checkpoint: the same engine,
decoder and metric.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepmark.errors import DataError
from deepmark.models.datasets.deepfashion2 import Annotation, Dataset
from deepmark.models.evaluation.prediction import find_all
from deepmark.models.evaluation.report import AccuracyReport, measure
from deepmark.models.evaluation.truth import collect_truth
from deepmark.runtime.detector import Detector
from deepmark.runtime.keypoints.schema import KeypointSchema

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, eq=False)
class ValidationSet:
    """Pictures with their labels.

    Attributes:
        dataset: opened with its pictures.
        annotations: of the pictures to look at.
    """

    dataset: Dataset
    annotations: tuple[Annotation, ...]

    @classmethod
    def read(
        cls,
        dataset: Dataset,
        most: int | None = None,
        *,
        skip_bad: bool = False,
        advance: Callable[[], None] = lambda: None,
    ) -> ValidationSet:
        """Read a data set's labels.

        Args:
            dataset: opened with its pictures.
            most: take so many pictures at most, evenly from all; None for all.
            skip_bad: leave pictures out that something is wrong with.
            advance: called after every annotation.

        Raises:
            DataError: something is wrong in the data set, or it has no garment.
        """
        annotations = evenly(dataset.read_all(skip_bad=skip_bad, advance=advance).annotations, most)
        if not any(annotation.items for annotation in annotations):
            raise DataError(
                "there is nothing to find in the pictures to validate on: they have no labelled garment",
                hint="give another data set, or more of its pictures",
            )
        return cls(dataset, annotations)


def evenly(annotations: Sequence[Annotation], most: int | None) -> tuple[Annotation, ...]:
    """Take at most so many, at equal distances."""
    count = len(annotations) if most is None else min(most, len(annotations))
    return tuple(annotations[at * len(annotations) // count] for at in range(count))


def open_detector(network: torch.nn.Module, schema: KeypointSchema, size: int) -> Detector:
    """Make a detector of a network in memory; it decodes with all techniques, in float32, on the network's device.

    Args:
        network: in evaluation mode; it is used as it is, not copied.
        schema: it is trained with.
        size: side of its input in pixels.
    """
    from deepmark.models.evaluation.torch_engine import network_engine

    return Detector(network_engine(network, schema, (size, size)))


def validate(detector: Detector, pictures: ValidationSet) -> AccuracyReport:
    """Measure a detector on pictures.

    Raises:
        DeepMarkError: hotcoco is not installed.
        DataError: a picture cannot be read.
    """
    truth = collect_truth(pictures.annotations, pictures.dataset.schema)
    return measure(truth, find_all(detector, pictures.dataset, truth.image_ids))


def figures(report: AccuracyReport) -> dict[str, float]:
    """Give what a training writes down of a validation; `ValidationSet.read` makes sure that there is something."""
    assert report.map_pt is not None
    assert report.map_box is not None
    return {"mAP_pt": report.map_pt.ap, "mAP_box": report.map_box.ap}
