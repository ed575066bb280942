"""The same network in other engines: the graph alone, from a normalised picture to all heads.

A table of loaders, one a library. All compute in float32 with the number of threads that they are given, on one
stream, and are asked for nothing that a user of the library would not ask for. What a rival gives is compared with
ONNX Runtime's result on the dense graph before it is timed: a fast wrong answer is no rival.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from deepmark.benchmarks.speed.messages import Phase
from deepmark.errors import EngineError
from deepmark.runtime.arrays import F32
from deepmark.runtime.heads.maps import PROBABILITY_HEADS, sigmoid

Outputs = Mapping[str, F32]
Source = Literal["onnx", "mnn", "ncnn", "checkpoint"]

TOLERANCE = 2e-3  # of a head's largest absolute value: Winograd stays below, another network does not


@dataclass(frozen=True, slots=True)
class Rival:
    """One library.

    Attributes:
        title: name that users know it by.
        module: name of the Python module that must be installed.
        extra: extra of this package that brings the module.
        source: kind of file that it loads.
        load: function from (file, height, width, threads) to a loaded network.
    """

    title: str
    module: str
    extra: str
    source: Source
    load: Callable[[Path, int, int, int], LoadedRival]


@dataclass(frozen=True, slots=True)
class LoadedRival:
    """A network in a library.

    Attributes:
        version: version of the library.
        settings: what is special about the library's settings.
        run: function from a normalised picture (1, 3, H, W) to the map of every head (C, H/4, W/4).
    """

    version: str
    settings: dict[str, str | int | float | bool]
    run: Callable[[F32], Outputs]


def _load_ncnn(path: Path, height: int, width: int, threads: int) -> LoadedRival:  # noqa: ARG001  it takes any size
    ncnn = importlib.import_module("ncnn")
    net = ncnn.Net()
    net.opt.num_threads = threads
    for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
        setattr(net.opt, option, False)
    if net.load_param(str(path.with_suffix(".param"))) or net.load_model(str(path.with_suffix(".bin"))):
        raise EngineError(f"ncnn cannot load the network written for it from {path.name}")
    names = [line.split() for line in path.with_suffix(".outputs").read_text().splitlines()]

    def run(x: F32) -> dict[str, F32]:
        extractor = net.create_extractor()
        extractor.input("image", ncnn.Mat(x[0]))
        return {name: np.array(extractor.extract(name)[1]) for (name,) in names}

    return LoadedRival(str(ncnn.__version__), {"fp16": False, "bf16": False, "winograd": True}, run)


def _load_openvino(path: Path, height: int, width: int, threads: int) -> LoadedRival:
    # On import it reports itself to its makers' server through this module. Without it, it reports to nobody.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    openvino = importlib.import_module("openvino")
    model = openvino.Core().read_model(str(path))
    model.reshape([1, 3, height, width])
    settings: dict[str, str | int | float | bool] = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": "1",
        "INFERENCE_PRECISION_HINT": "f32",  # newer CPUs would compute in bfloat16
        "ENABLE_CPU_PINNING": False,  # the whole process is pinned
    }
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()

    def run(x: F32) -> dict[str, F32]:
        outputs = request.infer([x], share_inputs=True, share_outputs=True)
        return {output.any_name: np.array(value[0]) for output, value in outputs.items()}

    return LoadedRival(str(openvino.__version__).partition("-")[0], settings, run)


def _load_onnxruntime(path: Path, height: int, width: int, threads: int) -> LoadedRival:  # noqa: ARG001
    from deepmark.runtime.engines.onnxruntime import OnnxRuntimeSession

    session = OnnxRuntimeSession(path, threads)
    return LoadedRival(
        session.facts.version, dict(session.facts.settings), lambda x: {k: v[0] for k, v in session.run(x).items()}
    )


def _load_mnn(path: Path, height: int, width: int, threads: int) -> LoadedRival:  # noqa: ARG001
    from deepmark.runtime.engines.sessions import open_session

    session = open_session(path, "mnn", threads)
    return LoadedRival(
        session.facts.version, dict(session.facts.settings), lambda x: {k: v[0] for k, v in session.run(x).items()}
    )


def _load_torch(path: Path, height: int, width: int, threads: int) -> LoadedRival:  # noqa: ARG001
    import torch

    from deepmark.models.loading import load_checkpoint

    torch.set_num_threads(threads)
    network = load_checkpoint(path).eval()

    def run(x: F32) -> dict[str, F32]:
        with torch.inference_mode():
            return {name: head[0].numpy() for name, head in network(torch.from_numpy(x)).items()}

    return LoadedRival(str(torch.__version__), {}, run)


RIVALS: Mapping[str, Rival] = {
    "torch": Rival("torch", "torch", "export", "checkpoint", _load_torch),
    "onnxruntime": Rival("ONNX Runtime", "onnxruntime", "onnx", "onnx", _load_onnxruntime),
    "mnn": Rival("MNN", "MNN", "rivals", "mnn", _load_mnn),
    "ncnn": Rival("ncnn", "ncnn", "rivals", "ncnn", _load_ncnn),
    "openvino": Rival("OpenVINO", "openvino", "rivals", "onnx", _load_openvino),
}


class NetworkAlone:
    """Times a rival on normalised pictures."""

    phases: tuple[Phase, ...] = ("network",)
    objects = None

    def __init__(self, loaded: LoadedRival, inputs: Sequence[F32]) -> None:
        self._loaded, self._inputs = loaded, inputs

    def run(self, number: int) -> tuple[int, ...]:
        """Run on one picture."""
        x = self._inputs[number % len(self._inputs)]
        start = time.perf_counter_ns()
        self._loaded.run(x)
        return (time.perf_counter_ns() - start,)


def require_same(found: Outputs, expected: Outputs, title: str) -> None:
    """Refuse a network that gives something else.

    A sigmoid at the end is no difference: some graphs have it, the network itself has not.

    Args:
        found: name of the head -> its map (C, H/4, W/4), as the rival computed it.
        expected: name of the head -> its map (C, H/4, W/4), as ONNX Runtime computed it.
        title: name of the rival.

    Raises:
        EngineError: names the head, and how far it is off.
    """
    for name, right in expected.items():
        if name not in found or found[name].shape != right.shape:
            shape = found[name].shape if name in found else "nothing"
            raise EngineError(f"{title} gives {shape} for {name}, expected {right.shape}; it is not timed")
        given = found[name]
        if name in PROBABILITY_HEADS and _is_probability(right) and not _is_probability(given):
            given = sigmoid(given)
        scale = float(np.abs(right).max()) or 1.0
        error = float(np.abs(given - right).max())
        if not error <= TOLERANCE * scale:  # NaN too
            raise EngineError(
                f"{title} is off by {error:.2g} in {name}, whose largest value is {scale:.2g}; it is not timed",
                hint=f"at most {TOLERANCE:g} of the largest value counts as rounding",
            )


def _is_probability(head: F32) -> bool:
    return bool(head.min() >= 0 and head.max() <= 1)
