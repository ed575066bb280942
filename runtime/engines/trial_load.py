"""Load an unknown model file in a child process first: what crashes there does not crash the caller.

Inference libraries trust their files. A damaged one can end the process by a signal, or never return. So the first
load of every file, known by its sha256, happens in a process of its own, with one run on zeros; that it went well is
remembered in a cache folder, per library version, and the next load goes straight ahead.

Where the cache folder (`deepmark.files.cache_folder`) cannot be written, every load is checked.
"""

from __future__ import annotations

import importlib.metadata
import logging
import platform
import sys
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from deepmark.errors import BundleError, DeepMarkError
from deepmark.files import cache_folder, write_whole
from deepmark.runtime.bundle import Backend
from deepmark.runtime.engines.sessions import open_session
from deepmark.runtime.engines.trial import LoadTrial, report, run_trial

TIMEOUT_S = 60.0  # a first load takes 1 s; a small computer under load may need many times that
_LIBRARIES = {"mnn": "MNN", "onnxruntime": "ONNX Runtime"}  # as users know them
_HINT = "the file is damaged or was made by another program: copy it again, or export it again"

logger = logging.getLogger(__name__)


class InputSize(Protocol):
    """Height and width of a network's input; manifests have it."""

    @property
    def height(self) -> int:
        """Height in pixels."""

    @property
    def width(self) -> int:
        """Width in pixels."""


def check_in_child(
    path: Path,
    backend: Backend,
    sha256: str,
    *,
    size: InputSize,
    label: str,
    pictures: int = 1,
    program: str = __name__,
) -> None:
    """Load and run a model file once in a child process, unless that went well before.

    Args:
        path: path of the model file.
        backend: library that shall load it.
        sha256: sha256 of the file, hex.
        size: size of the input to run it on.
        label: name that the user has for the model; errors begin with it.
        pictures: number of pictures in the run.
        program: module that the child runs, which loads in `deepmark.runtime.engines.trial.report`.

    Raises:
        BundleError: the library crashed on the file, hung, or refused it.
        EngineError: the library is not installed, or no child process can be started.
    """
    marker = _marker(backend, sha256, pictures)
    if marker is not None and _is_remembered(marker):
        return
    run_trial(
        trial_of(program, backend, label),
        [backend, str(path.resolve()), str(size.height), str(size.width), str(pictures)],
    )
    if marker is not None:
        _remember(marker)


def trial_of(program: str, backend: Backend, label: str) -> LoadTrial:
    """Say what a program tries that loads an unknown file, and what it means where it fails.

    Args:
        program: module that the child runs.
        backend: library that loads the file.
        label: name that the user has for the file.
    """
    return LoadTrial(program, label, _LIBRARIES[backend], TIMEOUT_S, BundleError, _HINT)


def remember_load(backend: Backend, sha256: str) -> None:
    """Remember that a file, by its sha256 in hex, was loaded and run by this library in a process of its own."""
    marker = _marker(backend, sha256, pictures=1)
    if marker is not None:
        _remember(marker)


def _marker(backend: Backend, sha256: str, pictures: int) -> Path | None:
    """The file that says "this model loads", or None where there is no home to keep it in."""
    try:
        version = importlib.metadata.version(backend)  # a backend is named as its distribution
        several = f"-{pictures}" if pictures > 1 else ""
        return cache_folder() / "loads" / f"{sha256}-{backend}-{version}-{platform.machine()}{several}"
    except (importlib.metadata.PackageNotFoundError, RuntimeError):
        return None


def _is_remembered(marker: Path) -> bool:
    try:
        return marker.is_file()
    except OSError:  # the cache folder may not be entered
        return False


def _remember(marker: Path) -> None:
    try:
        write_whole(marker, b"")
    except DeepMarkError as error:
        logger.debug("cannot remember that a model loads, it will be checked again: %s", error)


def _load(backend: str, path: str, height: str, width: str, pictures: str) -> None:
    """Load and run a model: the child's side."""
    session = open_session(Path(path), "mnn" if backend == "mnn" else "onnxruntime", threads=1)
    session.run(np.zeros((int(pictures), 3, int(height), int(width)), np.float32))
    session.close()


if __name__ == "__main__":
    sys.exit(report(partial(_load, *sys.argv[1:])))
