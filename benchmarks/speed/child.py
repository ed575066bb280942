"""A contestant's own process: loads it, then runs when it is told to. ``python -m deepmark.benchmarks.speed.child``.

It is a process of its own so that its memory is its own, and so that a library that crashes ends nothing else.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, cast

import msgspec
import numpy as np

from deepmark.benchmarks.speed import samples
from deepmark.benchmarks.speed.frames import Timed
from deepmark.benchmarks.speed.memory import peak_rss_mib
from deepmark.benchmarks.speed.messages import Answer, Job, Question, Ready, Refusal, Samples, Turn, Waiting
from deepmark.errors import DeepMarkError
from deepmark.runtime.arrays import Image8
from deepmark.runtime.bundle import Backend

_LEAST_RUNS = 2


def serve(questions: IO[bytes], answers: IO[bytes], prepare: Callable[[Job], Preparation]) -> None:
    """Answer until the questions end, or until one cannot be answered."""

    def answer(message: Answer) -> None:
        answers.write(msgspec.json.encode(message) + b"\n")
        answers.flush()

    timed: Timed | None = None
    own_memory: Callable[[], float | None] = lambda: None  # noqa: E731
    for line in questions:
        question = cast("Question", msgspec.json.decode(line, type=Job | Turn))
        try:
            if isinstance(question, Job):
                preparation = prepare(question)
                answer(Waiting())
                timed, ready, own_memory = preparation()
                answer(ready)
            else:
                assert timed is not None
                answer(take_turn(timed, question, own_memory))
        except DeepMarkError as error:
            answer(Refusal(str(error), error.hint))
            return


Preparation = Callable[[], tuple[Timed, Ready, Callable[[], "float | None"]]]


def take_turn(timed: Timed, turn: Turn, own_memory: Callable[[], float | None] = lambda: None) -> Samples:
    """Run a contestant as long as a turn asks for."""
    if turn.counts:
        timed.run(0)
    runs: list[tuple[int, ...]] = []
    own, start = time.process_time(), time.monotonic()
    while True:
        runs.append(timed.run(len(runs)))
        passed = time.monotonic() - start
        if len(runs) >= turn.runs and passed >= turn.at_least_s:
            break
        if len(runs) >= _LEAST_RUNS and passed >= turn.at_most_s:
            break
    columns = np.round(np.array(runs).T / 1e6, 6).tolist()  # a phase each, ms
    return Samples(
        phases=dict(zip(timed.phases, columns, strict=True)),
        own_s=time.process_time() - own,
        objects=timed.objects,
        peak_rss_mib=peak_rss_mib(),
        engine_mib=own_memory(),
    )


def prepare(job: Job) -> Preparation:
    """Import what the job needs and read its pictures; what is returned loads the model itself."""
    if job.cores:
        os.sched_setaffinity(0, job.cores)
    images = samples.load(Path(job.pictures))
    return _prepare_model(job, images) if job.kind == "model" else _prepare_rival(job, images)


def _prepare_model(job: Job, images: Sequence[Image8]) -> Preparation:
    import cv2

    from deepmark.benchmarks.speed.frames import Frames
    from deepmark.runtime.engines.loading import load_engine

    cv2.setNumThreads(job.threads)

    def load() -> tuple[Timed, Ready, Callable[[], float | None]]:
        engine = load_engine(job.path, job.threads, cast("Backend | None", job.engine))
        record = engine.record
        ready = Ready(
            engine=record.backend,
            version=record.version,
            device=record.device,
            threads=record.threads,
            settings=dict(record.settings),
            precision=record.precision,
            sha256=record.model_sha256,
            file_bytes=None,
        )
        return Frames(engine, images, (job.height, job.width), job.threshold), ready, engine.memory_mib

    return load


def _prepare_rival(job: Job, images: Sequence[Image8]) -> Preparation:
    from deepmark.benchmarks.speed.rivals import RIVALS, NetworkAlone, require_same

    assert job.engine is not None
    assert job.expected is not None
    rival, path = RIVALS[job.engine], Path(job.path)
    with np.load(job.expected, allow_pickle=False) as file:
        expected = {name: file[name] for name in file.files}
    inputs = [expected.pop(f"input{number}") for number in range(len(images))]

    weights = path.with_suffix(".bin") if rival.source == "ncnn" else path
    with weights.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()

    def load() -> tuple[Timed, Ready, Callable[[], float | None]]:
        loaded = rival.load(path, job.height, job.width, job.threads)
        require_same(loaded.run(inputs[0]), expected, rival.title)
        ready = Ready(
            engine=job.engine or "",
            version=loaded.version,
            device="CPU",
            threads=job.threads,
            settings=loaded.settings,
            precision="fp32",
            sha256=sha256,
            file_bytes=weights.stat().st_size,
        )
        return NetworkAlone(loaded, inputs), ready, lambda: None

    return load


def main() -> None:
    """Answer on what was standard output; whatever libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers, prepare)


if __name__ == "__main__":
    main()
