"""Inference engines: `load_engine` gives one that runs a model, whichever library is behind it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from deepmark.errors import BundleError, UsageError
from deepmark.runtime.bundle import MODEL_FILES, Backend, Model, open_model
from deepmark.runtime.engines.engine import Engine, EngineRecord, Session, SessionFacts
from deepmark.runtime.isolation import check_in_child
from deepmark.runtime.native_path import native_path

__all__ = ["Engine", "EngineRecord", "Session", "SessionFacts", "load_engine", "open_session", "usable_cores"]

MOST_THREADS_BY_DEFAULT = 4  # the big cores of a phone or a laptop; a network of this size gains little from more


def load_engine(
    model: str | Path | Model, threads: int | None = None, backend: Backend | Literal["auto"] | None = None
) -> Engine:
    """Load a model into an inference engine.

    Args:
        model: a path that `open_model` takes, or an opened model.
        threads: to compute with; None for the usable cores, at most 4. More than there are cores is cut to them.
        backend: ``"mnn"``, ``"onnxruntime"``, or (``"auto"``, None) the first of these that the model has a file for.

    Raises:
        BundleError: the model is damaged, or has no file for this engine.
        EngineError: the engine is not installed, or cannot be used in this process.
        UsageError: there is no such engine, or ``threads`` is below 1.
    """
    asked = default_threads() if threads is None else threads
    if asked < 1:
        raise UsageError(f"threads must be at least 1, found {asked}")
    if not isinstance(model, Model):
        model = open_model(model)
    chosen = _choose(model, backend)
    name = model.weights[chosen]
    sha256 = model.entries[name].sha256
    with model.weights_file(chosen) as path:
        native_path(path, BundleError)
        check_in_child(path, chosen, sha256, size=model.manifest.input, label=str(model.path))
        session = open_session(path, chosen, min(asked, usable_cores()))
    record = EngineRecord.of(session.facts, backend=chosen, threads_asked=asked, model_file=name, model_sha256=sha256)
    return Engine(session, model.manifest, record)


def open_session(path: Path, backend: Backend, threads: int) -> Session:
    """Load a model file in this process, unchecked: a bad one may crash it (`load_engine` is the safe way).

    Raises:
        BundleError: the library cannot read the file.
        EngineError: the library is not installed.
    """
    if backend == "mnn":
        from deepmark.runtime.engines.mnn import MnnSession

        return MnnSession(path, threads)
    from deepmark.runtime.engines.onnxruntime import OnnxRuntimeSession

    return OnnxRuntimeSession(path, threads)


def usable_cores() -> int:
    """Count the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_threads() -> int:
    """The usable cores, at most `MOST_THREADS_BY_DEFAULT`."""
    return min(usable_cores(), MOST_THREADS_BY_DEFAULT)


def _choose(model: Model, backend: Backend | Literal["auto"] | None) -> Backend:
    if backend is None or backend == "auto":
        return next(iter(model.weights))
    if backend not in MODEL_FILES:
        raise UsageError(f"unknown engine {backend!r}", hint=f"choose one of {', '.join(MODEL_FILES)}")
    if backend not in model.weights:
        raise BundleError(
            f"{model.path} has no model for the engine {backend!r}, only for {', '.join(model.weights)}",
            hint="leave the engine out, or export the checkpoint to this engine's format too",
        )
    return backend
