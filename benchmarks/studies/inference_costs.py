"""What a flip test and several scales cost, beside single runs of the same network, on one pinned core.

Everything takes turns, round by round and every other round backwards, on every picture: a single look; a flip test in
two runs of the network and in one run of two pictures; each scale by itself, in an engine of its own that never changes
its size; and all scales in one engine, which is resized for each. Times are of letterbox and network, without
decoding. The answer is a ratio in one round: of a flip test to a single look, of all scales to the sum of the single
ones; its median, with a bootstrap interval.

Examples:
  python -m deepmark.benchmarks.studies inference_costs demo.deepmark models/demo/samples/*.png --mode keep
"""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from deepmark.benchmarks.studies.support.arguments import add_count, existing_file
from deepmark.benchmarks.studies.support.machine import stay_on_one_core
from deepmark.benchmarks.studies.support.turns import turns
from deepmark.console import print_json, print_table

if TYPE_CHECKING:
    from deepmark.runtime.engines.engine import Engine
    from deepmark.runtime.multi_inference import MultiInference

WARM_UP = 2  # rounds that do not count
SINGLE, FLIP, FLIP_TOGETHER, ALL_SCALES = "single look", "flip, two runs", "flip, one run of two", "all scales"


@dataclass(frozen=True, slots=True)
class InferenceCost:
    """One way to look at a picture in one engine.

    Attributes:
        engine: name and version of the engine.
        way: how the picture was looked at.
        milliseconds: median time of a picture on the core, in milliseconds.
        against: what the ratio is to; empty for a single look.
        ratio: median ratio of the times in one round.
        low: lower end of the ratio's 95 % interval.
        high: upper end of the ratio's 95 % interval.
        pairs: number of runs of each.
    """

    engine: str
    way: str
    milliseconds: float
    against: str
    ratio: float
    low: float
    high: float
    pairs: int


def measure(
    bundle: Path, pictures: Sequence[Path], *, scales: tuple[float, ...], mode: Literal["fix", "keep"], rounds: int
) -> tuple[InferenceCost, ...]:
    """Measure all ways with every engine that the bundle has a model for."""
    from deepmark.runtime.bundle import open_bundle
    from deepmark.runtime.engines.loading import load_engine
    from deepmark.runtime.media.picture_file import read_picture
    from deepmark.runtime.multi_inference import MultiInference
    from deepmark.runtime.placed_heads import look

    images, model = [read_picture(path) for path in pictures], open_bundle(bundle)
    MultiInference(flip=True, scales=scales, scales_mode=mode).for_model(model.manifest)
    found: list[InferenceCost] = []
    for backend in model.weights:
        with ExitStack() as stack:

            def way(
                inference: MultiInference,
                *,
                together: bool = False,
                backend: Any = backend,
                stack: ExitStack = stack,
            ) -> tuple[Engine, Callable[[Picture], object]]:
                engine = stack.enter_context(load_engine(model, threads=1, backend=backend))
                engine.together = together
                return engine, lambda image: list(look(engine, image, inference))

            engine, single = way(MultiInference())
            ways = {SINGLE: single, FLIP: way(MultiInference(flip=True))[1]}
            if model.manifest.input.dynamic:
                ways[FLIP_TOGETHER] = way(MultiInference(flip=True), together=True)[1]
            for scale in scales:
                ways[f"scale {scale:g}"] = way(MultiInference(scales=(scale,), scales_mode=mode))[1]
            ways[ALL_SCALES] = way(MultiInference(scales=scales, scales_mode=mode))[1]
            name = f"{engine.record.backend} {engine.record.version}"
            found += _summary(name, _times(ways, images, rounds))
    return tuple(found)


Picture = Any  # an array; NumPy is not imported for --help


def _times(
    ways: Mapping[str, Callable[[Picture], object]], pictures: Sequence[Picture], rounds: int
) -> dict[str, list[float]]:
    """Run all ways in turns: milliseconds of every run that counts."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(WARM_UP + rounds):
        for turn, picture in enumerate(pictures):
            for name in turns(list(ways), number + turn):
                start = time.thread_time_ns()
                ways[name](picture)
                if number >= WARM_UP:
                    times[name].append((time.thread_time_ns() - start) / 1e6)
    return times


def _summary(engine: str, times: Mapping[str, Sequence[float]]) -> list[InferenceCost]:
    import numpy as np

    from deepmark.benchmarks.result.statistics import median_of_ratios

    scales = [name for name in times if name.startswith("scale ")]
    single, sum_of_scales = np.array(times[SINGLE]), np.sum([times[name] for name in scales], axis=0)
    found = []
    for name, spent in times.items():
        against, base = ("the sum of its scales", sum_of_scales) if name == ALL_SCALES else (SINGLE, single)
        of_base = median_of_ratios(np.array(spent) / base)
        figures = (float(np.median(spent)), of_base.value, of_base.low, of_base.high)
        took, ratio, low, high = (round(value, 3) for value in figures)
        against = "" if name == SINGLE else against
        found.append(InferenceCost(engine, name, took, against, ratio, low, high, len(spent)))
    return found


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="A bundle.")
    parser.add_argument("pictures", metavar="PICTURES", type=existing_file, nargs="+", help="Pictures.")
    parser.add_argument(
        "--scales", metavar="LIST", default=".85,.95,1,1.1", help="Scales of a picture.  [default: %(default)s]"
    )
    parser.add_argument(
        "--mode",
        choices=("fix", "keep"),
        default="fix",
        help="Network's input at a scale, as of detect --scales-mode.  [default: %(default)s]",
    )
    add_count(parser, "--rounds", 5, "Runs of each picture.")


def run(options: Namespace) -> None:
    """Measure, and print what was found."""
    from deepmark.runtime.multi_inference import parse_scales

    stay_on_one_core()
    scales = parse_scales(options.scales)
    found = measure(options.bundle, options.pictures, scales=scales, mode=options.mode, rounds=options.rounds)
    if options.as_json:
        print_json(found)
        return
    rows = [
        (one.engine, one.way, f"{one.milliseconds:.1f}", f"{one.ratio:.3f}", f"{one.low:.3f} to {one.high:.3f}",
         one.against, f"{one.pairs}")
        for one in found
    ]  # fmt: skip
    columns = ("engine", "way", "ms", "ratio", "95 %", "to", "runs")
    print_table(columns, rows, title="One core, core time")
