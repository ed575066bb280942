"""What of the tool chain is on this machine, and how to get the rest: `examine` looks at every part.

Versions come from package metadata, so nothing heavy is imported here; what must really load is tried in a process of
its own. Nothing is installed, changed or fetched.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace

from deepmark.runtime.leash import leash
from deepmark.runtime.phone_tools import phone_tools
from deepmark.runtime.tool_chain_part import CHILD_TIMEOUT_S, ToolChainPart, program_part

OLDEST_PYTHON = (3, 11)
OPENCV_WHEELS = (
    "opencv-python-headless",
    "opencv-python",
    "opencv-contrib-python-headless",
    "opencv-contrib-python",
)
_DETECT, _EXPORT = "detect, verify", "export"
PACKAGES = (  # distribution, module to load where that is part of the check, what needs it, how to get it
    ("numpy", "numpy", _DETECT, "pip install numpy"),
    ("pillow", "PIL.Image", _DETECT, "pip install pillow"),
    ("mnn", "MNN", _DETECT, "pip install mnn"),
    ("onnxruntime", None, f"{_EXPORT}; detect with .onnx models", "pip install onnxruntime"),
    ("torch", None, f"{_EXPORT}, inspect", "pip install 'deepmark-export[export]'"),
    ("onnx", None, _EXPORT, "pip install 'deepmark-export[export]'"),
    ("onnxsim", None, f"{_EXPORT} --simplify", "pip install 'deepmark-export[export]'"),
    ("safetensors", None, f"{_EXPORT} of .safetensors files", "pip install 'deepmark-export[export]'"),
    ("hotcoco", None, "eval", "pip install 'deepmark-export[eval]'"),
)


def examine() -> Iterator[ToolChainPart]:
    """Look at every part, those that ``deepmark detect`` needs first; they are the required ones."""
    yield _python()
    yield _opencv()
    for distribution, module, needed_for, remedy in PACKAGES:
        yield _package(distribution, module, needed_for, remedy)
    yield _processor()
    yield _cache()
    yield from _gpu_libraries()
    yield program_part("g++", "g++", "the C++ runtime (docs/native.md)")
    yield from (replace(part, required=False) for part in phone_tools())
    yield program_part("qemu-aarch64-static", "qemu-user-static", "trying a phone's programs here")


def _python() -> ToolChainPart:
    ok = sys.version_info >= OLDEST_PYTHON
    return ToolChainPart(
        "python",
        f"{platform.python_version()}, {sys.executable}",
        ok,
        "everything",
        None if ok else f"install Python {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} or newer",
        required=True,
    )


def _package(distribution: str, module: str | None, needed_for: str, remedy: str) -> ToolChainPart:
    required = _DETECT in needed_for
    version = _version(distribution)
    if version is None:
        return ToolChainPart(distribution, None, ok=False, needed_for=needed_for, remedy=remedy, required=required)
    failure = _load_failure(module) if module else None
    if failure:
        found = f"{version}, but it does not load: {failure}"
        return ToolChainPart(
            distribution, found, False, needed_for, f"reinstall it: {remedy} --force-reinstall", required
        )
    return ToolChainPart(distribution, version, True, needed_for, None, required)


def _opencv() -> ToolChainPart:
    """OpenCV comes as one of four wheels, which overwrite each other's files when two are installed."""
    wheels = {name: version for name in OPENCV_WHEELS if (version := _version(name))}
    if not wheels:
        remedy = "pip install opencv-python-headless (or opencv-python, for windows)"
        return ToolChainPart("opencv", None, False, _DETECT, remedy, required=True)
    found = " and ".join(f"{name} {version}" for name, version in wheels.items())
    failure = _load_failure("cv2")
    if failure:
        found = f"{found}, but it does not load: {failure}"
    if len(wheels) > 1:
        remedy = f"install only one of them: pip uninstall {' '.join(wheels)}, then pip install opencv-python-headless"
    elif failure:
        remedy = "pip uninstall opencv-python, then pip install opencv-python-headless, which needs no screen"
    elif "headless" in found:
        remedy = "it draws no windows; detect --show needs opencv-python in its place"
    else:
        remedy = ""
    return ToolChainPart("opencv", found, not failure, _DETECT, remedy or None, required=True)


def _processor() -> ToolChainPart:
    from deepmark.runtime.cpu import cpu_name, usable_cores

    return ToolChainPart(
        "processor", f"{cpu_name()} ({platform.machine()}), {usable_cores()} usable cores", True, "everything", None
    )


def _cache() -> ToolChainPart:
    from deepmark.files import cache_folder

    why = "loading a model twice without checking it twice"
    try:
        folder = cache_folder()
        existing = next(one for one in (folder, *folder.parents) if one.exists())
        with tempfile.TemporaryFile(dir=existing):
            pass
    except (RuntimeError, OSError) as error:
        return ToolChainPart(
            "cache folder", f"cannot be written: {error}", False, why, "set DEEPMARK_CACHE to a folder"
        )
    return ToolChainPart("cache folder", str(folder), True, why, None)


def _gpu_libraries() -> Iterator[ToolChainPart]:
    """Look for MNN's back ends for GPUs; whether one works is tried when a model is loaded on it."""
    from deepmark.errors import EngineError
    from deepmark.runtime.engines.gpu_libraries import FOLDER_VARIABLE, LIBRARY_NAMES, library_folder
    from deepmark.runtime.engines.gpu_settings import GPU_NAMES

    for gpu, file in LIBRARY_NAMES.items():
        name, needed_for = f"MNN for {GPU_NAMES[gpu]}", f"--compute {gpu} (docs/phone-gpu.md)"
        try:
            path = library_folder() / file
        except EngineError as error:
            yield ToolChainPart(name, None, False, needed_for, error.hint)
            continue
        ok = path.is_file()
        remedy = None if ok else f"sh tools/gpu_toolchain.sh, and set {FOLDER_VARIABLE}"
        yield ToolChainPart(name, str(path) if ok else None, ok, needed_for, remedy)


def _version(distribution: str) -> str | None:
    import importlib.metadata  # slow: half of this module's loading time, which --help need not wait for

    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _load_failure(module: str) -> str | None:
    """Import a module in a process of its own: it may crash. Returns what went wrong, or None."""
    try:
        child = subprocess.run(
            [*leash(CHILD_TIMEOUT_S), sys.executable, "-P", "-c", f"import {module}"],
            capture_output=True,
            timeout=CHILD_TIMEOUT_S,
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        return str(error)
    if not child.returncode:
        return None
    lines = child.stderr.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"exit status {child.returncode}"
