"""A contestant's own process: loads it, then runs on request. ``python -m deepmark.benchmarks.speed.child``.

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

from deepmark.benchmarks.result.document import INFERENCE
from deepmark.benchmarks.speed import samples
from deepmark.benchmarks.speed.frames import TimedTask
from deepmark.benchmarks.speed.memory import peak_rss_mib
from deepmark.benchmarks.speed.messages import (
    Answer,
    LoadRequest,
    Question,
    Ready,
    Refusal,
    TurnRequest,
    TurnSamples,
    Waiting,
)
from deepmark.errors import DeepMarkError
from deepmark.runtime.arrays import Image8
from deepmark.runtime.bundle import Backend
from deepmark.runtime.multi_inference import MultiInference

_LEAST_RUNS = 2


def serve(questions: IO[bytes], answers: IO[bytes], prepare: Callable[[LoadRequest], Preparation]) -> None:
    """Answer until the questions end, or until one cannot be answered."""

    def answer(message: Answer) -> None:
        answers.write(msgspec.json.encode(message) + b"\n")
        answers.flush()

    timed: TimedTask | None = None
    own_memory: Callable[[], float | None] = lambda: None  # noqa: E731
    for line in questions:
        question = cast("Question", msgspec.json.decode(line, type=LoadRequest | TurnRequest))
        try:
            if isinstance(question, LoadRequest):
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


Preparation = Callable[[], tuple[TimedTask, Ready, Callable[[], "float | None"]]]


def take_turn(
    timed: TimedTask, turn: TurnRequest, own_memory: Callable[[], float | None] = lambda: None
) -> TurnSamples:
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
    return TurnSamples(
        phases=dict(zip(timed.phases, columns, strict=True)),
        own_s=time.process_time() - own,
        objects=timed.objects,
        peak_rss_mib=peak_rss_mib(),
        engine_mib=own_memory(),
    )


def prepare(request: LoadRequest) -> Preparation:
    """Import what the contestant needs and read its pictures; what is returned loads the model itself."""
    if request.cores:
        os.sched_setaffinity(0, request.cores)
    images = samples.load(Path(request.pictures))
    return _prepare_model(request, images) if request.kind == "model" else _prepare_rival(request, images)


def _prepare_model(request: LoadRequest, images: Sequence[Image8]) -> Preparation:
    import cv2

    from deepmark.benchmarks.speed.frames import Frames
    from deepmark.runtime.engines.loading import load_engine

    cv2.setNumThreads(request.threads)

    def load() -> tuple[TimedTask, Ready, Callable[[], float | None]]:
        engine = load_engine(
            request.path,
            request.threads if request.compute == "cpu" else None,
            cast("Backend | None", request.engine),
            pairs=request.inference.flip,
            compute=request.compute,
            gpu=request.gpu,
        )
        record = engine.record
        ready = Ready(
            engine=record.backend,
            version=record.version,
            device=record.device,
            threads=record.threads,
            settings={**record.settings, **_looks(request.inference, record.pairs), **_placement(record.placement)},
            precision=record.precision,
            sha256=record.model_sha256,
            file_bytes=None,
        )
        size = (request.height, request.width)
        return Frames(engine, images, size, request.threshold, request.inference), ready, engine.memory_mib

    return load


def _looks(inference: MultiInference, pairs: str) -> dict[str, str | int]:
    """Return what stands beside an engine's settings where the network does not look once."""
    looks = {} if inference.is_single else {INFERENCE: inference.describe()}
    return {**looks, **({"pairs": pairs} if pairs else {})}


def _placement(operators: str) -> dict[str, str]:
    return {"operators": operators} if operators else {}


def _prepare_rival(request: LoadRequest, images: Sequence[Image8]) -> Preparation:
    from deepmark.benchmarks.speed.rivals import RIVALS, NetworkAlone, require_same

    assert request.engine is not None
    assert request.expected is not None
    rival, path = RIVALS[request.engine], Path(request.path)
    with np.load(request.expected, allow_pickle=False) as file:
        expected = {name: file[name] for name in file.files}
    inputs = [expected.pop(f"input{number}") for number in range(len(images))]

    weights = path.with_suffix(".bin") if rival.source == "ncnn" else path
    with weights.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()

    def load() -> tuple[TimedTask, Ready, Callable[[], float | None]]:
        loaded = rival.load(path, request.height, request.width, request.threads)
        require_same(loaded.run(inputs[0]), expected, rival.title)
        ready = Ready(
            engine=request.engine or "",
            version=loaded.version,
            device="CPU",
            threads=request.threads,
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
