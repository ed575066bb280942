"""MNN on a GPU: one session for one size, proven to compute there, and listened to.

MNN's GPU back ends fail without a word. A second size makes Vulkan's heads wrong, so each size gets a session of its
own, made anew. An operator that the GPU lacks runs on the CPU, so every operator is looked at. A launch or a read that
fails leaves old or random heads there and the return code 0; all that is left of it is a line on stdout, so what MNN
prints is read after every run, and heads that are not finite are refused.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deepmark.errors import BundleError, EngineError, UsageError
from deepmark.runtime.arrays import F32
from deepmark.runtime.engines.engine import SessionFacts
from deepmark.runtime.engines.gpu_devices import find_device
from deepmark.runtime.engines.gpu_libraries import load_gpu_library
from deepmark.runtime.engines.gpu_settings import Gpu, GpuSettings
from deepmark.runtime.engines.joined_output import separated
from deepmark.runtime.engines.kernel_cache import KernelKey, KernelLoan, lend_kernels
from deepmark.runtime.engines.mnn import (
    MEMORY_CODES,
    Memory,
    are_prepared,
    claim_threads,
    host_copies,
    host_tensor,
    import_mnn,
)
from deepmark.runtime.engines.mnn_messages import trouble_in
from deepmark.runtime.engines.operator_placement import SAMPLES_IN_DEPTH, Placement, run_and_place
from deepmark.runtime.native_libraries import captured_stdout, native_path

_BACKENDS: dict[Gpu, str] = {"opencl": "OPENCL", "vulkan": "VULKAN"}
_BACKEND_CODES: dict[Gpu, int] = {"opencl": 3, "vulkan": 7}
_INFO_BACKEND = 2  # getSessionInfo
_MODE_DEBUG = 0  # setSessionMode: a callback for every operator
_NOT_USABLE = "this GPU or its driver cannot be relied on for this model: compute on the CPU"
_MOST_NAMED = 3  # operators in an error
_NEEDS_FP32 = "GridSample"  # its coordinates lose their fraction in fp16


@dataclass(frozen=True, slots=True)
class Preparation:
    """What a session costs before its first picture.

    Attributes:
        create_ms: reading the file and making the session, in milliseconds.
        resize_ms: compiling and tuning for a size, in milliseconds.
        first_ms: the first run, with copies in and out, operator by operator, in milliseconds.
    """

    create_ms: float
    resize_ms: float
    first_ms: float

    def total_ms(self) -> float:
        """All of it, in milliseconds."""
        return self.create_ms + self.resize_ms + self.first_ms


class MnnGpuSession:
    """One ``.mnn`` file on a GPU.

    Attributes:
        facts: what really runs the model, at the size that it last ran.
        preparation: what the session of that size cost.
    """

    def __init__(
        self,
        path: Path,
        gpu: Gpu,
        settings: GpuSettings,
        shape: tuple[int, ...],
        memory: Memory = "normal",
        *,
        sha256: str,
        parts: Mapping[str, int],
    ) -> None:
        """Load a model file, prepare it for a size, and prove on two made inputs that the GPU computes it.

        Args:
            path: path of the model file.
            gpu: interface of the GPU.
            settings: how it computes.
            shape: (1, 3, H, W) of the input.
            memory: `deepmark.runtime.engines.mnn.MnnSettings.memory`.
            sha256: sha256 of the file, hex, for which compiled kernels are kept.
            parts: name -> channels of what a joined output holds, each of which is proven (`separated`).

        Raises:
            BundleError: MNN cannot read the file.
            EngineError: a library, a driver or a device is missing, it lacks the precision, or the proof failed.
            UsageError: the model needs another precision.
        """
        claim_threads()
        self._mnn = import_mnn()
        self._path, self._gpu, self._settings, self._memory = path, gpu, settings, memory
        self._mode, self._sha256, self._parts = settings.mode(gpu), sha256, parts
        load_gpu_library(gpu)
        with captured_stdout():
            self._device = find_device(gpu)
        self._name = settings.named(self._device.name, gpu)
        if settings.precision != "high" and not self._device.fp16:
            raise EngineError(
                f"{self._device.name} has no fp16: MNN would compute precision {settings.precision} in fp32",
                hint="ask for precision high",
            )
        self._prepare(shape)

    def output_shapes(self, input_shape: tuple[int, ...]) -> dict[str, tuple[int | None, ...]]:
        """Return name -> (N, C, H, W) of all outputs for an input of this shape."""
        self._require(input_shape)
        return {name: tensor.getShape() for name, tensor in self._outputs.items()}

    def run(self, x: F32) -> dict[str, F32]:
        """Run on a contiguous (N, 3, H, W) array, one picture after the other: Vulkan leaves a second one's heads zero.

        Raises:
            EngineError: MNN could not prepare for this size, the run failed, or it gave no finite heads.
        """
        if x.shape[0] > 1:
            singles = [self.run(one[None]) for one in x]
            return {name: np.concatenate([single[name] for single in singles]) for name in singles[0]}
        self._require(x.shape)
        with self._listening("run"):
            self._copy_in(x)
            code = int(self._interpreter.runSession(self._session))
            outputs = self._copy_out()
        self._require_sound(code, outputs)
        return outputs

    def close(self) -> None:
        """Free tensors before the interpreter that owns them: used after it, they would crash."""
        self._host_outputs: dict[str, Any] = {}
        self._outputs: dict[str, Any] = {}
        self._host_input: Any = None
        self._input: Any = None
        self._session: Any = None
        self._interpreter: Any = None
        self._shape: tuple[int, ...] = ()

    def _require(self, shape: tuple[int, ...]) -> None:
        if shape != self._shape:
            self._prepare(shape)

    def _prepare(self, shape: tuple[int, ...]) -> None:
        """Make the one session of a size, with kept kernels if there are any and they are good."""
        with lend_kernels(self._kernel_key(shape)) as kernels:
            try:
                self._make(shape, kernels)
            except EngineError:
                if not kernels.filled:
                    raise
                kernels.condemn()
                self._make(shape, kernels)

    def _make(self, shape: tuple[int, ...], kernels: KernelLoan) -> None:
        self.close()
        try:
            started = time.perf_counter()
            with self._listening("reading"):
                self._read()
            if kernels.file is not None:
                with captured_stdout():  # of an empty file it says that it cannot be read
                    self._interpreter.setCacheFile(native_path(kernels.file, EngineError))
            with self._listening("session", kernels):
                self._create()
            created = time.perf_counter()
            self._require_backend()
            with self._listening("preparation", kernels):
                self._resize(shape)
            resized = time.perf_counter()
            noise = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
            placement, first_ms = self._prove(noise)
            self.preparation = Preparation(
                create_ms=1e3 * (created - started),
                resize_ms=1e3 * (resized - created),
                first_ms=first_ms,
            )
            self._take_kernels(kernels)
        except BaseException:
            self.close()
            raise
        self.facts = self._facts(placement, kernels)

    def _kernel_key(self, shape: tuple[int, ...]) -> KernelKey:
        return KernelKey(
            model_sha256=self._sha256,
            gpu=self._gpu,
            device=self._device,
            mnn=str(self._mnn.version()),
            mode=self._mode,
            precision=self._settings.precision_code(),
            memory=MEMORY_CODES[self._memory],
            cpu_operators=self._settings.allow_cpu_operators,
            shape=shape,
        )

    def _take_kernels(self, kernels: KernelLoan) -> None:
        """Let MNN write what was compiled, and keep it; MNN would write there again when its interpreter goes."""
        if kernels.file is None:
            return
        with captured_stdout() as output:
            self._interpreter.updateCacheFile(self._session, 0)
        unsound = trouble_in(output.text, os.fspath(kernels.file))  # a driver that hands out no binary, say
        with captured_stdout():
            self._interpreter.setCacheFile("")
        if unsound is None:
            kernels.keep(self.preparation.total_ms())
        else:
            kernels.state = f"compiled, not cached: {unsound}"

    def _read(self) -> None:
        try:
            self._interpreter = self._mnn.Interpreter(native_path(self._path, EngineError))
        except Exception as error:  # MNN raises nothing more precise
            raise BundleError(f"MNN cannot load {self._path.name}", hint="copy or export the model again") from error
        self._interpreter.setSessionMode(_MODE_DEBUG)

    def _create(self) -> None:
        self._session = self._interpreter.createSession(
            {
                "backend": _BACKENDS[self._gpu],
                "numThread": self._mode,
                "precision": self._settings.precision_code(),
                "memory": MEMORY_CODES[self._memory],
                "power": 0,
            }
        )

    def _require_backend(self) -> None:
        code = int(self._interpreter.getSessionInfo(self._session, _INFO_BACKEND)) if self._session else -1
        if code != _BACKEND_CODES[self._gpu]:
            raise EngineError(
                f"MNN did not take {self._name}: its session runs on back end {code},"
                f" expected {_BACKEND_CODES[self._gpu]}",
                hint="compute on the CPU",
            )

    def _resize(self, shape: tuple[int, ...]) -> None:
        self._input = self._interpreter.getSessionInput(self._session)
        if self._input.getShape() != shape:  # a model of one size is prepared by now, and a second time is one too many
            self._interpreter.resizeTensor(self._input, shape)
            self._interpreter.resizeSession(self._session)
        self._outputs = self._interpreter.getSessionOutputAll(self._session)
        if not are_prepared(self._outputs):
            raise EngineError(f"MNN cannot run an input of shape {shape} on {self._name}")
        self._host_input = host_tensor(self._mnn, shape)
        self._host_outputs = host_copies(self._mnn, self._outputs)
        self._shape = shape

    def _prove(self, noise: F32) -> tuple[Placement, float]:
        """Require that every operator runs on the GPU, and that other pictures give other heads.

        Args:
            noise: (2, 1, 3, H, W), two inputs.

        Returns:
            Where operators ran, and the milliseconds of the first run.
        """
        started = time.perf_counter()
        with self._listening("run"):
            self._copy_in(noise[1])
            code, placement = run_and_place(self._interpreter, self._session)
            before = self._copy_out()
        first_ms = 1e3 * (time.perf_counter() - started)
        self._require_sound(code, before)
        if self._gpu == "vulkan" and SAMPLES_IN_DEPTH in placement.kinds:
            raise UsageError(
                f"{self._path.name} has deformable convolutions, whose samples MNN computes wrongly on Vulkan",
                hint="compute on OpenCL or the CPU",
            )
        if _NEEDS_FP32 in placement.kinds and self._settings.precision != "high":
            raise UsageError(
                f"{self._path.name} has deformable convolutions, whose places do not fit into fp16",
                hint="ask for precision high",
            )
        if placement.on_cpu and not self._settings.allow_cpu_operators:
            raise EngineError(
                f"only {placement.sentence(self._name, most=_MOST_NAMED)}",
                hint="allow operators on the CPU, take another storage, or export for a GPU",
            )
        after = separated(self.run(noise[0]), self._parts)
        for name, values in separated(before, self._parts).items():
            if np.array_equal(values, after[name]):
                raise EngineError(f"{self._name} gives the same {name} for two different pictures", hint=_NOT_USABLE)
        return placement, first_ms

    def _require_sound(self, code: int, outputs: dict[str, F32]) -> None:
        if code:
            raise EngineError(f"MNN's run on {self._name} failed with code {code}", hint=_NOT_USABLE)
        for name, values in separated(outputs, self._parts).items():
            if not np.isfinite(values).all():
                raise EngineError(
                    f"{self._name} gives NaN or infinite values in {name}",
                    hint="ask for precision high" if self._settings.precision != "high" else _NOT_USABLE,
                )

    @contextmanager
    def _listening(self, what: str, kernels: KernelLoan | None = None) -> Iterator[None]:
        with captured_stdout() as output:
            yield
        named = "" if kernels is None or kernels.file is None else os.fspath(kernels.file)
        trouble = trouble_in(output.text, named)
        if trouble is not None and not (self._settings.allow_cpu_operators and "upport" in trouble):
            raise EngineError(f"MNN's {what} on {self._name} went wrong: {trouble}", hint=_NOT_USABLE)

    def _copy_in(self, x: F32) -> None:
        np.copyto(self._host_input.getNumpyData(), x)
        self._input.copyFrom(self._host_input)

    def _copy_out(self) -> dict[str, F32]:
        results = {}
        for name, tensor in self._outputs.items():
            host = self._host_outputs[name]
            values = host.getNumpyData()
            values.fill(np.nan)  # or a read that fails would leave the last picture's heads there
            tensor.copyToHostTensor(host)  # waits for the GPU: the run itself did not
            results[name] = values.copy()
        return results

    def _facts(self, placement: Placement, kernels: KernelLoan) -> SessionFacts:
        settings, spent = self._settings, self.preparation
        return SessionFacts(
            version=str(self._mnn.version()),
            device=self._name,
            threads=0,
            precision=settings.arithmetic(self._gpu),
            settings={
                "compute": self._gpu,
                "gpu_precision": settings.precision,
                "gpu_mode": self._mode,
                "driver": self._device.driver,
                "clock_mhz": self._device.clock_mhz,
                "memory": MEMORY_CODES[self._memory],
                "backend_code": _BACKEND_CODES[self._gpu],
                "create_ms": round(spent.create_ms),
                "resize_ms": round(spent.resize_ms),
                "first_ms": round(spent.first_ms),
                "kernels": kernels.state,
                "compiled_ms": round(kernels.compiled_ms or spent.total_ms()),
            },
            placement=placement.sentence(self._name),
        )
