"""Pictures to validate a network in training on: what it scores on them, and a sheet of what it finds.

The network is used where it is and as it is. Nothing is exported or stored for it, but all else is what `deepmark eval`
does with the checkpoint: the same engine, decoder and metric.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deepmark.errors import DataError
from deepmark.files import write_whole
from deepmark.models.datasets.deepfashion2 import Annotation, Dataset
from deepmark.models.evaluation.examples import as_detections
from deepmark.models.evaluation.prediction import find_all
from deepmark.models.evaluation.report import AccuracyReport, measure
from deepmark.models.evaluation.truth import collect_truth
from deepmark.runtime.detections import Detections
from deepmark.runtime.detector import Detector
from deepmark.runtime.drawing.contact_sheet import Tile, contact_sheet, fill_tile
from deepmark.runtime.input_fit import Fit
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.media.picture_file import decode_picture, encode_picture

if TYPE_CHECKING:
    import torch

SHEET_PICTURES = 8
SHEET_SCORE = 0.2  # least score of what is drawn
_COLUMNS = 4  # two pictures a row, each twice


@dataclass(frozen=True, slots=True, eq=False)
class ValidationSet:
    """Pictures with their labels.

    Attributes:
        dataset: data set, opened with its pictures.
        annotations: labels of the pictures to look at.
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
            dataset: data set, opened with its pictures.
            most: largest number of pictures to take, evenly from all; None for all.
            skip_bad: whether to leave pictures out that something is wrong with.
            advance: function called after every annotation.

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


def open_detector(
    network: torch.nn.Module, schema: KeypointSchema, size: int, *, fit: Fit = "square", arch: str = "mdla34"
) -> Detector:
    """Make a detector of a network in memory; it decodes with all techniques, in float32, on the network's device.

    Args:
        network: network in evaluation mode; it is used as it is, not copied.
        schema: keypoint schema it is trained with.
        size: side of the network's input, in pixels; with ``rect`` its longer side.
        fit: whether the input has the picture's shape, see `Fit`.
        arch: name of the network in `deepmark.models.recognition.architectures.ARCHITECTURES`.
    """
    from deepmark.models.evaluation.torch_engine import network_engine

    return Detector(network_engine(network, schema, (size, size), arch), fit=fit)


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


def draw_sheet(detector: Detector, pictures: ValidationSet, path: Path, *, count: int = SHEET_PICTURES) -> None:
    """Draw the same few pictures of a set, each twice: with its labels, and with what is found in it.

    A filled dot is a visible landmark, or one that the heatmap confirmed; a ring is an occluded one, or one that comes
    from the regression alone.

    Args:
        detector: detector of the network.
        pictures: set of which some pictures are taken, evenly.
        path: path of the sheet, ``.jpg`` or ``.png``; it appears whole or not at all.
        count: largest number of pictures on it.

    Raises:
        DeepMarkError: a picture cannot be read, or the sheet not be written.
    """
    schema = pictures.dataset.schema
    tiles = []
    for annotation in evenly(pictures.annotations, count):
        content, source = pictures.dataset.picture(annotation.image_id)
        image = decode_picture(content, source=source)
        found = detector(image)
        found = found.select(np.flatnonzero(found.scores >= SHEET_SCORE))
        labels = as_detections(annotation.items)
        tiles.append(Tile(fill_tile(image, labels, schema), f"{annotation.image_id:06d}: labels"))
        tiles.append(Tile(fill_tile(image, found, schema), _caption(annotation.image_id, found)))
    write_whole(path, encode_picture(contact_sheet(tiles, _COLUMNS), path.suffix))


def _caption(image_id: int, found: Detections) -> str:
    return f"{image_id:06d}: found" if len(found) else f"{image_id:06d}: nothing found above {SHEET_SCORE:g}"
