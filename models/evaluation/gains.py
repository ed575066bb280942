"""How far figures would vary on other pictures, and whether a gain is one: pictures are drawn again (bootstrap).

Each drawing takes as many pictures as there are, with replacement, the same for all settings that are compared, and
computes every mAP anew. Intervals are percentiles.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from deepmark.console import Advance, Progress, no_progress
from deepmark.models.evaluation.average_precision import Verdicts, mean_average_precision
from deepmark.models.evaluation.metric import AveragePrecision
from deepmark.models.evaluation.picture_heads import PictureHeads
from deepmark.models.evaluation.picture_items import count_items
from deepmark.models.evaluation.report import measure
from deepmark.models.evaluation.results import ClassResults, ResultsBuilder
from deepmark.models.evaluation.truth import Kind, Truth
from deepmark.models.evaluation.verdicts import judge
from deepmark.runtime.arrays import F64, Index
from deepmark.runtime.decoding.params import DecoderParams

RESAMPLINGS = 1000
CONFIDENCE = 0.95
_AT_A_TIME = 1 << 22  # resamplings times detections; bounds the memory


@dataclass(frozen=True, slots=True)
class Gain:
    """Two settings on the same pictures.

    Attributes:
        before: mAP of the first setting, in [0, 1], by hotcoco.
        after: mAP of the second setting, in [0, 1], by hotcoco.
        low: lower end of the interval of ``after - before``.
        high: upper end of the interval of ``after - before``.
    """

    before: float
    after: float
    low: float
    high: float

    @property
    def difference(self) -> float:
        """``after - before``."""
        return self.after - self.before

    @property
    def is_significant(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.low > 0


@dataclass(frozen=True, slots=True)
class Gains:
    """What parameters gain over others: landmarks (mAP_pt; None for boxes only) and boxes (mAP_box)."""

    points: Gain | None
    boxes: Gain

    @property
    def sought(self) -> Gain:
        """What a search looks for: the gain of landmarks, or of boxes where there are none."""
        return self.boxes if self.points is None else self.points


@dataclass(frozen=True, slots=True, eq=False)
class ResampledAccuracy:
    """One setting's mAP of landmarks or of boxes.

    Attributes:
        average: average precision on all pictures, by hotcoco.
        drawn: (RESAMPLINGS,) mAP of each drawing; NaN where it has nothing to be found.
    """

    average: AveragePrecision
    drawn: F64

    @property
    def interval(self) -> tuple[float, float]:
        """Percentiles between which `CONFIDENCE` of the drawings lie."""
        return _percentiles(self.drawn)

    def over(self, before: ResampledAccuracy) -> Gain:
        """Compare with another setting on the same drawings."""
        return Gain(before.average.ap, self.average.ap, *_percentiles(self.drawn - before.drawn))


def resampled(
    truth: Truth, results: Sequence[ClassResults], *, seed: int, progress: Progress = no_progress
) -> Mapping[Kind, ResampledAccuracy]:
    """Measure a model's detections, and draw the pictures again.

    Args:
        truth: items to be found.
        results: a model's detections, one entry per class.
        seed: seed of the drawings; settings that are compared need the same.
        progress: function that shows the progress; nothing by default.

    Returns:
        Kind -> accuracy; without a kind of which nothing is to be found.

    Raises:
        DeepMarkError: hotcoco is not installed.
    """
    report, items = measure(truth, results), dict(zip(("keypoints", "bbox"), count_items(truth), strict=True))
    of_kinds: dict[Kind, AveragePrecision | None] = {"keypoints": report.map_pt, "bbox": report.map_box}
    averages = {kind: average for kind, average in of_kinds.items() if average is not None}
    found: dict[Kind, ResampledAccuracy] = {}
    with progress("drawing pictures again", RESAMPLINGS * len(averages), "drawings") as advance:
        for kind, average in averages.items():
            drawn = draw_again(judge(truth, results, kind), items[kind], seed=seed, advance=advance)
            found[kind] = ResampledAccuracy(average, drawn)
    return found


def draw_again(verdicts: Verdicts, items: Index, *, seed: int, advance: Advance) -> F64:
    """Compute mAP on pictures that are drawn again.

    Args:
        verdicts: verdicts on the detections.
        items: (pictures, classes) number of items to be found.
        seed: seed of the drawings.
        advance: function called with the number of drawings that were done.

    Returns:
        (RESAMPLINGS,) mAP of each drawing; the n-th is of the same pictures for every ``verdicts``.
    """
    rng = np.random.default_rng(seed)
    pictures = len(items)
    together = max(1, _AT_A_TIME // max(len(verdicts.scores), 1))
    found = []
    for start in range(0, RESAMPLINGS, together):
        size = min(together, RESAMPLINGS - start)
        weights = rng.multinomial(pictures, np.full(pictures, 1 / pictures), size=size).astype(np.float64)
        found.append(mean_average_precision(verdicts, items, weights))
        advance(size)
    return np.concatenate(found)


def _percentiles(values: F64) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return float(low), float(high)


def compare(
    pictures: Iterable[PictureHeads],
    truth: Truth,
    found: DecoderParams,
    others: Sequence[DecoderParams],
    *,
    seed: int,
    progress: Progress,
) -> tuple[Gains, ...]:
    """Measure parameters and compare the first with each of the others.

    Args:
        pictures: heads of at least the pictures in ``truth``; read several times.
        truth: items that are to be found, of landmarks too unless its classes have none.
        found: parameters in question.
        others: parameters to compare them with.
        seed: seed of the drawings.
        progress: display of how far it is.

    Returns:
        One comparison for each of ``others``.
    """
    measured = {
        params: resampled(truth, _decode(pictures, truth, params, progress), seed=seed, progress=progress)
        for params in dict.fromkeys((found, *others))
    }
    after = measured[found]
    return tuple(
        Gains(
            None if truth.schema.boxes_only else after["keypoints"].over(measured[other]["keypoints"]),
            after["bbox"].over(measured[other]["bbox"]),
        )
        for other in others
    )


def _decode(
    pictures: Iterable[PictureHeads], truth: Truth, params: DecoderParams, progress: Progress
) -> tuple[ClassResults, ...]:
    """Decode as `deepmark eval` does."""
    builder, chosen = ResultsBuilder(truth.schema), frozenset(truth.image_ids)
    with progress("checking", len(chosen), "pictures") as advance:
        for one in pictures:
            if one.image_id in chosen:
                builder.add_detections(one.image_id, one.detect(params))
                advance()
    return builder.build()
