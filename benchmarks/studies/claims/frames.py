"""Rows of frames that took turns in one measurement."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from deepmark.benchmarks.result.document import BenchResult, ContestantResult
from deepmark.benchmarks.result.figures import against_fastest, paired
from deepmark.benchmarks.result.statistics import Times, paired_ratio, summarise
from deepmark.benchmarks.studies.claims.claim import Claim
from deepmark.runtime.arrays import Image8
from deepmark.runtime.decoding.params import SHOWN_SCORE
from deepmark.runtime.heads.maps import STRIDE

ENGINES = ("mnn", "onnxruntime")
TWELVE_MEGAPIXELS = (3000, 4000)  # height, width
SQUARE_GOAL = 0.85
SEED = 0


def engine_rows(result: BenchResult) -> list[Claim]:
    """Compare sparse with dense frames in both engines, and the fastest frame with the fastest rival."""
    rows = []
    for engine in ENGINES:
        dense, sparse = (_only(result, engine, layout) for layout in ("dense", "sparse"))
        found = paired(dense, "total", sparse, "total")
        rows.append(Claim.of(f"dense / sparse frame, {engine}", found, ">= 1.20", processor=_processor(dense, sparse)))
    return [*rows, fastest_row(result, "frame", SQUARE_GOAL)]


def fastest_row(result: BenchResult, words: str, limit: float | None) -> Claim:
    """Divide the fastest of our sparse frames by the fastest dense network alone, at the model's own size."""
    frames = {one.name: one for one in result.contestants if one.kind == "model" and one.layout == "sparse"}
    best = min(frames.values(), key=lambda one: summarise(one.times("total")).median)
    found = next(one for one in against_fastest(result) if one.name == best.name)
    rival = next(one for one in result.contestants if one.name == found.rival)
    goal = "" if limit is None else f"<= {limit:.2f}"
    what = f"{words}, {best.engine} sparse, all techniques / {found.rival}"
    return Claim.of(what, found.ratio, goal, processor=_processor(best, rival))


def _processor(one: ContestantResult, other: ContestantResult) -> float:
    """Divide the processor time of a run by that of another's, round by round."""
    return paired_ratio(_own_ms(one), _own_ms(other)).value


def _own_ms(one: ContestantResult) -> list[Times]:
    return [np.array([1e3 * turn.conditions.own_s / len(next(iter(turn.phases.values())))]) for turn in one.rounds]


def drift_of(result: BenchResult) -> float:
    """Return how much slower the slowest turn of the first contestant was than its fastest, by medians."""
    medians = [float(np.median(turn)) for turn in result.contestants[0].times("total")]
    return max(medians) / min(medians) - 1


def decoder_rows(result: BenchResult) -> list[Claim]:
    """Compare decoder and letterbox with the network."""
    one = _only(result, "mnn", "dense")
    share = paired(one, "decode", one, "network")
    network = summarise(one.times("network")).median
    height, width = (int(side) for side in one.size.split("x"))
    crowd = _crowd_ms((height // STRIDE, width // STRIDE))
    boxed = _letterbox_ms((height, width))
    return [
        Claim.of("decoder / network, demo pictures, mnn dense", share, "<= 0.02"),
        Claim("decoder / network, made-up crowd, mnn dense", crowd / network, goal="<= 0.05"),
        Claim("letterbox of 12 megapixels / network, mnn dense", boxed / network, goal="<= 0.01"),
    ]


def grouping_rows(result: BenchResult) -> list[Claim]:
    """Compare 62 groups with 294 landmarks."""
    rows = []
    for layout in ("dense", "sparse"):
        few, many = (_only(result, "mnn", layout, groups) for groups in (62, 294))
        found = paired(few, "total", many, "total")
        what = f"62 groups / 294 landmarks, mnn {layout}"
        rows += [
            Claim.of(f"{what}: frame (paper: 0.75)", found, processor=_processor(few, many)),
            Claim(f"{what}: memory (paper: 0.85)", few.memory.peak / many.memory.peak),
            Claim(f"{what}: file", few.file_bytes / many.file_bytes),
        ]
    return rows


def _only(result: BenchResult, engine: str, layout: str, groups: int = 62) -> ContestantResult:
    wanted = (engine, layout, groups)
    return next(
        one for one in result.contestants if one.kind == "model" and (one.engine, one.layout, one.groups) == wanted
    )


def _crowd_ms(cells: tuple[int, int]) -> float:
    from deepmark.benchmarks.studies.support.scene import SceneLoad, make_scene
    from deepmark.runtime.decoding.decoder import decode
    from deepmark.runtime.decoding.params import DecoderParams
    from deepmark.runtime.keypoints.schema import KeypointSchema

    schema = KeypointSchema.deepfashion2()
    heads, params = make_scene(schema, SceneLoad(cells)), DecoderParams(score_threshold=SHOWN_SCORE)
    return _median_ms(lambda: decode(heads, schema, params), 60)


def _letterbox_ms(size: tuple[int, int]) -> float:
    from deepmark.runtime.transform import letterbox

    image: Image8 = np.random.default_rng(SEED).integers(0, 256, (*TWELVE_MEGAPIXELS, 3), np.uint8)
    return _median_ms(lambda: letterbox(image, size), 60)


def _median_ms(work: Callable[[], object], runs: int) -> float:
    times = []
    for number in range(runs + 5):
        start = time.perf_counter()
        work()
        if number >= 5:
            times.append(1e3 * (time.perf_counter() - start))
    return float(np.median(times))
