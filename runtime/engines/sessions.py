"""From a model to the library that shall read it, and from its file to a session of that library."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from deepmark.errors import BundleError, UsageError
from deepmark.runtime.bundle import MODEL_FILES, Backend
from deepmark.runtime.engines.engine import Session
from deepmark.runtime.engines.mnn import MnnSession, MnnSettings, import_mnn
from deepmark.runtime.engines.onnxruntime import OnnxRuntimeSession, import_onnxruntime


class HasWeights(Protocol):
    """A bundle with model files; those of detectors and of refiners are."""

    @property
    def path(self) -> Path:
        """Path of the bundle, for errors."""

    @property
    def weights(self) -> Mapping[Backend, str]:
        """Name of the model file of each library, the preferred one first."""


def choose_backend(model: HasWeights, backend: Backend | None, *, source: str) -> Backend:
    """Return the library that shall read a model.

    Args:
        model: bundle with model files.
        backend: library that was asked for; None for the first that the model has a file for.
        source: what the bundle was exported from, for the hint.

    Raises:
        BundleError: the model has no file for it.
        UsageError: there is no such library.
    """
    if backend is None:
        return next(iter(model.weights))
    if backend not in MODEL_FILES:
        raise UsageError(f"unknown engine {backend!r}", hint=f"choose one of {', '.join(MODEL_FILES)}")
    if backend not in model.weights:
        raise BundleError(
            f"{model.path} has no model for the engine {backend!r}, only for {', '.join(model.weights)}",
            hint=f"leave the engine out, or export the {source} to this engine's format too",
        )
    return backend


def import_library(backend: Backend) -> None:
    """Import a library ahead of its first session.

    Raises:
        EngineError: it is not installed.
    """
    (import_mnn if backend == "mnn" else import_onnxruntime)()


def open_session(path: Path, backend: Backend, threads: int, settings: MnnSettings | None = None) -> Session:
    """Load a model file in this process, unchecked: a bad one may crash it (`load_engine` is the safe way).

    Args:
        path: path of the model file.
        backend: library that shall load it.
        threads: number of threads to compute with.
        settings: settings of MNN; None for its defaults, and for another library.

    Raises:
        BundleError: the library cannot read the file.
        EngineError: the library is not installed.
    """
    if backend == "mnn":
        return MnnSession(path, threads, settings or MnnSettings())
    return OnnxRuntimeSession(path, threads)
