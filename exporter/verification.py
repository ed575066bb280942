"""Prove a bundle on this machine: its files by their hashes, its engines by its golden vectors. No torch, no onnx.

`verify` does it in Python; `verify_native` with the C++ runtime, ``dm_verify``, built where it is not in the cache.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import msgspec

from deepmark.errors import BundleError, DeepMarkError, EngineError, ParityError
from deepmark.exporter.formats import FORMATS
from deepmark.exporter.parity import HopTally, ParityReport, Tolerances
from deepmark.exporter.stages import THREADS, ChainStage
from deepmark.exporter.vectors import read_vectors
from deepmark.runtime.bundle import OpenedBundle, open_bundle
from deepmark.runtime.engines.engine import EngineRecord
from deepmark.runtime.engines.gpu_libraries import FOLDER_VARIABLE, library_folder
from deepmark.runtime.engines.gpu_settings import Compute, GpuSettings
from deepmark.runtime.engines.kernel_cache import kernels_folder
from deepmark.runtime.engines.loading import load_engine

_MODULES = {"mnn": "MNN", "onnxruntime": "onnxruntime"}


class Verification(msgspec.Struct, frozen=True):
    """What a verification found.

    Attributes:
        bundle: path of the bundle.
        report: one hop per engine, from what the network gave when the bundle was made (``torch``); in less than fp32,
            from what its own model gave then, whose loss against fp32 the manifest records.
        engines: engine that ran each hop.
        skipped: engines that the bundle has a file for but this machine has not.
        vector_threads: number of threads that the vectors were made with; those of ``engines`` may be others.
    """

    bundle: str
    report: ParityReport
    engines: tuple[EngineRecord, ...]
    skipped: tuple[str, ...]
    vector_threads: int = THREADS


def verify(bundle: str | Path, *, threads: int | None = None, tolerances: Tolerances | None = None) -> Verification:
    """Run a bundle's golden vectors with every engine that is here and compare with what the network gave.

    Args:
        bundle: folder or zip.
        threads: number of inference threads; None for the engine's default.
        tolerances: allowed differences; None for `Tolerances.elsewhere`: those of an export, and room for what other
            threads and another processor do to MNN's results.

    Raises:
        BundleError: the bundle is damaged.
        EngineError: none of its engines is installed, or one failed.
    """
    model = open_bundle(bundle)
    vectors = read_vectors(model)
    present = [one for one in model.weights if importlib.util.find_spec(_MODULES[one])]
    skipped = tuple(one for one in model.weights if one not in present)
    if not present:
        raise EngineError(f"no engine for {bundle} is installed here", hint=f"pip install {' or '.join(skipped)}")
    hops, records = [], []
    for backend in present:
        with load_engine(model, threads=threads, backend=backend) as engine:
            tally = _tally(model, backend, tolerances or Tolerances.elsewhere(backend))
            stage = ChainStage.of(backend, engine)
            for vector in vectors:
                tally.add(vector.expected, vector.choose(stage.sample(vector.picture, model.manifest)))
            hops.append(tally.result())
            records.append(engine.record)
    return Verification(str(bundle), ParityReport(tuple(hops)), tuple(records), skipped)


def _tally(model: OpenedBundle, backend: str, tolerances: Tolerances) -> HopTally:
    manifest = model.manifest
    return HopTally(
        "torch" if manifest.precision == "fp32" else f"{manifest.precision} as exported",
        next(one.name for one in FORMATS.values() if one.backend == backend),
        spec=manifest.heads,
        schema=manifest.keypoints,
        params=manifest.decoder,
        tolerances=tolerances,
    )


def verify_native(
    bundle: Path, *, threads: int | None = None, compute: Compute = "cpu", gpu: GpuSettings | None = None
) -> list[dict[str, Any]]:
    """Run a bundle's golden vectors with the C++ runtime.

    Args:
        bundle: unpacked folder.
        threads: number of inference threads; None for the program's default.
        compute: what computes.
        gpu: how a GPU computes; None on the CPU.

    Returns:
        The lines of ``dm_verify``: one a vector, and the end (docs/native.md).

    Raises:
        BundleError: the bundle is no folder, or damaged.
        EngineError: a tool to build with is missing, the program crashed or hung, or it was not proven that the GPU
            computes the bundle.
        ParityError: the results differ.
    """
    from deepmark.runtime.native import build_native
    from deepmark.runtime.native.program import TIMEOUT_S, run_program

    if not bundle.is_dir():
        raise BundleError(f"{bundle} is no folder", hint="the C++ runtime reads unpacked bundles: unzip it first")
    options = [] if threads is None else ["--threads", str(threads)]
    build = build_native("host")
    seconds: float = TIMEOUT_S
    kind: type[DeepMarkError] = BundleError
    environment: dict[str, str] = {}
    if compute != "cpu" and gpu is not None:
        options += [*gpu.program_words(compute), "--kernels", str(kernels_folder().absolute())]
        environment = {FOLDER_VARIABLE: str(library_folder().absolute())}
        seconds, kind = gpu.timeout_s, EngineError
    code, lines = run_program(
        build,
        "dm_verify",
        [str(bundle.resolve()), *options],
        environment=environment,
        timeout_s=seconds,
    )
    if lines[-1]["event"] == "error":
        raise kind(lines[-1]["message"], hint=lines[-1]["hint"])
    if code == 3:
        worst = [line["number"] for line in lines[:-1] if not line["equal"]]
        raise ParityError(
            f"the C++ runtime differs from the network in vector {', '.join(worst)}",
            report=lines,
            hint="run deepmark verify without --native: does MNN itself differ here?",
        )
    return lines
