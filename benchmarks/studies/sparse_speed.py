"""How much faster a sparse bundle is than a dense one of the same checkpoint, on one pinned core.

Letterboxes, runs and decodes every picture with both bundles, one after the other and in turns the other way round, so
that whatever else the machine does meets both alike. DENSE and SPARSE are exported from one checkpoint to the same
formats; every engine that both have a model for is compared. The answer is the ratio of the two times of one picture in
one round: its median, with a bootstrap interval.

Examples:
  python -m deepmark.benchmarks.studies sparse_speed dense.deepmark sparse.deepmark models/demo/samples/*.png
"""

from __future__ import annotations

import itertools
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deepmark.benchmarks.studies.support.arguments import add_count, existing_file, real
from deepmark.benchmarks.studies.support.machine import stay_on_one_core
from deepmark.benchmarks.studies.support.turns import turns
from deepmark.console import print_json, print_table
from deepmark.runtime.decoding.params import SHOWN_SCORE

WARM_UP = 5  # rounds that do not count


@dataclass(frozen=True, slots=True)
class SparseSpeed:
    """A dense and a sparse bundle in one engine.

    Attributes:
        engine: name and version of the engine.
        part: ``"frame"`` (letterbox, network, decoding) or ``"network"`` (with the input's normalisation).
        dense_ms: median time of the dense bundle on the core, in milliseconds.
        sparse_ms: median time of the sparse bundle on the core, in milliseconds.
        ratio: median of dense time, divided by sparse time.
        low: lower end of the ratio's 95 % interval.
        high: upper end of the ratio's 95 % interval.
        pairs: number of pairs of runs.
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
) -> tuple[SparseSpeed, ...]:
    """Compare two bundles with every engine that both have a model for."""
    from deepmark.runtime import Detector, letterbox, load_engine
    from deepmark.runtime.bundle import open_bundle
    from deepmark.runtime.media.picture_file import read_picture

    images = [read_picture(path) for path in pictures]
    models = [open_bundle(path) for path in (dense, sparse)]
    found: list[SparseSpeed] = []
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
        for which in turns((1, 0), number + turn):
            start = time.thread_time_ns()
            functions[which](picture)
            spent[which] = (time.thread_time_ns() - start) / 1e6
        if number >= WARM_UP:
            pairs.append((spent[0], spent[1]))
    return pairs


def _summary(engine: str, part: str, pairs: Pairs) -> SparseSpeed:
    import numpy as np

    from deepmark.benchmarks.result.statistics import median_of_ratios

    times = np.array(pairs)
    found = median_of_ratios(times[:, 0] / times[:, 1])
    figures = (*np.median(times, axis=0), found.value, found.low, found.high)
    dense_ms, sparse_ms, ratio, low, high = (round(float(value), 3) for value in figures)
    return SparseSpeed(engine, part, dense_ms, sparse_ms, ratio, low, high, len(pairs))


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    parser.add_argument("dense", metavar="DENSE", type=Path, help="A bundle with dense heads.")
    parser.add_argument("sparse", metavar="SPARSE", type=Path, help="A bundle with sparse heads.")
    parser.add_argument("pictures", metavar="PICTURES", type=existing_file, nargs="+", help="Pictures.")
    add_count(parser, "--rounds", 20, "Runs of each picture.")
    parser.add_argument(
        "--threshold",
        type=real(0, 1),
        metavar="X",
        default=SHOWN_SCORE,
        help="Floor of an object's final score, as of detect.  [default: %(default)s]",
    )


def run(options: Namespace) -> None:
    """Measure, and print what was found."""
    stay_on_one_core()
    found = compare(options.dense, options.sparse, options.pictures, rounds=options.rounds, threshold=options.threshold)
    if options.as_json:
        print_json(found)
        return
    rows = [
        (one.engine, one.part, f"{one.dense_ms:.1f}", f"{one.sparse_ms:.1f}", f"{one.ratio:.3f}",
         f"{one.low:.3f} to {one.high:.3f}", f"{one.pairs}")
        for one in found
    ]  # fmt: skip
    columns = ("engine", "part", "dense ms", "sparse ms", "ratio", "95 %", "pairs")
    print_table(columns, rows, title="One core, core time")
