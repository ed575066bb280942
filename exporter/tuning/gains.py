"""Found parameters against others, on pictures that the search did not see, and whether the gain is one.

How a gain varies is seen when the pictures are drawn again (bootstrap, percentiles).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from deepmark.console import Progress
from deepmark.exporter.tuning.average_precision import Verdicts, mean_average_precision
from deepmark.exporter.tuning.items import count_items
from deepmark.exporter.tuning.scorer import open_scorer
from deepmark.exporter.tuning.shard import StagingPlan
from deepmark.exporter.tuning.staged_set import Judgement
from deepmark.models.evaluation.picture_heads import PictureHeads
from deepmark.models.evaluation.report import AccuracyReport, measure
from deepmark.models.evaluation.results import ResultsBuilder
from deepmark.models.evaluation.truth import Truth
from deepmark.runtime.arrays import Index
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
    """What parameters gain over others: landmarks (mAP_pt) and boxes (mAP_box)."""

    points: Gain
    boxes: Gain


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """One set of parameters: the figures by hotcoco, and what became of every detection."""

    report: AccuracyReport
    outcome: Judgement


def compare(
    pictures: Iterable[PictureHeads],
    truth: Truth,
    found: DecoderParams,
    others: Sequence[DecoderParams],
    *,
    workers: int,
    seed: int,
    progress: Progress,
) -> tuple[Gains, ...]:
    """Measure parameters and compare the first with each of the others.

    Args:
        pictures: heads of at least the pictures in ``truth``; read several times.
        truth: items that are to be found.
        found: parameters in question.
        others: parameters to compare them with.
        workers: number of processes.
        seed: seed of the bootstrap.
        progress: display of how far it is.

    Returns:
        One comparison for each of ``others``.
    """
    measured: dict[DecoderParams, _Measured] = {}
    for params in (found, *others):
        if params not in measured:
            report = _measure(pictures, truth, params, progress)
            plan = StagingPlan(truth.schema, params, (params.sigma_center,))
            with open_scorer(pictures, truth, plan, workers, progress) as scorer:
                (outcome,) = scorer.outcomes([params])
            measured[params] = _Measured(report, outcome)
    with progress("drawing pictures again", len(others), "comparisons") as advance:
        comparisons = []
        for other in others:
            comparisons.append(_comparison(truth, measured[other], measured[found], seed))
            advance()
    return tuple(comparisons)


def _measure(
    pictures: Iterable[PictureHeads], truth: Truth, params: DecoderParams, progress: Progress
) -> AccuracyReport:
    """Decode and measure as `deepmark eval` does."""
    builder, chosen = ResultsBuilder(truth.schema), frozenset(truth.image_ids)
    with progress("checking", len(chosen), "pictures") as advance:
        for one in pictures:
            if one.image_id in chosen:
                builder.add_detections(one.image_id, one.detect(params))
                advance()
    return measure(truth, builder.build())


def _comparison(truth: Truth, before: _Measured, after: _Measured, seed: int) -> Gains:
    assert before.report.map_pt is not None
    assert before.report.map_box is not None
    assert after.report.map_pt is not None
    assert after.report.map_box is not None
    assert before.outcome.boxes is not None
    assert after.outcome.boxes is not None
    labelled, all_items = count_items(truth)
    points = gain_interval(before.outcome.points, after.outcome.points, labelled, seed=seed)
    boxes = gain_interval(before.outcome.boxes, after.outcome.boxes, all_items, seed=seed)
    return Gains(
        points=Gain(before.report.map_pt.ap, after.report.map_pt.ap, *points),
        boxes=Gain(before.report.map_box.ap, after.report.map_box.ap, *boxes),
    )


def gain_interval(before: Verdicts, after: Verdicts, items: Index, *, seed: int) -> tuple[float, float]:
    """Estimate the interval of the difference in mAP.

    Each drawing takes as many pictures as there are, with replacement, the same for both settings, and computes both
    mAPs anew.

    Args:
        before: verdicts on the detections of the first setting.
        after: verdicts on the detections of the second setting.
        items: (pictures, classes) number of items to be found.
        seed: seed of the resamplings.

    Returns:
        The percentiles between which `CONFIDENCE` of the differences lie.
    """
    rng = np.random.default_rng(seed)
    pictures = len(items)
    together = max(1, _AT_A_TIME // max(len(before.scores), len(after.scores), 1))
    differences = []
    for start in range(0, RESAMPLINGS, together):
        size = min(together, RESAMPLINGS - start)
        weights = rng.multinomial(pictures, np.full(pictures, 1 / pictures), size=size).astype(np.float64)
        differences.append(
            mean_average_precision(after, items, weights) - mean_average_precision(before, items, weights)
        )
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(np.concatenate(differences), [tail, 1 - tail])
    return float(low), float(high)
