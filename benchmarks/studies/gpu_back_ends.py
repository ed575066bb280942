"""MNN's three back ends for a GPU, with the same bundles: where operators run, how heads differ, what it costs.

The golden vectors of every BUNDLE run in OpenCL's images, in its buffers and on Vulkan: operators that the GPU
computed, largest error of each head, objects. Kept kernels are put aside, so that the first session of each compiles
and tunes and the next one takes what that kept. Then the engine with all its checks and a session of MNN alone, with
the same file and settings, take turns: copies in and out, and the run. Ratios are of processor time, in which other
programs do not count, and of wall time. Of an unpacked bundle `dm_bench` and that session take turns, too, by processor
time: of one frame with letterbox and decoder, which are little beside the network.

Without a GPU: tools/software_gpus.sh. Times then mean nothing, and the ratios are of that computer.

Examples:
  python -m deepmark.benchmarks.studies gpu_back_ends shirt.deepmark gpu.deepmark
  sh tools/software_gpus.sh .venv/bin/python -m deepmark.benchmarks.studies gpu_back_ends shirt.deepmark gpu.deepmark
"""

from __future__ import annotations

import os
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, get_args

import numpy as np

from deepmark.benchmarks.speed.samples import write_ppm_files
from deepmark.benchmarks.studies.support.arguments import add_count, existing_path
from deepmark.benchmarks.studies.support.machine import machine_name
from deepmark.benchmarks.studies.support.turn_times import time_in_turns
from deepmark.benchmarks.studies.support.turns import turns
from deepmark.console import print_json, print_table, say
from deepmark.errors import EngineError
from deepmark.exporter.gpu_verification import GpuVerification, verify_on_gpu
from deepmark.runtime.arrays import F32
from deepmark.runtime.bundle import open_bundle
from deepmark.runtime.engines.gpu_libraries import FOLDER_VARIABLE, library_folder
from deepmark.runtime.engines.gpu_settings import Gpu, GpuPrecision, GpuSettings, Storage, Tuning
from deepmark.runtime.engines.kernel_cache import kernels_folder
from deepmark.runtime.engines.loading import load_engine
from deepmark.runtime.engines.mnn import host_copies, host_tensor, import_mnn
from deepmark.runtime.native import NativeBuild, build_native
from deepmark.runtime.native.program import run_program
from deepmark.runtime.native_libraries import captured_stdout

BACK_ENDS: tuple[tuple[Gpu, Storage], ...] = (("opencl", "image"), ("opencl", "buffer"), ("vulkan", "image"))
TUNINGS: tuple[Tuning, ...] = ("none", "wide", "heavy")  # those that all of them have
TIMEOUT_S = 1800.0  # software compiles for minutes
_PARTS = ("copy in", "run", "copy out")


@dataclass(frozen=True, slots=True)
class BackEndResult:
    """A bundle on one back end.

    Attributes:
        bundle: name of the bundle's folder.
        placement: `EngineRecord.placement`.
        passed: whether the golden vectors hold, to the tolerances of the precision.
        errors: head -> largest error, in the head's unit.
        kept: number of objects that both sides have.
        objects: number of objects of both sides.
        compiled_ms: from the file to the first heads with nothing kept, in milliseconds.
        prepared_ms: times of create, compile and tune, and first run with kept kernels, in milliseconds.
        parts_ms: part of a run of MNN alone -> median wall time, in milliseconds.
        processor_ratio: the engine's processor time for a run, divided by that of MNN alone.
        wall_ratio: the engine's shortest wall time for a run, divided by that of MNN alone.
        native_ratio: processor time of a frame of `dm_bench`, divided by that of MNN alone; None of a zip.
    """

    bundle: str
    placement: str
    passed: bool
    errors: dict[str, float]
    kept: int
    objects: int
    compiled_ms: int
    prepared_ms: tuple[int, ...]
    parts_ms: dict[str, float]
    processor_ratio: float
    wall_ratio: float
    native_ratio: float | None


class PlainSession:
    """A session of MNN on a GPU without any check of ours; its library has been loaded.

    Attributes:
        spent: part of a run -> milliseconds of every run.
    """

    def __init__(self, path: Path, gpu: Gpu, settings: GpuSettings, shape: tuple[int, ...]) -> None:
        """Make the session, for one size."""
        self._mnn = import_mnn()
        config = {
            "backend": gpu.upper(),
            "numThread": settings.mode(gpu),
            "precision": settings.precision_code(),
            "memory": 0,
            "power": 0,
        }
        with captured_stdout():
            self._interpreter = self._mnn.Interpreter(str(path))
            self._session = self._interpreter.createSession(config)
            self._input = self._interpreter.getSessionInput(self._session)
            if self._input.getShape() != shape:
                self._interpreter.resizeTensor(self._input, shape)
                self._interpreter.resizeSession(self._session)
        self._outputs: dict[str, Any] = self._interpreter.getSessionOutputAll(self._session)
        self._host_input = host_tensor(self._mnn, shape)
        self._host_outputs = host_copies(self._mnn, self._outputs)
        self.spent: dict[str, list[float]] = {part: [] for part in _PARTS}

    def run(self, x: F32) -> None:
        """Run on (1, 3, H, W), with the copies."""
        clocks = [time.perf_counter()]
        np.copyto(self._host_input.getNumpyData(), x)
        self._input.copyFrom(self._host_input)
        clocks.append(time.perf_counter())
        self._interpreter.runSession(self._session)
        clocks.append(time.perf_counter())
        for name, tensor in self._outputs.items():
            tensor.copyToHostTensor(self._host_outputs[name])
        clocks.append(time.perf_counter())
        for part, before, after in zip(_PARTS, clocks, clocks[1:], strict=False):
            self.spent[part].append(1e3 * (after - before))


def measure(bundle: Path, gpu: Gpu, settings: GpuSettings, rounds: int) -> BackEndResult:
    """Prove a bundle on a back end with no kernels kept, then time it with those that were.

    Args:
        bundle: folder or zip, with a model for MNN.
        gpu: interface of the GPU.
        settings: how it computes.
        rounds: number of runs of each.

    Raises:
        DeepMarkError: it could not be proven that the GPU computes it.
    """
    build = build_native("host") if bundle.is_dir() else None  # in the user's own cache
    with _nothing_kept():
        found = verify_on_gpu(bundle, gpu, settings)
        model = open_bundle(bundle)
        spec = model.manifest.input
        shape = (1, 3, spec.height, spec.width)
        x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        with load_engine(model, compute=gpu, gpu=settings) as engine, model.weights_file("mnn") as path:
            alone = PlainSession(path, gpu, settings, shape)
            alone.run(x)
            alone.spent = {part: [] for part in _PARTS}
            times = time_in_turns([lambda: engine.run(x), lambda: alone.run(x)], rounds)
            spent = {part: round(median(spent), 3) for part, spent in alone.spent.items()}
            words = [*settings.program_words(gpu), "--kernels", str(kernels_folder())]
            native = None if build is None else _native_ratio(build, bundle, words, lambda: alone.run(x), rounds)
    return _result(
        bundle.name,
        found,
        spent,
        (times.ratio(0, 1).value, round(times.shortest_ms(0) / times.shortest_ms(1), 3), native),
    )


def _native_ratio(
    build: NativeBuild, bundle: Path, words: Sequence[str], alone: Callable[[], object], rounds: int
) -> float:
    """Let `dm_bench` and a session of MNN alone take turns; return the ratio of their median processor times."""
    spec = open_bundle(bundle).manifest.input
    image = np.random.default_rng(0).integers(0, 256, (spec.height, spec.width, 3), np.uint8)
    environment = {FOLDER_VARIABLE: str(library_folder().absolute())}
    native, own = [], []
    with tempfile.TemporaryDirectory(prefix="deepmark-study-") as folder:
        pictures = Path(folder) / "pictures"
        write_ppm_files([image], pictures)
        command = [str(bundle.resolve()), "--pictures", str(pictures), "--warm-up-runs", "1", "--runs", "1", *words]
        for number in range(rounds):
            for side in turns(("native", "own"), number):
                if side == "native":
                    _, lines = run_program(build, "dm_bench", command, environment=environment, timeout_s=TIMEOUT_S)
                    if lines[-1]["event"] == "error":
                        raise EngineError(f"dm_bench: {lines[-1]['message']}", hint=lines[-1]["hint"])
                    native.append(float(lines[-1]["processor_s"]))
                else:
                    before = time.process_time()
                    alone()
                    own.append(time.process_time() - before)
    return round(median(native) / median(own), 3)


def _result(
    name: str, found: GpuVerification, parts_ms: dict[str, float], ratios: tuple[float, float, float | None]
) -> BackEndResult:
    (hop,) = found.report
    spent = found.engine.settings
    return BackEndResult(
        bundle=name,
        placement=found.engine.placement,
        passed=hop.passed,
        errors={head.head: head.max_error for head in hop.heads},
        kept=found.kept,
        objects=found.objects,
        compiled_ms=int(spent["compiled_ms"]),
        prepared_ms=tuple(int(spent[f"{part}_ms"]) for part in ("create", "resize", "first")),
        parts_ms=parts_ms,
        processor_ratio=ratios[0],
        wall_ratio=ratios[1],
        native_ratio=ratios[2],
    )


@contextmanager
def _nothing_kept() -> Iterator[None]:
    """Let the cache folder be a new one."""
    before = os.environ.get("DEEPMARK_CACHE")
    with tempfile.TemporaryDirectory(prefix="deepmark-study-") as folder:
        os.environ["DEEPMARK_CACHE"] = folder
        try:
            yield
        finally:
            del os.environ["DEEPMARK_CACHE"]
            if before is not None:
                os.environ["DEEPMARK_CACHE"] = before


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this study."""
    parser.add_argument("bundles", metavar="BUNDLE", type=existing_path, nargs="+", help="A bundle with a MNN model.")
    parser.add_argument(
        "--precision", choices=get_args(GpuPrecision), default="high", help="Precision.  [default: %(default)s]"
    )
    parser.add_argument("--tuning", choices=TUNINGS, default="wide", help="Tuning.  [default: %(default)s]")
    add_count(parser, "--rounds", 10, "Runs of the engine and of MNN alone, in turns.")


def run(options: Namespace) -> None:
    """Measure, and print what was found."""
    rows = []
    for bundle in options.bundles:
        for gpu, storage in BACK_ENDS:
            settings = GpuSettings(options.precision, storage, options.tuning, True, TIMEOUT_S)
            say(f"{bundle.name}: {settings.named('', gpu).strip()}")
            rows.append(measure(bundle, gpu, settings, options.rounds))
    if options.as_json:
        print_json(rows)
        return
    print_table(("bundle", "operators", "largest error", "objects", ""), map(_proof, rows), title="Golden vectors")
    columns = ("bundle", "where", "compiled, s", "kept, s", "ratio", *_PARTS, "of MNN's own", "in C++")
    print_table(columns, map(_cost, rows), title="Preparation; parts of a run, ms; the engine's run by MNN's own")
    say(f"{machine_name()}; precision {options.precision}, tuning {options.tuning}, {options.rounds} runs in turns")


def _proof(row: BackEndResult) -> tuple[str, ...]:
    errors = ", ".join(f"{name} {error:.1e}" for name, error in row.errors.items())
    return (
        row.bundle,
        row.placement.partition("; on the CPU")[0],
        errors,
        f"{row.kept} of {row.objects}",
        "holds" if row.passed else "DIFFERS",
    )


def _cost(row: BackEndResult) -> tuple[str, ...]:
    kept = sum(row.prepared_ms)
    return (
        row.bundle,
        row.placement.partition(" operators on ")[2].partition("; on the CPU")[0],
        f"{row.compiled_ms / 1e3:.1f}",
        f"{kept / 1e3:.1f}",
        f"{kept / row.compiled_ms:.2f}",
        *(f"{spent:.1f}" for spent in row.parts_ms.values()),
        f"{row.processor_ratio:.2f} (wall {row.wall_ratio:.2f})",
        "-" if row.native_ratio is None else f"{row.native_ratio:.2f}",
    )
