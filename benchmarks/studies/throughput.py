"""How many frames ``deepmark detect`` gets through.

``python -m deepmark.benchmarks.studies.throughput MODEL INPUT...``

Three comparisons, each of ways that take turns in every round: reading, detecting and drawing one after another against
the same overlapped; one process against several, each with one thread and all inputs of its own; frames one by one
against frames that the engine gets as one input.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepmark.benchmarks.studies.support.machine import machine_name
from deepmark.console import output_options, print_json, print_table, run, say
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
class Comparison:
    """Two ways to get through the same frames.

    Attributes:
        way: the second one.
        against: the first one.
        rate: frames a second of the second way, median of the rounds.
        rate_against: of the first one.
        ratio: of the two rates, round by round.
        low: lower end of its interval of 95 %.
        high: its upper end.
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
        engine: that ran, and its threads where one process is alone.
        frames: of all inputs together.
        rounds: that count.
        comparisons: one a row.
    """

    machine: str
    engine: str
    frames: int
    rounds: int
    comparisons: tuple[Comparison, ...]


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
        crews = [stack.enter_context(_crew(model, count)) for count in (1, processes)]
        several = f"{processes} processes of 1 thread"
        engine_name = f"{backend} {engine.record.version}, {engine.record.threads} threads"
        comparisons: tuple[Comparison, ...] = (
            _compare(
                {
                    "one after another": (lambda: _detect_all(detector, sources, 0), frames),
                    "overlapped": (lambda: _detect_all(detector, sources, FRAMES_AHEAD), frames),
                },
                rounds,
            ),
            _compare(
                {
                    "1 process of 1 thread": (lambda: _detect_in(crews[0], 1, sources), frames),
                    several: (lambda: _detect_in(crews[1], processes, sources), frames * processes),
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


def _compare(ways: Mapping[str, Way], rounds: int) -> Comparison:
    """Run two ways in turns, every round in the other order."""
    import numpy as np

    from deepmark.benchmarks.result.statistics import paired_ratio

    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name in sorted(ways, reverse=bool(number % 2)):
            do, frames = ways[name]
            start = time.perf_counter()
            do()
            if number:
                seconds[name].append((time.perf_counter() - start) / frames)
    first, second = ways
    times = {name: [np.array([one]) for one in spent] for name, spent in seconds.items()}
    ratio = paired_ratio(times[first], times[second])
    rates = {name: 1 / float(np.median(spent)) for name, spent in seconds.items()}
    return Comparison(second, first, rates[second], rates[first], ratio.value, ratio.low, ratio.high)


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


def _crew(model: Path, count: int) -> ProcessPoolExecutor:
    """Start processes that have the model loaded; a fork of one that used MNN would hang."""
    return ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _load, (model,))


def _load(model: Path) -> None:
    global _detector  # noqa: PLW0603  a process of the crew has one
    from deepmark.runtime.detector import Detector
    from deepmark.runtime.engines.loading import load_engine

    engine = load_engine(model, threads=1)
    _detector = Detector(engine, params=_as_detect_has_them(engine.manifest.decoder))


def _work(sources: Sequence[Source]) -> int:
    from deepmark.runtime.detection_run import FRAMES_AHEAD

    assert _detector is not None
    return _detect_all(_detector, sources, FRAMES_AHEAD)


def _detect_in(crew: ProcessPoolExecutor, count: int, sources: Sequence[Source]) -> None:
    for done in [crew.submit(_work, sources) for _ in range(count)]:
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


@click.command(name="throughput")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("--rounds", default=10, show_default=True, type=click.IntRange(1), help="Turns of each way.")
@click.option("--threads", type=click.IntRange(1), help="Inference threads.  [default: usable cores, at most 4]")
@click.option("--processes", default=2, show_default=True, type=click.IntRange(2), help="Against one.")
@output_options
def command(
    model: Path, inputs: tuple[str, ...], rounds: int, threads: int | None, processes: int, as_json: bool
) -> None:
    """Time MODEL on all frames of every INPUT, in different ways."""
    found = measure(model, inputs, rounds=rounds, threads=threads, processes=processes)
    if as_json:
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


if __name__ == "__main__":
    run(command, "python -m deepmark.benchmarks.studies.throughput")
