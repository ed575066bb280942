"""A network in a process of its own, so that its memory is its own, run on request.

This module, run with ``python -m``, is the child; it reads numbers of runs and answers with times.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import msgspec

from deepmark.benchmarks.studies.support.turns import turns
from deepmark.errors import EngineError
from deepmark.runtime.closing import Closing
from deepmark.runtime.engines.mnn import MnnSettings

WARM_UP = 3  # runs before the first that counts


class _Job(msgspec.Struct):
    model: str
    winograd: int
    memory: str
    threads: int


class _Answer(msgspec.Struct):
    times_ms: list[float]
    engine_mib: float
    process_mib: float
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a network in its own process took.

    Attributes:
        median_ms: median time of a run of the network alone, without pre-processing and decoding, in milliseconds.
        runs: number of runs that counted.
        engine_mib: memory by MNN's own count, in MiB.
        process_mib: resident memory of the whole process after the runs, in MiB.
    """

    median_ms: float
    runs: int
    engine_mib: float
    process_mib: float


class NetworkChild(Closing):
    """A loaded network in a child process.

    Args:
        model: what `load_engine` takes, with a model for MNN.
        settings: MNN's settings.
        threads: inference threads.
    """

    def __init__(self, model: Path, settings: MnnSettings, threads: int) -> None:
        self._label = f"{model} (winograd {settings.winograd}, memory {settings.memory})"
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._times: list[float] = []
        try:
            self._last = self._ask(_Job(str(model), settings.winograd, settings.memory, threads))
        except BaseException:
            self.close()
            raise

    def run(self, count: int) -> None:
        """Run so many times.

        Raises:
            EngineError: the engine refused, or its process died.
        """
        self._last = self._ask(count)
        self._times += self._last.times_ms

    @property
    def footprint(self) -> Footprint:
        """Time and memory of all runs."""
        times = self._times
        return Footprint(median(times), len(times), self._last.engine_mib, self._last.process_mib)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with suppress(BrokenPipeError):  # of a question that nobody read
                stream.close()
        self._process.wait()

    def _ask(self, question: _Job | int) -> _Answer:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(msgspec.json.encode(question) + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise EngineError(f"the process that ran {self._label} died") from error
        line = self._process.stdout.readline()
        if not line:
            raise EngineError(f"the process that ran {self._label} died with status {self._process.wait()}")
        answer = msgspec.json.decode(line, type=_Answer)
        if answer.error:
            raise EngineError(f"{self._label}: {answer.error}")
        return answer


def interleave(children: Sequence[NetworkChild], *, rounds: int, runs: int) -> None:
    """Let all networks run in turn, round by round."""
    for number in range(rounds):
        for child in turns(children, number):
            child.run(runs)


def _serve() -> None:
    import time

    import numpy as np

    from deepmark.errors import DeepMarkError
    from deepmark.runtime.engines.loading import load_engine

    job = msgspec.json.decode(sys.stdin.buffer.readline(), type=_Job)
    try:
        engine = load_engine(job.model, job.threads, "mnn", winograd=job.winograd, memory=job.memory)  # type: ignore[arg-type]
        size = engine.manifest.input
        x = np.random.default_rng(0).standard_normal((1, 3, size.height, size.width), np.float32)
        for _ in range(WARM_UP):
            engine.run(x)
    except DeepMarkError as error:
        _answer(_Answer([], 0, 0, str(error)))
        return
    _answer(_Answer([], engine.memory_mib() or 0, _process_mib()))
    for line in sys.stdin.buffer:
        times = []
        for _ in range(int(line)):
            start = time.perf_counter()
            engine.run(x)
            times.append((time.perf_counter() - start) * 1e3)
        _answer(_Answer(times, engine.memory_mib() or 0, _process_mib()))


def _process_mib() -> float:
    import psutil

    resident: int = psutil.Process().memory_info().rss
    return round(resident / 2**20, 1)


def _answer(answer: _Answer) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve()
