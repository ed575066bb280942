"""MNN's GPU back ends: libraries beside the wheel's engine, which nothing loads unless it is told to.

Loaded before a session is made, one turns the engine into one that computes on a GPU. It must be of the engine's own
version, as both share classes; `tools/gpu_toolchain.sh` builds it and writes the version into it. Where it is missing
MNN computes on the CPU, and says so on stdout only.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import os
import sys
from pathlib import Path

from deepmark.errors import EngineError
from deepmark.files import cache_folder
from deepmark.runtime.engines.gpu_settings import GPU_NAMES, Gpu

FOLDER_VARIABLE = "MNN_GPU_LIBRARIES"
LIBRARY_NAMES: dict[Gpu, str] = {"opencl": "libMNN_CL.so", "vulkan": "libMNN_Vulkan.so"}
VERSION_SYMBOL = "deepmark_mnn_version"
_HOW = f"tools/gpu_toolchain.sh builds it; {FOLDER_VARIABLE} names its folder"

_loaded: dict[Gpu, Path] = {}  # never unloaded: MNN keeps pointers into them


def library_folder() -> Path:
    """Return the folder of the back ends: ``$MNN_GPU_LIBRARIES``, or ``gpu/mnn-VERSION`` in the cache folder.

    Raises:
        EngineError: MNN is not installed, or there is no cache folder.
    """
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named)
    try:
        return cache_folder() / "gpu" / f"mnn-{importlib.metadata.version('mnn')}"
    except (RuntimeError, importlib.metadata.PackageNotFoundError) as error:
        raise EngineError(f"cannot tell where MNN's GPU back ends are: {error}", hint=_HOW) from error


def load_gpu_library(gpu: Gpu) -> Path:
    """Load a back end from `library_folder` into this process's MNN, which must have been imported; return its path.

    Raises:
        EngineError: it is missing, of another version of MNN, or another was loaded before.
    """
    path = (library_folder() / LIBRARY_NAMES[gpu]).absolute()
    if _loaded.get(gpu) == path:
        return path
    if gpu in _loaded:
        raise EngineError(f"this process computes by {_loaded[gpu]} and cannot take {path}, too", hint="start another")
    if sys.platform != "linux":
        raise EngineError(f"MNN's {GPU_NAMES[gpu]} back end can be used on Linux only", hint="compute on the CPU")
    if not path.is_file():
        raise EngineError(f"MNN's {GPU_NAMES[gpu]} back end is missing: {path}", hint=_HOW)
    _share_engine()
    try:
        library = ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL | os.RTLD_NOW)
    except OSError as error:
        raise EngineError(f"MNN's {GPU_NAMES[gpu]} back end cannot be loaded: {error}", hint=_HOW) from error
    _require_version(library, path)
    _loaded[gpu] = path
    return path


def _share_engine() -> None:
    """Let the back end find the engine's symbols, which Python keeps to itself."""
    spec = importlib.util.find_spec("_mnncengine")
    if spec is None or spec.origin is None:
        raise EngineError("MNN's engine is not where its package puts it", hint="pip install mnn")
    ctypes.CDLL(spec.origin, mode=ctypes.RTLD_GLOBAL | os.RTLD_NOLOAD)


def _require_version(library: ctypes.CDLL, path: Path) -> None:
    wanted = importlib.metadata.version("mnn")
    try:
        symbol = ctypes.c_char.in_dll(library, VERSION_SYMBOL)
        found = ctypes.string_at(ctypes.addressof(symbol)).decode(errors="replace")
    except ValueError:
        found = "an unknown version"
    if found != wanted:
        raise EngineError(f"{path} belongs to MNN {found}, the engine is {wanted}", hint=_HOW)
