"""What a training calls to see where it stands: figures of held-out pictures, and some of these drawn."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deepmark.errors import SenselessHeadsError
from deepmark.models.datasets.deepfashion2 import open_dataset
from deepmark.models.datasets.deepfashion2.storage import read_password
from deepmark.models.datasets.drawings.held_out_set import DrawnSet, draw_held_out, held_out_seed
from deepmark.models.evaluation.landmark_layout import require_same_classes
from deepmark.models.evaluation.prediction_sheet import draw_sheet
from deepmark.models.evaluation.validation_set import ValidationSet, figures, open_detector, validate
from deepmark.models.training.config import TrainConfig
from deepmark.runtime.keypoints.schema import KeypointSchema

if TYPE_CHECKING:
    import torch

PREDICTIONS, DRAWN = "predictions", "validation"  # in the folder of a run
DRAWINGS = 100  # to validate on, unless another number is asked for

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Validation:
    """Scores a network in training; `deepmark.models.training.loop.train` takes it as ``validate``.

    Attributes:
        pictures: to look at.
        schema: that the network is trained with.
        size: side of its input in pixels.
        folder: of the run.
    """

    pictures: ValidationSet
    schema: KeypointSchema
    size: int
    folder: Path

    def __call__(self, network: torch.nn.Module, step: int) -> dict[str, float]:
        """Return mAP_pt and mAP_box, and draw a sheet into ``predictions/step_NNNNNN.jpg``.

        In its first steps a network's running statistics may be so far off that nobody can decode what it says: that
        is an mAP of 0, no reason to stop.

        Raises:
            DeepMarkError: a picture cannot be read, or the sheet not be written.
        """
        detector = open_detector(network, self.schema, self.size)
        try:
            found = figures(validate(detector, self.pictures))
            draw_sheet(detector, self.pictures, self.folder / PREDICTIONS / f"step_{step:06d}.jpg")
        except SenselessHeadsError as error:
            logger.warning("step %d: the network cannot be decoded yet: %s", step, error)
            return {"mAP_pt": 0.0, "mAP_box": 0.0}
        return found


def open_validation(
    config: TrainConfig,
    folder: Path,
    *,
    source: Path | None,
    most: int | None,
    workers: int,
    advance: Callable[[], None] = lambda: None,
) -> Validation:
    """Open the pictures to validate a training on.

    Args:
        config: of the training; its password and ``skip_bad`` are for this data set too.
        folder: of the run.
        source: a data set, folder or zip; None for drawings of a seed that the training does not draw with, which are
            kept in ``validation`` in the folder.
        most: pictures to look at; None for all of a data set, and for `DRAWINGS` drawings.
        workers: processes that draw.
        advance: called after every picture.

    Raises:
        DataError: the data set cannot be opened, has faults or other classes, or no garment to be found.
    """
    schema = config.load_schema()
    if source is None:
        drawn = DrawnSet(held_out_seed(config.drawn), config.size, most or DRAWINGS)
        source = folder / DRAWN
        draw_held_out(source, drawn, workers=workers, advance=advance)
        pictures = ValidationSet.read(open_dataset(source, source))
    else:
        password = read_password(Path(config.password_file)) if config.password_file else None
        dataset = open_dataset(source, source, password=password)
        require_same_classes(schema, dataset.schema)
        pictures = ValidationSet.read(dataset, most, skip_bad=config.skip_bad, advance=advance)
    return Validation(pictures, schema, config.size, folder)
