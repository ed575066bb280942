"""Load an unknown model file in a child process first: what crashes there does not crash the caller.

Inference libraries trust their files. A damaged one can end the process by a signal, or never return. So the first
load of every file, known by its sha256, happens in a process of its own, with one run on zeros; that it went well is
remembered in a cache folder, per library version, and the next load goes straight ahead.

Where the cache folder (`deepmark.files.cache_folder`) cannot be written, every load is checked.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from deepmark.errors import BundleError, DeepMarkError, EngineError
from deepmark.files import cache_folder, write_whole
from deepmark.runtime.bundle import Backend
from deepmark.runtime.engines.sessions import open_session
from deepmark.runtime.leash import leash
from deepmark.runtime.manifest import InputSpec

TIMEOUT_S = 60.0  # a first load takes 1 s; a small computer under load may need many times that
_LIBRARIES = {"mnn": "MNN", "onnxruntime": "ONNX Runtime"}  # as users know them
_REPORT_PREFIX = "deepmark-trial-load: "  # marks the one line of the child's stderr that is for the parent
_ERRORS: dict[str, type[DeepMarkError]] = {"BundleError": BundleError, "EngineError": EngineError}
_HINT = "the file is damaged or was made by another program: copy it again, or export it again"

logger = logging.getLogger(__name__)


def check_in_child(
    path: Path, backend: Backend, sha256: str, *, size: InputSpec, label: str, pictures: int = 1
) -> None:
    """Load and run a model file once in a child process, unless that went well before.

    Args:
        path: path of the model file.
        backend: library that shall load it.
        sha256: sha256 of the file, hex.
        size: size of the input to run it on.
        label: name that the user has for the model; errors begin with it.
        pictures: number of pictures in the run.

    Raises:
        BundleError: the library crashed on the file, hung, or refused it.
        EngineError: the library is not installed, or no child process can be started.
    """
    marker = _marker(backend, sha256, pictures)
    if marker is not None and _is_remembered(marker):
        return
    _run_child(path, backend, size, label, pictures)
    if marker is not None:
        _remember(marker)


def _run_child(path: Path, backend: Backend, size: InputSpec, label: str, pictures: int) -> None:
    # -P keeps the working folder off the child's import path; the parent's own path is handed over as it is. A
    # fork would not do: MNN hangs in the fork of a process that used it.
    words = [backend, str(path.resolve()), str(size.height), str(size.width), str(pictures)]
    command = [*leash(TIMEOUT_S), sys.executable, "-P", "-m", __name__, *words]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    try:
        child = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BundleError(
            f"{label}: {_LIBRARIES[backend]} did not load it within {TIMEOUT_S:g} s", hint=_HINT
        ) from error
    except OSError as error:
        raise EngineError(f"{label}: cannot start a process to load it in: {error.strerror or error}") from error
    printed = (child.stdout + child.stderr).decode(errors="replace")
    logger.debug("first load of %s by %s: exit status %d\n%s", label, backend, child.returncode, printed.strip())
    if child.returncode:
        raise _explain(label, backend, child.returncode, printed)


def _explain(label: str, backend: Backend, status: int, printed: str) -> DeepMarkError:
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    for line in lines:
        if line.startswith(_REPORT_PREFIX):
            report = json.loads(line.removeprefix(_REPORT_PREFIX))
            return _ERRORS.get(report["type"], EngineError)(f"{label}: {report['message']}", hint=report["hint"])
    last = f" (its last words: {lines[-1]})" if lines else ""
    if status == -signal.SIGKILL:
        return EngineError(f"{label}: the process that loaded it was killed{last}", hint="is there enough free memory?")
    if status < 0:
        return BundleError(
            f"{label}: {_LIBRARIES[backend]} crashes on it with {signal.Signals(-status).name}{last}", hint=_HINT
        )
    return EngineError(f"{label}: {_LIBRARIES[backend]} cannot be tried in a process of its own{last}")


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


def main(arguments: list[str]) -> int:
    """Load and run a model: the child's side. Returns the exit status; an error goes to stderr as one marked line."""
    backend, path, height, width, pictures = arguments
    try:
        session = open_session(Path(path), "mnn" if backend == "mnn" else "onnxruntime", threads=1)
        session.run(np.zeros((int(pictures), 3, int(height), int(width)), np.float32))
        session.close()
    except DeepMarkError as error:
        report = {"type": type(error).__name__, "message": str(error), "hint": error.hint}
        sys.stderr.write(f"\n{_REPORT_PREFIX}{json.dumps(report)}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
