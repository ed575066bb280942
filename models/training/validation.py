"""A training is validated: when, on which pictures, with what result, and which network is the best so far.

In the folder of a run ``validation.csv`` has a line a validation, and ``predictions`` a sheet of pictures a validation.
"""

from __future__ import annotations

import csv
import io
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from deepmark.errors import SenselessHeadsError
from deepmark.models.datasets.deepfashion2 import open_dataset
from deepmark.models.datasets.drawings.held_out_set import DrawnSet, draw_held_out, held_out_seed
from deepmark.models.evaluation.landmark_layout import require_same_classes
from deepmark.models.evaluation.validation_set import ValidationSet, draw_sheet, figures, open_detector, validate
from deepmark.models.training.config import TrainConfig
from deepmark.models.training.train_state import write_run_file
from deepmark.runtime.keypoints.schema import KeypointSchema

DECIDING = "mAP_pt"  # of the scores: the higher, the better the network
PREDICTIONS, DRAWN = "predictions", "validation"  # in the folder of a run
DRAWINGS = 100  # to validate on, unless another number is asked for

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """One validation.

    Attributes:
        step: number of steps done.
        scores: scores by name.
        best: whether no validation before was as good.
    """

    step: int
    scores: Mapping[str, float]
    best: bool


def is_better(score: float, best: float | None) -> bool:
    """Tell whether a score is the best so far; NaN never is."""
    return not math.isnan(score) and (best is None or score > best)


def is_due(step: int, *, every: int | None, batch: int, pictures: int, steps: int) -> bool:
    """Tell whether the network is validated after a step: every so many, or at the end of an epoch; and at the end.

    Args:
        step: number of steps done.
        every: number of steps between validations; None for once an epoch.
        batch: number of pictures a step.
        pictures: number of pictures of an epoch.
        steps: number of steps of the whole training.
    """
    if step == steps:
        return True
    if every is not None:
        return step % every == 0
    return step * batch // pictures > (step - 1) * batch // pictures


def write_scores(path: Path, step: int, scores: Mapping[str, float]) -> None:
    """Add a line to the table of validations; those of this step and later, from before a kill, are dropped.

    Raises:
        DataError: the table cannot be written.
    """
    before = csv.DictReader(path.read_text(encoding="utf-8").splitlines()) if path.exists() else ()
    columns = ("step", *scores)
    rows = [[row.get(name) or "" for name in columns] for row in before if int(row["step"]) < step]
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerows([columns, *rows, [step, *(f"{score:.8g}" for score in scores.values())]])
    write_run_file(path, text.getvalue().encode())


@dataclass(frozen=True, slots=True, eq=False)
class Validation:
    """Scores a network in training on pictures that it does not learn from.

    Attributes:
        pictures: pictures to look at, with their labels.
        schema: keypoint schema that the network is trained with.
        config: configuration of the training.
        folder: folder of the run.
    """

    pictures: ValidationSet
    schema: KeypointSchema
    config: TrainConfig
    folder: Path

    def score(self, network: nn.Module, step: int) -> dict[str, float]:
        """Return mAP_pt and mAP_box, and draw a sheet into ``predictions/step_NNNNNN.jpg``.

        In its first steps a network's running statistics may be so far off that nobody can decode what it says: that
        is an mAP of 0, no reason to stop.

        Args:
            network: averaged network, in evaluation mode.
            step: number of steps done.

        Raises:
            DeepMarkError: a picture cannot be read, or the sheet not be written.
        """
        detector = open_detector(network, self.schema, self.config.size, fit=self.config.fit, arch=self.config.arch)
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
        config: configuration of the training; its password and ``skip_bad`` are for this data set too.
        folder: folder of the run.
        source: path of a data set, folder or zip; None for drawings of a seed that the training does not draw with,
            which are kept in ``validation`` in the folder.
        most: number of pictures to look at; None for all of a data set, and for `DRAWINGS` drawings.
        workers: number of processes that draw.
        advance: function called after every picture.

    Raises:
        DataError: the data set cannot be opened, has faults or other classes, or no garment to be found.
    """
    schema = config.load_schema()
    if source is None:
        drawn = DrawnSet(held_out_seed(config.drawn), config.size, most or DRAWINGS, mixed=config.fit == "rect")
        source = folder / DRAWN
        draw_held_out(source, drawn, workers=workers, advance=advance)
        pictures = ValidationSet.read(open_dataset(source, source))
    else:
        dataset = open_dataset(source, source, password=config.read_password())
        require_same_classes(schema, dataset.schema)
        pictures = ValidationSet.read(dataset, most, skip_bad=config.skip_bad, advance=advance)
    return Validation(pictures, schema, config, folder)
