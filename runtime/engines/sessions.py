"""From a model file to a session of the library that reads it."""

from __future__ import annotations

from pathlib import Path

from deepmark.runtime.bundle import Backend
from deepmark.runtime.engines.engine import Session
from deepmark.runtime.engines.mnn import MnnSession, MnnSettings
from deepmark.runtime.engines.onnxruntime import OnnxRuntimeSession


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
