"""How long strategies take, picture by picture in turns, so that whatever else the machine does meets all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

from deepmark.models.datasets.deepfashion2 import Dataset
from deepmark.models.evaluation.strategies import Strategy
from deepmark.runtime.arrays import Image8
from deepmark.runtime.detections import Detections
from deepmark.runtime.detector import Detector
from deepmark.runtime.engines.engine import Engine
from deepmark.runtime.media.picture_file import decode_picture
from deepmark.runtime.refinement.refiner import Refiner

TIMED_PICTURES = 16  # evenly from all: a median of them is not one picture's, and eight networks a picture take a while


def time_strategies(
    engine: Engine,
    dataset: Dataset,
    image_ids: Sequence[int],
    rows: Sequence[Strategy],
    refiner: Refiner | None = None,
    advance: Callable[[], None] = lambda: None,
) -> tuple[float, ...]:
    """Look at a few pictures with every strategy in turn.

    Args:
        engine: loaded model.
        dataset: data set, opened with its pictures.
        image_ids: numbers of the pictures to look at, see `timed_pictures`.
        rows: strategies.
        refiner: loaded refiner; None where no row is refined.
        advance: function called after every picture of every row.

    Returns:
        Milliseconds a picture of each strategy, from the decoded picture to what is found in it: median of
        these pictures.

    Raises:
        DeepMarkError: a picture cannot be read, or the engine fails.
    """
    detectors = [_detector(engine, row, refiner) for row in rows]
    times: list[list[float]] = [[] for _ in rows]
    for image_id in image_ids:
        content, source = dataset.picture(image_id)
        picture = decode_picture(content, source=source)
        if not times[0]:
            for detector in detectors:
                detector(picture)  # the first is slower: memory is taken, code is loaded
        for detector, taken in zip(detectors, times, strict=True):
            begun = time.perf_counter()
            detector(picture)
            taken.append(1e3 * (time.perf_counter() - begun))
            advance()
    return tuple(statistics.median(taken) for taken in times)


def _detector(engine: Engine, row: Strategy, refiner: Refiner | None) -> Callable[[Image8], Detections]:
    looks = row.inference
    detector = Detector(
        engine,
        params=row.decoder,
        flip=looks.flip,
        scales=looks.scales,
        scales_mode=looks.scales_mode,
        fit=looks.fit,
    )
    if refiner is None or not row.refined:
        return detector
    return lambda picture: refiner(picture, detector(picture))


def timed_pictures(image_ids: Sequence[int]) -> tuple[int, ...]:
    """Choose the pictures to time with, at equal distances."""
    count = min(TIMED_PICTURES, len(image_ids))
    return tuple(image_ids[at * len(image_ids) // count] for at in range(count))
