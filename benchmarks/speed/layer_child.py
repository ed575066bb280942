"""Measures every operator of a model, as a child process: MNN by its callbacks, ONNX Runtime by its profiler.

MNN tells each operator's multiply-adds; those of ONNX Runtime follow from the shapes in its profile.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from deepmark.benchmarks.speed.layer_profile import LayerAnswer, LayerJob, Operator
from deepmark.files import write_whole
from deepmark.runtime.arrays import F32
from deepmark.runtime.engines.mnn import MnnSession, MnnSettings
from deepmark.runtime.engines.onnxruntime import OnnxRuntimeSession
from deepmark.runtime.engines.trial import report

WARM_UP = 3  # runs that do not count
LEAST = 3  # runs that count, however long they take
_COUNTED = ("conv", "matmul", "gemm")  # in operators that multiply and add; of others the engines count elements


def measure(job: LayerJob) -> LayerAnswer:
    """Run a model, and return what each of its operators took."""
    if job.cores:
        os.sched_setaffinity(0, job.cores)
    x = np.random.default_rng(0).standard_normal((1, 3, *job.size), np.float32)
    return (_measure_mnn if job.engine == "mnn" else _measure_onnxruntime)(job, x)


def _measure_mnn(job: LayerJob, x: F32) -> LayerAnswer:
    level = MnnSettings().winograd if job.winograd is None else job.winograd
    session = MnnSession(Path(job.path), job.threads, MnnSettings(level))
    runs = []
    for number in _turns(job):
        rows = session.run_operators(x)
        if number >= WARM_UP:
            runs.append(rows)
    operators = []
    for column in zip(*runs, strict=True):
        first = column[0]
        counted = _is_counted(first.kind) and first.multiply_adds > 0
        ms = min(row.ms for row in column)
        operators.append(
            Operator(first.name, first.kind, first.shape, ms, round(first.multiply_adds, 3) if counted else None)
        )
    return LayerAnswer(session.facts.version, len(runs), tuple(operators))


def _measure_onnxruntime(job: LayerJob, x: F32) -> LayerAnswer:
    with tempfile.TemporaryDirectory(prefix="deepmark-profile-") as folder:
        session = OnnxRuntimeSession(Path(job.path), job.threads, profile=Path(folder, "profile"))
        count = -WARM_UP
        for _ in _turns(job):
            session.run(x)
            count += 1
        events = msgspec.json.decode(session.end_profile().read_bytes())
        nodes: dict[str, list[dict[str, Any]]] = {}
        for event in events:
            if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
                nodes.setdefault(event["name"], []).append(event)
        operators = [_operator(name, rows[WARM_UP:]) for name, rows in nodes.items()]
        return LayerAnswer(session.facts.version, count, tuple(operators))


def _turns(job: LayerJob) -> Iterator[int]:
    """Count runs, those of the warm-up too, until there are enough or the time is up."""
    end = time.monotonic() + job.seconds
    for number in range(WARM_UP + max(job.runs, LEAST)):
        if number >= WARM_UP + LEAST and time.monotonic() > end:
            return
        yield number


def _operator(name: str, events: Sequence[Mapping[str, Any]]) -> Operator:
    words = events[0]["args"]
    (shape, *_), inputs = _shapes(words["output_type_shape"]), _shapes(words["input_type_shape"])
    kind = words["op_name"]
    counted = _multiply_adds(kind, inputs, shape) / 1e6 if _is_counted(kind) and len(inputs) > 1 else None
    ms = min(one["dur"] for one in events) / 1e3
    return Operator(name, kind, shape, ms, None if counted is None else round(counted, 3))


def _shapes(described: Sequence[Mapping[str, Sequence[int]]]) -> list[tuple[int, ...]]:
    """Read shapes, ``[{"float": [1, 3, 64, 64]}, ...]``."""
    return [tuple(shape) for one in described for shape in one.values()]


def _multiply_adds(kind: str, inputs: Sequence[tuple[int, ...]], output: tuple[int, ...]) -> int:
    x, weight = inputs[:2]
    if "transpose" in kind.lower():  # each value of the input is multiplied with a kernel of (O / groups, h, w)
        return math.prod(x) * math.prod(weight[1:])
    if "conv" in kind.lower():  # each value of the output needs a kernel of (C / groups, h, w)
        return math.prod(output) * math.prod(weight[1:])
    return math.prod(output) * x[-1]


def _is_counted(kind: str) -> bool:
    return any(word in kind.lower() for word in _COUNTED)


def _serve(asked: str, given: str) -> None:
    answer = measure(msgspec.json.decode(Path(asked).read_bytes(), type=LayerJob))
    write_whole(Path(given), msgspec.json.encode(answer))


if __name__ == "__main__":
    serve: Callable[[], None] = partial(_serve, *sys.argv[1:])
    sys.exit(report(serve))
