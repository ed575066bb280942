"""MNN through its Session API, the fastest that its Python module has.

What the library does not do itself, and is done here: the input is copied before every run (its buffer is used as
scratch), the layout is declared (NCHW, "Caffe"), a run's return code is required to be 0 (otherwise the last outputs
would still stand there), outputs are copied out while the interpreter lives, and there is one session a model, resized
only when the size changes (each further session keeps 200 MB).
"""

from __future__ import annotations

import os
import platform
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from deepmark.errors import BundleError, EngineError, UsageError
from deepmark.runtime.arrays import F32
from deepmark.runtime.engines.engine import SessionFacts
from deepmark.runtime.native_libraries import captured_stdout, native_path

Memory = Literal["normal", "low"]
WINOGRAD_LEVELS = (0, 1, 2, 3)
MEMORY_CODES = {"normal": 0, "low": 2}  # words would be taken too, and ignored if unknown
MOST_SQUARED = 1 << 20  # pixels that a first shape may add, at about 220 bytes each: as much as larger kernels take

_HINT_WINOGRAD = 3  # setSessionHint
_INFO_MEMORY, _INFO_BACKEND, _INFO_THREADS = 0, 2, 4  # getSessionInfo
_CPU_EXTENSION = 13  # back end of a CPU's better instructions: AVX2 or AVX-512 on x86, fp16 arithmetic on ARM

_pool_owner: int | None = None  # the process that MNN's threads live in


@dataclass(frozen=True, slots=True)
class MnnSettings:
    """How a session computes.

    Attributes:
        winograd: level of memory that fast convolutions may take, from 0 (none of them) to 3 (MNN's default: the
            fastest).
        memory: ``"low"`` leaves 8-bit weights packed and computes with them as they are; it is much slower where the
            processor has no instructions for it. It changes nothing in other models.
    """

    winograd: int = 3
    memory: Memory = "normal"

    def __post_init__(self) -> None:
        """Refuse what MNN would ignore.

        Raises:
            UsageError: names the setting, its choices and the value.
        """
        if self.winograd not in WINOGRAD_LEVELS:
            raise UsageError(f"winograd must be one of 0, 1, 2, 3, found {self.winograd!r}")
        if self.memory not in get_args(Memory):
            raise UsageError(f"memory must be 'normal' or 'low', found {self.memory!r}")

    @property
    def session(self) -> dict[str, int]:
        """What ``createSession`` takes: precision and power stay normal (0)."""
        return {"precision": 0, "memory": MEMORY_CODES[self.memory], "power": 0}


NORMAL = MnnSettings()


@dataclass(frozen=True, slots=True)
class OperatorRun:
    """One operator in one run.

    Attributes:
        name: MNN's name, of the operator's first output.
        kind: type, as MNN names it.
        shape: shape of the first output.
        ms: time, in milliseconds.
        multiply_adds: MNN's own count, in millions; of other operators than convolutions and products of matrices it
            counts elements.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    ms: float
    multiply_adds: float


class MnnSession:
    """One ``.mnn`` file with one session."""

    def __init__(self, path: Path, threads: int, settings: MnnSettings = NORMAL) -> None:
        """Load a model file.

        Raises:
            BundleError: MNN cannot read the file.
            EngineError: MNN is not installed, or this process was forked from one that used MNN.
        """
        claim_threads()
        self._settings = settings
        self._mnn = import_mnn()
        with captured_stdout() as output:
            self._interpreter, self._session = self._load(path, threads)
        if self._session is None:
            raise BundleError(
                f"MNN cannot load {path.name}: {output.last_line or 'it does not say why'}",
                hint="copy or export the model again",
            )
        self.facts = self._read_facts()
        self._input = self._interpreter.getSessionInput(self._session)
        self._shape: tuple[int, ...] = ()
        self._unprepared = min(self._input.getShape(), default=0) < 1  # it takes any size, and has had none yet
        self._host_input: Any = None
        self._outputs: dict[str, Any] = {}
        self._host_outputs: dict[str, Any] = {}

    def output_shapes(self, input_shape: tuple[int, ...]) -> dict[str, tuple[int | None, ...]]:
        """Return name -> (1, C, H, W) of all outputs for an input of this shape."""
        self._resize(input_shape)
        return {name: tensor.getShape() for name, tensor in self._outputs.items()}

    def run(self, x: F32) -> dict[str, F32]:
        """Run on a contiguous (N, 3, H, W) array.

        Raises:
            EngineError: MNN could not prepare for this size, or the run failed.
        """
        self._resize(x.shape)
        np.copyto(self._host_input.getNumpyData(), x)
        self._input.copyFrom(self._host_input)
        return self._results()

    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return name -> shape of all inputs, as the file states them."""
        inputs = self._interpreter.getSessionInputAll(self._session)
        return {name: tuple(tensor.getShape()) for name, tensor in inputs.items()}

    def run_named(self, inputs: Mapping[str, F32]) -> dict[str, F32]:
        """Run a graph of several inputs, each by its name and of the shape that the file states.

        Raises:
            EngineError: MNN could not prepare the graph, or the run failed.
        """
        self._resize(tuple(self._input.getShape()))
        for name, values in inputs.items():
            host = host_tensor(self._mnn, values.shape)
            np.copyto(host.getNumpyData(), values)
            self._interpreter.getSessionInput(self._session, name).copyFrom(host)
        return self._results()

    def run_operators(self, x: F32) -> list[OperatorRun]:
        """Run on an array as `run` takes, and return what each operator took, in order.

        Raises:
            EngineError: MNN could not prepare for this size, or the run failed.
        """
        self._resize(x.shape)
        np.copyto(self._host_input.getNumpyData(), x)
        self._input.copyFrom(self._host_input)
        found: list[OperatorRun] = []
        started = 0

        def before(tensors: list[Any], info: Any) -> bool:  # noqa: ARG001  MNN's own form
            nonlocal started
            started = time.perf_counter_ns()
            return True

        def after(tensors: list[Any], info: Any) -> bool:
            ms = (time.perf_counter_ns() - started) / 1e6
            shape = tuple(tensors[0].getShape()) if tensors else ()
            found.append(OperatorRun(info.getName(), info.getType(), shape, ms, float(info.getFlops())))
            return True

        code = self._interpreter.runSessionWithCallBackInfo(self._session, before, after)
        if code:
            raise EngineError(f"MNN's run failed with code {code}")
        return found

    def _results(self) -> dict[str, F32]:
        code = self._interpreter.runSession(self._session)
        if code:
            raise EngineError(f"MNN's run failed with code {code}")
        results = {}
        for name, tensor in self._outputs.items():
            host = self._host_outputs[name]
            tensor.copyToHostTensor(host)
            results[name] = host.getNumpyData().copy()  # the view does not keep its tensor alive
        return results

    def memory_mib(self) -> float:
        """Return what MNN uses for weights and maps, by its own count."""
        return round(float(self._interpreter.getSessionInfo(self._session, _INFO_MEMORY)), 1)

    def close(self) -> None:
        """Free tensors before the interpreter that owns them: used after it, they would crash."""
        self._host_outputs = {}
        self._outputs = {}
        self._host_input = self._input = self._session = None
        self._interpreter = None

    def _read_facts(self) -> SessionFacts:
        """Read back what MNN made of the request: it cuts threads and falls back to the CPU without a word."""
        code = int(self._interpreter.getSessionInfo(self._session, _INFO_BACKEND))
        fp16 = code == _CPU_EXTENSION and platform.machine() in {"aarch64", "arm64"}
        return SessionFacts(
            version=str(self._mnn.version()),
            device={0: "CPU", _CPU_EXTENSION: "CPU with extensions"}.get(code, f"MNN back end {code}"),
            threads=_bits(self._interpreter.getSessionInfo(self._session, _INFO_THREADS)),
            precision="fp16" if fp16 else "fp32",
            settings={**self._settings.session, "winograd_level": self._settings.winograd, "backend_code": code},
        )

    def _load(self, path: Path, threads: int) -> tuple[Any, Any]:
        try:
            interpreter = self._mnn.Interpreter(native_path(path, EngineError))
        except Exception:  # noqa: BLE001  MNN raises nothing more precise; the cause stands on stdout
            return None, None
        interpreter.setSessionHint(_HINT_WINOGRAD, self._settings.winograd)  # only counts before the session is made
        return interpreter, interpreter.createSession(
            {"backend": "CPU", "numThread": threads, **self._settings.session}
        )

    def _resize(self, shape: tuple[int, ...]) -> None:
        if shape == self._shape:
            return
        self._shape = ()
        with captured_stdout() as output:
            for one in dict.fromkeys((first_shape(shape), shape) if self._unprepared else (shape,)):
                self._interpreter.resizeTensor(self._input, one)
                self._interpreter.resizeSession(self._session)  # True whatever the shape
        self._unprepared = False
        self._outputs = self._interpreter.getSessionOutputAll(self._session)
        if not are_prepared(self._outputs):
            raise EngineError(f"MNN cannot run an input of shape {shape}: {output.last_line}")
        self._host_input = host_tensor(self._mnn, shape)
        self._host_outputs = host_copies(self._mnn, self._outputs)
        self._shape = shape


def first_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that a session is prepared for first: the square of the longer side.

    MNN chooses each convolution's algorithm at a session's first size, and keeps it. At 3:4 it would take larger
    Winograd tiles for the smallest maps: few of them, with far larger kernels. That is as slow as the whole square, and
    takes 1.7 times the memory (docs/decisions/0040). A long strip is prepared as it is: MNN keeps the memory of the
    largest size, and that of its square would be far more than larger kernels take.

    >>> first_shape((1, 3, 256, 192))
    (1, 3, 256, 256)
    >>> first_shape((1, 3, 128, 4096))
    (1, 3, 128, 4096)
    """
    side = max(shape[2:], default=0)
    if len(shape) != 4 or side * side - shape[2] * shape[3] > MOST_SQUARED:
        return shape
    return (*shape[:2], side, side)


def are_prepared(outputs: Mapping[str, Any]) -> bool:
    """Tell whether MNN could prepare a session for its size: it does not say so, but leaves an output without cells."""
    return all(min(tensor.getShape(), default=0) >= 1 for tensor in outputs.values())


def host_tensor(mnn: Any, shape: tuple[int, ...]) -> Any:
    """Make a float tensor in the computer's memory, (N, C, H, W), to copy from or to."""
    return mnn.Tensor(shape, mnn.Halide_Type_Float, mnn.Tensor_DimensionType_Caffe)


def host_copies(mnn: Any, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Make a tensor to copy each output to, by its name."""
    return {name: host_tensor(mnn, tensor.getShape()) for name, tensor in outputs.items()}


def claim_threads() -> None:
    """Refuse a fork of a process that used MNN: its copy of MNN would wait for ever for threads that it has not.

    Raises:
        EngineError: says what to do instead.
    """
    global _pool_owner  # noqa: PLW0603  MNN's pool of threads is one a process
    if _pool_owner not in {None, os.getpid()}:
        raise EngineError(
            f"MNN was used in process {_pool_owner} before it forked this one, and would hang here",
            hint="start processes by multiprocessing's 'spawn', or load models only after forking",
        )
    _pool_owner = os.getpid()


def import_mnn() -> Any:
    """Import MNN without the line that it prints on stdout.

    Raises:
        EngineError: it is not installed.
    """
    try:
        with captured_stdout():
            import MNN
    except ImportError as error:
        raise EngineError(f"the engine MNN is not usable: {error}", hint="pip install mnn") from error
    return MNN


def _bits(value: float) -> int:
    """Read an integer that MNN hands out as the bits of a float."""
    return int(struct.unpack("<i", struct.pack("<f", value))[0])
