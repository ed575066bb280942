"""How many frames `deepmark detect` gets through.

Runs MODEL on all frames of every INPUT, in three comparisons of ways that take turns in every round: reading, detecting
and drawing one after another against the same overlapped; one process against several, each with one thread and all
inputs of its own; frames one by one against frames that the engine gets as one input.

Examples:
  python -m deepmark.benchmarks.studies throughput build/demo/demo.deepmark build/throughput/image --rounds 6
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepmark.benchmarks.studies.support.arguments import add_count, integer
from deepmark.benchmarks.studies.support.machine import machine_name
from deepmark.benchmarks.studies.support.turns import turns
from deepmark.console import print_json, print_table, say
from deepmark.runtime.decoding.params import SHOWN_SCORE

if TYPE_CHECKING:
    from deepmark.runtime.decoding.params import DecoderParams
    from deepmark.runtime.detector import Detector
    from deepmark.runtime.engines.engine import Session
    from deepmark.runtime.manifest import InputSpec
    from deepmark.runtime.media.sources import Source

STACKED = 4  # frames in one input

_detector: Detector | None = None  # of a child process


@dataclass(frozen=True, slots=True)
class WayComparison:
    """Two ways to get through the same frames.

    Attributes:
        way: name of the second way.
        against: name of the first way.
        rate: frames a second of the second way, median of the rounds.
        rate_against: frames a second of the first way, median of the rounds.
        ratio: rate of the second way, divided by that of the first, round by round.
        low: lower end of the ratio's 95 % interval.
        high: upper end of the ratio's 95 % interval.
    """

    way: str
    against: str
    rate: float
    rate_against: float
    ratio: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Throughput:
    """What was measured.

    Attributes:
        machine: processor and system.
        engine: name and version of the engine, and its threads where one process is alone.
        frames: number of frames of all inputs together.
        rounds: number of rounds that count.
        comparisons: rows of the table.
    """

    machine: str
    engine: str
    frames: int
    rounds: int
    comparisons: tuple[WayComparison, ...]


def measure(model: Path, inputs: Sequence[str], *, rounds: int, threads: int | None, processes: int) -> Throughput:
    """Compare the ways; a first round of each does not count.

    Raises:
        DataError: an input cannot be read to its end.
        BundleError: the model cannot be loaded.
        EngineError: its engine is not installed, or failed.
    """
    from deepmark.runtime.bundle import open_bundle
    from deepmark.runtime.detection_run import FRAMES_AHEAD
    from deepmark.runtime.detector import Detector
    from deepmark.runtime.engines.loading import load_engine
    from deepmark.runtime.engines.sessions import open_session
    from deepmark.runtime.media.sources import find_sources

    sources, opened = find_sources(inputs), open_bundle(model)
    backend = next(iter(opened.weights))
    with ExitStack() as stack:
        engine = stack.enter_context(load_engine(opened, threads, backend))
        detector = Detector(engine, params=_as_detect_has_them(engine.manifest.decoder))
        frames = _detect_all(detector, sources, 0)
        pools = [stack.enter_context(_worker_pool(model, count)) for count in (1, processes)]
        several = f"{processes} processes of 1 thread"
        engine_name = f"{backend} {engine.record.version}, {engine.record.threads} threads"
        comparisons: tuple[WayComparison, ...] = (
            _compare(
                {
                    "one after another": (lambda: _detect_all(detector, sources, 0), frames),
                    "overlapped": (lambda: _detect_all(detector, sources, FRAMES_AHEAD), frames),
                },
                rounds,
            ),
            _compare(
                {
                    "1 process of 1 thread": (lambda: _detect_in(pools[0], 1, sources), frames),
                    several: (lambda: _detect_in(pools[1], processes, sources), frames * processes),
                },
                rounds,
            ),
        )
        if opened.manifest.input.dynamic:
            path = stack.enter_context(opened.weights_file(backend))
            sessions = [open_session(path, backend, engine.record.threads) for _ in range(2)]
            comparisons += (_compare(_network_ways(sessions, opened.manifest.input), rounds),)
    return Throughput(machine_name(), engine_name, frames, rounds, comparisons)


Way = tuple[Callable[[], Any], int]  # what to do, and the number of frames in it


def _compare(ways: Mapping[str, Way], rounds: int) -> WayComparison:
    """Run two ways in turns; the first round does not count."""
    import numpy as np

    from deepmark.benchmarks.result.statistics import paired_ratio

    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name in turns(list(ways), number):
            do, frames = ways[name]
            start = time.perf_counter()
            do()
            if number:
                seconds[name].append((time.perf_counter() - start) / frames)
    first, second = ways
    times = {name: [np.array([one]) for one in spent] for name, spent in seconds.items()}
    ratio = paired_ratio(times[first], times[second])
    rates = {name: 1 / float(np.median(spent)) for name, spent in seconds.items()}
    return WayComparison(second, first, rates[second], rates[first], ratio.value, ratio.low, ratio.high)


def _detect_all(detector: Detector, sources: Sequence[Source], ahead: int) -> int:
    from deepmark.runtime.detection_run import DetectionRun
    from deepmark.runtime.media.output_folder import OutputFolder

    with tempfile.TemporaryDirectory(prefix="deepmark-") as folder:
        outcome = DetectionRun(detector, OutputFolder(Path(folder) / "out"), lambda *_: None, ahead=ahead).run(sources)
    if outcome.failures:
        raise outcome.failures[0][1]
    return outcome.frames


def _as_detect_has_them(params: DecoderParams) -> DecoderParams:
    return replace(params, score_threshold=SHOWN_SCORE)


def _worker_pool(model: Path, count: int) -> ProcessPoolExecutor:
    """Start processes that have the model loaded; a fork of one that used MNN would hang."""
    return ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _load, (model,))


def _load(model: Path) -> None:
    global _detector  # noqa: PLW0603  each process of the pool has one
    from deepmark.runtime.detector import Detector
    from deepmark.runtime.engines.loading import load_engine

    engine = load_engine(model, threads=1)
    _detector = Detector(engine, params=_as_detect_has_them(engine.manifest.decoder))


def _work(sources: Sequence[Source]) -> int:
    from deepmark.runtime.detection_run import FRAMES_AHEAD

    assert _detector is not None
    return _detect_all(_detector, sources, FRAMES_AHEAD)


def _detect_in(pool: ProcessPoolExecutor, count: int, sources: Sequence[Source]) -> None:
    for done in [pool.submit(_work, sources) for _ in range(count)]:
        done.result()


def _network_ways(sessions: Sequence[Session], size: InputSpec) -> dict[str, Way]:
    """Return the network alone on `STACKED` frames: one by one, and as one input. A session each: both keep a size."""
    import numpy as np

    one = np.random.default_rng(0).standard_normal((1, 3, size.height, size.width)).astype(np.float32)
    stacked = np.repeat(one, STACKED, axis=0)
    return {
        "network, frame by frame": (lambda: [sessions[0].run(one) for _ in range(STACKED)], STACKED),
        f"network, {STACKED} frames as one input": (lambda: sessions[1].run(stacked), STACKED),
    }


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    parser.add_argument("model", metavar="MODEL", type=Path, help="A bundle or model, as `deepmark detect` takes it.")
    parser.add_argument("inputs", metavar="INPUT", nargs="+", help="Pictures, videos and folders.")
    add_count(parser, "--rounds", 10, "Turns of each way.")
    parser.add_argument(
        "--threads", metavar="N", type=integer(1), help="Inference threads.  [default: usable cores, at most 4]"
    )
    add_count(parser, "--processes", 2, "Processes to hold against one.", least=2)


def run(options: Namespace) -> None:
    """Measure, and print what was found."""
    found = measure(
        options.model,
        options.inputs,
        rounds=options.rounds,
        threads=options.threads,
        processes=options.processes,
    )
    if options.as_json:
        print_json(found)
        return
    rows = [
        (one.way, f"{one.rate:.1f}", one.against, f"{one.rate_against:.1f}", f"{one.ratio:.3f}",
         f"{one.low:.3f} to {one.high:.3f}")
        for one in found.comparisons
    ]  # fmt: skip
    columns = ("way", "frames/s", "against", "frames/s", "ratio", "95 %")
    print_table(columns, rows, title=f"{found.engine}; {found.frames} frames, {found.rounds} rounds; {found.machine}")
    say("detect reads, detects, draws and writes; the network alone does none of these but its own part")
