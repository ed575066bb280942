"""The paper's Tables 3 and 4 for one's own network: CenterNet's plain decoding, and strategy upon strategy.

Each row has all that the rows above it have, and one thing more. All rows see the same pictures, and are drawn again
alike, so that a gain's interval is a paired one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import groupby

from deepmark.console import Progress, no_progress
from deepmark.errors import DataError
from deepmark.models.evaluation.gains import Gain, ResampledAccuracy, resampled
from deepmark.models.evaluation.metric import AveragePrecision
from deepmark.models.evaluation.prediction import detect_all
from deepmark.models.evaluation.store import HeadStore
from deepmark.models.evaluation.truth import KINDS, Kind, Truth
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.decoding.techniques import OF_LANDMARKS, TECHNIQUES, with_techniques
from deepmark.runtime.detections import Detections
from deepmark.runtime.input_fit import Fit
from deepmark.runtime.manifest import Manifest
from deepmark.runtime.multi_inference import PAPER_SCALES, SINGLE, MultiInference

logger = logging.getLogger(__name__)

_SEED = 0


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to find objects with a network.

    Attributes:
        name: name of the row.
        decoder: parameters that heads are decoded and suppressed with.
        inference: looks at each picture.
        refined: whether landmarks are refined afterwards.
    """

    name: str
    decoder: DecoderParams
    inference: MultiInference = SINGLE
    refined: bool = False


@dataclass(frozen=True, slots=True)
class StrategyAccuracy:
    """Landmarks, or boxes, of one row.

    Attributes:
        average: average precision on all pictures.
        interval: 95 % interval of ``average.ap``, when the pictures are drawn again.
        gain: what the row gains over the one above it; None for the first.
        over_plain: what the row gains over the first; None for the first.
    """

    average: AveragePrecision
    interval: tuple[float, float]
    gain: Gain | None
    over_plain: Gain | None


@dataclass(frozen=True, slots=True)
class StrategyRow:
    """One row of the table.

    Attributes:
        name: name of the strategy, with ``+`` where it is added to those above.
        decoder: parameters that heads are decoded and suppressed with.
        inference: looks at each picture.
        points: accuracy of landmarks; None where there are none to be found.
        boxes: accuracy of boxes; None where there are none to be found.
        time_ms: milliseconds from a picture in memory to what is found in it, median of the pictures that were timed.
    """

    name: str
    decoder: DecoderParams
    inference: MultiInference
    points: StrategyAccuracy | None
    boxes: StrategyAccuracy | None
    time_ms: float


def strategies_of(manifest: Manifest, *, refined: bool = False, fit: Fit | None = None) -> tuple[Strategy, ...]:
    """Give the rows that have a meaning for a model, in the paper's order; ``refined`` where there is a refiner.

    All look at pictures with ``fit``, see `MultiInference`.

    A technique that the model has off is tried with the paper's values for DeepFashion2. Without ``hm_hp`` the
    techniques of landmarks change nothing, and without knowledge of left and right there is no flip test.
    """
    params = manifest.decoder
    useful = TECHNIQUES if "hm_hp" in manifest.heads.heads else TECHNIQUES - OF_LANDMARKS
    once = MultiInference(fit=fit)
    rows = [Strategy("plain", replace(with_techniques(params, frozenset()), nms=None), once)]
    if params.nms is not None:
        rows.append(Strategy("+ suppression", replace(rows[0].decoder, nms=params.nms), once))
    for number in sorted(useful):
        chosen = frozenset(one for one in useful if one <= number)
        rows.append(Strategy(f"+ technique {number}", with_techniques(params, chosen), once))
    flip = replace(once, flip=True)
    try:
        flip.for_model(manifest)
    except DataError as error:
        logger.warning("no row for the flip test: %s", error)
        flip = once
    else:
        rows.append(Strategy("+ flip", rows[-1].decoder, flip))
    rows.append(Strategy("+ multi-scale", rows[-1].decoder, replace(flip, scales=PAPER_SCALES)))
    return (*rows, replace(rows[-1], name="+ PoseFix", refined=True)) if refined else tuple(rows)


def measure_strategies(
    open_store: Callable[[MultiInference], AbstractContextManager[HeadStore]],
    truth: Truth,
    rows: Sequence[Strategy],
    times_ms: Sequence[float],
    refine: Callable[[int, Detections], Detections] | None = None,
    progress: Progress = no_progress,
) -> tuple[StrategyRow, ...]:
    """Decode and measure once per row; neighbours that look at pictures alike share what the network says of them.

    Args:
        open_store: function that gives the heads of the pictures for some looks at them.
        truth: items to be found in them.
        rows: strategies, each upon those before it.
        times_ms: milliseconds a picture of each.
        refine: function that refines what was found in a picture, see `detect_all`; None where no row is refined.
        progress: function that shows the progress; nothing by default.

    Raises:
        DeepMarkError: hotcoco is not installed, or the network cannot be run.
    """
    found: list[StrategyRow] = []
    plain: Mapping[Kind, ResampledAccuracy] = {}
    above: Mapping[Kind, ResampledAccuracy] = {}
    for inference, group in groupby(zip(rows, times_ms, strict=True), lambda one: one[0].inference):
        with open_store(inference) as store:
            for row, time_ms in group:
                with progress(f"decoding: {row.name}", len(store), "pictures") as advance:
                    results = detect_all(store, truth.schema, row.decoder, advance, refine if row.refined else None)
                here = resampled(truth, results, seed=_SEED, progress=progress)
                points, boxes = (_accuracy(kind, here, above, plain) for kind in KINDS)
                found.append(StrategyRow(row.name, row.decoder, inference, points, boxes, time_ms))
                above, plain = here, plain or here
    return tuple(found)


def _accuracy(kind: Kind, *accuracies: Mapping[Kind, ResampledAccuracy]) -> StrategyAccuracy | None:
    """Compare a row with the one above it and with the first."""
    found, above, plain = (one.get(kind) for one in accuracies)
    if found is None:
        return None
    gain, over_plain = (None if one is None else found.over(one) for one in (above, plain))
    return StrategyAccuracy(found.average, found.interval, gain, over_plain)
