"""How much faster a sparse bundle is than a dense one of the same checkpoint, whole frames, on one pinned core.

``python -m deepmark.benchmarks.studies.sparse_speed DENSE SPARSE PICTURES`` letterboxes, runs and decodes every picture
with both, one after the other and in turns the other way round, so that whatever else the machine does meets both
alike. The answer is the ratio of the two times of one picture in one round: its median, with a bootstrap interval.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from deepmark.console import output_options, print_json, print_table, run
from deepmark.runtime.decoding.params import SHOWN_SCORE

WARM_UP = 5  # rounds that do not count


@dataclass(frozen=True, slots=True)
class Comparison:
    """One engine: medians of milliseconds on the core, and of dense time / sparse time with its 95 % interval.

    ``part`` is ``"frame"`` (letterbox, network, decoding) or ``"network"`` (with the input's normalisation).
    """

    engine: str
    part: str
    dense_ms: float
    sparse_ms: float
    ratio: float
    low: float
    high: float
    pairs: int


def compare(
    dense: Path, sparse: Path, pictures: Sequence[Path], *, rounds: int, threshold: float
) -> tuple[Comparison, ...]:
    """Compare two bundles with every engine that both have a model for."""
    from deepmark.runtime import Detector, letterbox, load_engine
    from deepmark.runtime.bundle import open_bundle
    from deepmark.runtime.media.picture_file import read_picture

    images = [read_picture(path) for path in pictures]
    models = [open_bundle(path) for path in (dense, sparse)]
    found: list[Comparison] = []
    for backend in (one for one in models[0].weights if one in models[1].weights):
        with ExitStack() as stack:
            engines = [stack.enter_context(load_engine(model, threads=1, backend=backend)) for model in models]
            params = replace(engines[0].manifest.decoder, score_threshold=threshold)
            detectors = [Detector(engine, params=params) for engine in engines]
            record, size = engines[0].record, engines[0].manifest.input
            inputs = [letterbox(image, (size.height, size.width))[0] for image in images]
            name = f"{record.backend} {record.version}"
            found.append(_summary(name, "frame", _pairs(detectors, images, rounds)))
            found.append(_summary(name, "network", _pairs([engine.heads for engine in engines], inputs, rounds)))
    return tuple(found)


Pairs = list[tuple[float, float]]  # ms of the dense and of the sparse bundle
Picture = Any  # an array; NumPy is not imported for --help


def _pairs(functions: Sequence[Callable[[Picture], object]], pictures: Sequence[Picture], rounds: int) -> Pairs:
    pairs: Pairs = []
    for number, (turn, picture) in itertools.product(range(WARM_UP + rounds), enumerate(pictures)):
        spent = [0.0, 0.0]
        for which in (0, 1) if (number + turn) % 2 else (1, 0):
            start = time.thread_time_ns()
            functions[which](picture)
            spent[which] = (time.thread_time_ns() - start) / 1e6
        if number >= WARM_UP:
            pairs.append((spent[0], spent[1]))
    return pairs


def _summary(engine: str, part: str, pairs: Pairs) -> Comparison:
    import numpy as np

    from deepmark.benchmarks.result.statistics import bootstrap_interval

    times = np.array(pairs)
    ratios = times[:, 0] / times[:, 1]
    low, high = bootstrap_interval(len(ratios), lambda drawn: np.median(ratios[drawn], axis=1))
    figures = (*np.median(times, axis=0), np.median(ratios), low, high)
    dense_ms, sparse_ms, ratio, low, high = (round(float(value), 3) for value in figures)
    return Comparison(engine, part, dense_ms, sparse_ms, ratio, low, high, len(pairs))


@click.command(name="sparse_speed")
@click.argument("dense", type=click.Path(path_type=Path))
@click.argument("sparse", type=click.Path(path_type=Path))
@click.argument("pictures", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--rounds", default=20, show_default=True, type=click.IntRange(1), help="Runs of each picture.")
@click.option("--threshold", default=SHOWN_SCORE, show_default=True, type=click.FloatRange(0, 1), help="As of detect.")
@output_options
def command(
    dense: Path, sparse: Path, pictures: tuple[Path, ...], rounds: int, threshold: float, as_json: bool
) -> None:
    """Compare bundles DENSE and SPARSE of one checkpoint, exported to the same formats, on PICTURES."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    found = compare(dense, sparse, pictures, rounds=rounds, threshold=threshold)
    if as_json:
        print_json(found)
        return
    rows = [
        (one.engine, one.part, f"{one.dense_ms:.1f}", f"{one.sparse_ms:.1f}", f"{one.ratio:.3f}",
         f"{one.low:.3f} to {one.high:.3f}", f"{one.pairs}")
        for one in found
    ]  # fmt: skip
    columns = ("engine", "part", "dense ms", "sparse ms", "ratio", "95 %", "pairs")
    print_table(columns, rows, title="One core, core time")


if __name__ == "__main__":
    run(command, "python -m deepmark.benchmarks.studies.sparse_speed")
