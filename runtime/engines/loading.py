"""From a model to an `Engine` that runs it, whichever library is behind it."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from deepmark.errors import BundleError, UsageError
from deepmark.runtime.bundle import HEADS_FILE, Backend, OpenedBundle, open_bundle
from deepmark.runtime.cpu import threads_asked, usable_cores
from deepmark.runtime.embedded_manifest import read_embedded
from deepmark.runtime.engines.engine import Engine, EngineRecord
from deepmark.runtime.engines.engine_choice import backend_of, choose_engine, is_installed
from deepmark.runtime.engines.gpu_loading import open_on_gpu, require_fit_for_gpu
from deepmark.runtime.engines.gpu_settings import Compute, GpuSettings, require_compute
from deepmark.runtime.engines.mnn import Memory, MnnSettings
from deepmark.runtime.engines.pair_choice import choose_pair_runs, is_worth_a_batch
from deepmark.runtime.engines.sessions import choose_backend, open_session
from deepmark.runtime.engines.trial_load import check_in_child
from deepmark.runtime.manifest import Manifest
from deepmark.runtime.native_libraries import native_path


def load_engine(
    model: str | Path | OpenedBundle,
    threads: int | None = None,
    backend: Backend | Literal["auto"] | None = None,
    *,
    winograd: int | None = None,
    memory: Memory | None = None,
    pairs: bool = False,
    compute: Compute = "cpu",
    gpu: GpuSettings | None = None,
    trial: bool = True,
) -> Engine:
    """Load a model into an inference engine.

    Args:
        model: path that `open_bundle` takes, or an opened bundle.
        threads: number of threads to compute with, cut to the usable cores; None for the usable cores, at most 4.
        backend: ``"mnn"`` or ``"onnxruntime"``; None for the first of these that the model has a file for; ``"auto"``
            for the faster one, which is measured for about a second on first use and remembered
            (`deepmark.runtime.engines.engine_choice`); `EngineRecord.choice` says what was found.
        winograd: `MnnSettings.winograd`, 0 to 3, only with MNN; None for what the model was proven with
            (`Manifest.winograd_level`), or MNN's default.
        memory: `MnnSettings.memory`, ``"normal"`` or ``"low"``, only with MNN; None for its default.
        pairs: whether pictures will come in pairs, as in a flip test: then it is measured once, and remembered, whether
            two of them are faster in one run (`deepmark.runtime.engines.pair_choice`); otherwise each has its own.
        compute: ``"cpu"``, or a GPU through ``"opencl"`` or ``"vulkan"``, by MNN: its back end is loaded
            (`deepmark.runtime.engines.gpu_libraries`), and it is proven that each operator runs there. A GPU takes
            pictures one by one, and no number of threads.
        gpu: how the GPU computes; None for the defaults.
        trial: whether a file that never was loaded here is loaded by another process first, as it may crash the
            library; False in a process that may be lost. A GPU is always tried.

    Raises:
        BundleError: the model is damaged, or has no file for this engine.
        EngineError: the engine or the GPU is not there, or cannot be used in this process.
        UsageError: there is no such engine or setting, or ``threads`` is below 1.
    """
    if require_compute(compute) != "cpu" or gpu is not None:
        return _load_on_gpu(model, threads, backend, winograd=winograd, memory=memory, compute=compute, gpu=gpu)
    asked = threads_asked(threads)
    if not isinstance(model, OpenedBundle):
        model = open_bundle(model)
    if backend == "auto" and (winograd is not None or memory is not None):
        raise UsageError("winograd and memory are settings of MNN, and auto may choose another", hint="name the engine")
    found = ""
    if backend == "auto":
        backend, found = _faster(model, asked)
    chosen = choose_backend(model, backend, source="checkpoint")
    settings = _mnn_settings(chosen, winograd, memory, model.manifest)
    name = model.weights[chosen]
    sha256 = model.entries[name].sha256
    with model.weights_file(chosen) as path:
        native_path(path, BundleError)
        if trial:
            check_in_child(path, chosen, sha256, size=model.manifest.input, label=str(model.path))
        _require_own_graph(path, model)
        session = open_session(path, chosen, min(asked, usable_cores()), settings)
    record = EngineRecord.of(
        session.facts,
        backend=chosen,
        threads_asked=asked,
        model_file=name,
        model_sha256=sha256,
        weights=model.manifest.precision,
    )
    engine = Engine(session, model.manifest, replace(record, choice=found), model.head_weights())
    if pairs:
        _measure_pairs(engine, model, chosen)
    return engine


def _measure_pairs(engine: Engine, model: OpenedBundle, backend: Backend) -> None:
    """Let the engine know how two pictures are faster."""

    def trial() -> None:
        sha256 = model.entries[model.weights[backend]].sha256
        with model.weights_file(backend) as path:
            check_in_child(path, backend, sha256, size=model.manifest.input, label=str(model.path), pictures=2)

    choice = choose_pair_runs(engine, trial)
    if choice is not None:
        engine.together = is_worth_a_batch(choice)
        engine.record = replace(engine.record, pairs=choice.sentence())


def _load_on_gpu(
    model: str | Path | OpenedBundle,
    threads: int | None,
    backend: Backend | Literal["auto"] | None,
    *,
    winograd: int | None,
    memory: Memory | None,
    compute: Compute,
    gpu: GpuSettings | None,
) -> Engine:
    if compute == "cpu":
        raise UsageError("settings of a GPU were given, and the CPU is to compute", hint="choose opencl or vulkan")
    if backend not in {None, "mnn"}:
        raise UsageError(f"only MNN computes on a GPU, not {backend}", hint="leave the engine out")
    if threads is not None or winograd is not None:
        raise UsageError("threads and winograd are settings of the CPU", hint="leave them out")
    if not isinstance(model, OpenedBundle):
        model = open_bundle(model)
    name = model.weights[choose_backend(model, "mnn", source="checkpoint")]
    require_fit_for_gpu(model, compute)
    spec = model.manifest.input
    with model.weights_file("mnn") as path:
        native_path(path, BundleError)
        _require_own_graph(path, model)
        session = open_on_gpu(
            path,
            compute,
            gpu or GpuSettings(),
            (1, 3, spec.height, spec.width),
            memory or MnnSettings().memory,
            label=str(model.path),
            sha256=model.entries[name].sha256,
            parts=model.manifest.heads.parts,
        )
    record = EngineRecord.of(
        session.facts,
        backend="mnn",
        threads_asked=0,
        model_file=name,
        model_sha256=model.entries[name].sha256,
        weights=model.manifest.precision,
    )
    return Engine(session, model.manifest, record, model.head_weights())


def _require_own_graph(path: Path, model: OpenedBundle) -> None:
    """Require of a sparse graph that it names the heads file of its bundle: another's weights would load and run.

    Raises:
        BundleError: it was exported with another one, or carries no manifest.
    """
    if model.manifest.heads.gathered is None:
        return
    with path.open("rb") as stream:
        mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    inside = Manifest.from_json(read_embedded(path, memoryview(mapped)), source=f"the manifest inside {path.name}")
    if inside.heads != model.manifest.heads:
        raise BundleError(
            f"{model.path}: {HEADS_FILE} does not belong to {path.name}, which was exported with other heads",
            hint="copy the bundle again, or export it again",
        )


def _mnn_settings(
    backend: Backend, winograd: int | None, memory: Memory | None, manifest: Manifest
) -> MnnSettings | None:
    if backend != "mnn":
        if winograd is not None or memory is not None:
            raise UsageError(f"winograd and memory are settings of MNN, not of {backend}", hint="leave them out")
        return None
    default = MnnSettings()
    own = default.winograd if isinstance(manifest.winograd_level, msgspec.UnsetType) else manifest.winograd_level
    return MnnSettings(own if winograd is None else winograd, memory or default.memory)


def _faster(model: OpenedBundle, threads: int) -> tuple[Backend | None, str]:
    """Return the faster engine of this model and what was measured; None where there is nothing to choose."""
    with ExitStack() as engines:

        def load(backend: Backend) -> Callable[[], object]:
            engine = engines.enter_context(load_engine(model, threads, backend))
            size = model.manifest.input
            noise = np.random.default_rng(0).normal(size=(1, 3, size.height, size.width)).astype(np.float32)
            return lambda: engine.run(noise)

        choice = choose_engine(model, min(threads, usable_cores()), load)
    if choice is None:
        return _installed(model), ""
    return backend_of(choice.fastest), choice.sentence()


def _installed(model: OpenedBundle) -> Backend | None:
    """Return the engine of this model that is installed; None if none is, or more than one."""
    present = [name for name in model.weights if is_installed(name)]
    return present[0] if len(present) == 1 else None
