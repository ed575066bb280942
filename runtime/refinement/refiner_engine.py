"""A refiner's graph in an inference engine: a crop and a pose in, landmarks out; one run at a time."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Protocol, cast

import numpy as np

from deepmark.errors import BundleError, EngineError, UsageError
from deepmark.runtime.arrays import F32, F64, Image8
from deepmark.runtime.bundle import Backend
from deepmark.runtime.closing import Closing
from deepmark.runtime.cpu import threads_asked, usable_cores
from deepmark.runtime.engines.mnn import MnnSettings
from deepmark.runtime.engines.sessions import choose_backend, open_session
from deepmark.runtime.engines.trial import report
from deepmark.runtime.engines.trial_load import check_in_child
from deepmark.runtime.native_libraries import native_path
from deepmark.runtime.refinement.refiner_bundle import OpenedRefiner
from deepmark.runtime.refinement.refiner_manifest import IMAGE, POINTS, POSE, RefinerManifest


class SessionOfNames(Protocol):
    """A loaded graph of several inputs; both engines' sessions are."""

    def input_shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Return name -> shape of all inputs."""
        ...

    def run_named(self, inputs: Mapping[str, F32]) -> dict[str, F32]:
        """Run; return new arrays by name."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...


class RefinerEngine(Closing):
    """A loaded refiner. Safe to use from several threads: runs take turns.

    Args:
        session: loaded graph.
        manifest: description of the refiner.
        backend: engine that runs it.

    Attributes:
        manifest: description of the refiner.
        backend: engine that runs it.
    """

    def __init__(self, session: SessionOfNames, manifest: RefinerManifest, backend: Backend) -> None:
        self.manifest = manifest
        self.backend = backend
        self._session: SessionOfNames | None = session
        self._lock = threading.Lock()
        expected = _input_shapes(manifest)
        found = dict(session.input_shapes())
        if found != expected:
            raise BundleError(
                f"the refiner {manifest.name} has the inputs {found}, its manifest says {expected}",
                hint="export it again",
            )

    def points(self, crop: Image8, pose: F32) -> F64:
        """Refine the landmarks of one object.

        Args:
            crop: (H, W, 3) uint8 BGR, the object's part of the picture.
            pose: (K, 3) x, y in pixels of the crop, and 1 where a channel is given, else 0.

        Returns:
            (K, 2) x, y in pixels of the crop.

        Raises:
            EngineError: the engine failed, or gave what is no position.
        """
        image = np.ascontiguousarray(crop.transpose(2, 0, 1)[None], np.float32)
        with self._lock:
            if self._session is None:
                raise EngineError("the refiner is closed", hint="load it again")
            found = self._session.run_named({IMAGE: image, POSE: np.ascontiguousarray(pose[None], np.float32)})
        points = found.get(POINTS)
        expected = (1, self.manifest.num_channels, 2)
        if points is None or points.shape != expected or not np.isfinite(points).all():
            raise EngineError(f"the refiner {self.manifest.name} gave no {expected} finite positions")
        return np.asarray(points[0], np.float64)

    def close(self) -> None:
        """Free the model."""
        with self._lock:
            session, self._session = self._session, None
            if session is not None:
                session.close()


def load_refiner_engine(
    model: OpenedRefiner,
    threads: int | None = None,
    backend: Backend | None = None,
    *,
    winograd: int | None = None,
) -> RefinerEngine:
    """Load a refiner into an engine; a file that nobody knows is tried in a child process first.

    Args:
        model: opened bundle.
        threads: number of threads to compute with; None for the usable cores, at most 4.
        backend: ``"mnn"`` or ``"onnxruntime"``; None for the first of these that the bundle has a file for.
        winograd: `MnnSettings.winograd`, only with MNN; None for its default.

    Raises:
        BundleError: the model is damaged, or has no file for this engine.
        EngineError: the engine is not installed.
        UsageError: there is no such engine or setting, or ``threads`` is below 1.
    """
    asked = threads_asked(threads)
    chosen = choose_backend(model, backend, source="refiner")
    if winograd is not None and chosen != "mnn":
        raise UsageError(f"winograd is a setting of MNN, not of {chosen}", hint="leave it out")
    settings = MnnSettings() if winograd is None else MnnSettings(winograd)
    sha256 = model.manifest.files[model.weights[chosen]].sha256
    with model.weights_file(chosen) as path:
        native_path(path, BundleError)
        check_in_child(path, chosen, sha256, size=model.manifest.input, label=str(model.path), program=__name__)
        session = _open(path, chosen, min(asked, usable_cores()), settings)
    return RefinerEngine(session, model.manifest, chosen)


def _open(path: Path, backend: Backend, threads: int, settings: MnnSettings) -> SessionOfNames:
    return cast(
        "SessionOfNames", open_session(path, backend, threads, settings if backend == "mnn" else None)
    )  # what the sessions of both engines are, besides a detector's


def _input_shapes(manifest: RefinerManifest) -> dict[str, tuple[int, ...]]:
    size = manifest.input
    return {IMAGE: (1, 3, size.height, size.width), POSE: (1, manifest.num_channels, 3)}


def _load(backend: str, path: str, *_: str) -> None:
    """Load and run a refiner's file on zeros: the child's side."""
    session = _open(Path(path), "mnn" if backend == "mnn" else "onnxruntime", 1, MnnSettings())
    session.run_named({key: np.zeros(shape, np.float32) for key, shape in session.input_shapes().items()})
    session.close()


if __name__ == "__main__":
    sys.exit(report(partial(_load, *sys.argv[1:])))
