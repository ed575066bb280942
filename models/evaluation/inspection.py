"""A closer look at an evaluation: curves, which garment each detection stands for, the worst and the best pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from deepmark.models.datasets.deepfashion2 import Dataset
from deepmark.models.evaluation.curves import PrecisionCurves, measure_curves
from deepmark.models.evaluation.examples import Example, choose, draw_example
from deepmark.models.evaluation.matching import Match, agreement, match
from deepmark.models.evaluation.results import ClassResults
from deepmark.models.evaluation.truth import Truth


@dataclass(frozen=True, slots=True, eq=False)
class ReportDetails:
    """What a page shows beyond the figures of the report.

    Attributes:
        curves: precision at every threshold and recall.
        pairs: garments with the detections that stand for them.
        worst: pictures that went worst, worst first; empty without pictures.
        best: pictures that went best, best first.
    """

    curves: PrecisionCurves
    pairs: tuple[Match, ...]
    worst: tuple[Example, ...]
    best: tuple[Example, ...]


def inspect(
    truth: Truth, results: Sequence[ClassResults], dataset: Dataset, *, visible_only: bool = False
) -> ReportDetails:
    """Look at an evaluation more closely.

    Raises:
        DeepMarkError: hotcoco is missing, or a picture cannot be read.
    """
    if visible_only:
        truth = replace(truth, classes=tuple(one.visible_only() for one in truth.classes))
    curves, pairs = measure_curves(truth, results), match(truth, results)
    worst: tuple[Example, ...] = ()
    best: tuple[Example, ...] = ()
    if dataset.has_pictures:
        values = agreement(pairs, truth, results)
        worst, best = (
            tuple(draw_example(dataset, image_id, results, values[image_id]) for image_id in chosen)
            for chosen in choose(values)
        )
    return ReportDetails(curves, pairs, worst, best)
