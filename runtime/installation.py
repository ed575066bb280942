"""What of the tool chain is on this machine, and how to get the rest: `examine` looks at every part.

Versions come from package metadata, so nothing heavy is imported here; what must really load is tried in a process of
its own. Nothing is installed, changed or fetched.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

OLDEST_PYTHON = (3, 11)
OPENCV_WHEELS = (
    "opencv-python-headless",
    "opencv-python",
    "opencv-contrib-python-headless",
    "opencv-contrib-python",
)
_DETECT, _EXPORT, _SPEED = "detect, verify", "export", "bench --device adb"
_NATIVE, _ANDROID = "the C++ runtime (docs/native.md)", "bench --device adb, for figures to publish"
_CHILD_TIMEOUT_S = 60
NATIVE_TOOLS = (  # program, Debian's package, what for
    ("cmake", "cmake", _NATIVE),
    ("g++", "g++", _NATIVE),
    ("aarch64-linux-gnu-g++", "g++-aarch64-linux-gnu", _SPEED),
    ("qemu-aarch64-static", "qemu-user-static", "trying a phone's programs here"),
)

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


@dataclass(frozen=True, slots=True)
class ToolChainPart:
    """One part of the tool chain.

    Attributes:
        name: short name.
        found: version and path, or what is wrong with it; None where it is missing.
        ok: whether it can be used.
        needed_for: what does not work without it.
        remedy: how to get or mend it; None where there is nothing to do.
        required: whether ``deepmark detect`` needs it.
    """

    name: str
    found: str | None
    ok: bool
    needed_for: str
    remedy: str | None
    required: bool = False


def examine() -> Iterator[ToolChainPart]:
    """Look at every part, those that ``deepmark detect`` needs first."""
    yield _python()
    yield _opencv()
    for distribution, module, needed_for, remedy in PACKAGES:
        yield _package(distribution, module, needed_for, remedy)
    yield _processor()
    yield _cache()
    for program, package, needed_for in NATIVE_TOOLS:
        yield _native_tool(program, package, needed_for)
    yield _arm64_wheel()
    yield _adb()
    yield _ndk()
    yield _mnn_for_android()


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


def _native_tool(program: str, package: str, needed_for: str) -> ToolChainPart:
    found = shutil.which(program)
    lines = _output([found, "--version"]) if found else []
    remedy = None if found else f"apt-get install {package}"
    return ToolChainPart(program, lines[0] if lines else found, found is not None, needed_for, remedy)


def _arm64_wheel() -> ToolChainPart:
    """MNN's library for phones, which `deepmark.runtime.native` builds against."""
    from deepmark.runtime.native.wheel import WHEEL_VARIABLE

    named = os.environ.get(WHEEL_VARIABLE)
    ok = named is not None and Path(named).is_file()
    found = named if ok or named is None else f"{named} is no file"
    remedy = f"sh tools/phone_toolchain.sh fetches it into build/wheels; set {WHEEL_VARIABLE} to its path"
    return ToolChainPart("MNN for arm64", found, ok, _SPEED, None if ok else remedy)


def _adb() -> ToolChainPart:
    path = shutil.which("adb")
    if path is None:
        remedy = (
            "install Android's platform tools (Debian: apt install adb; macOS: brew install android-platform-tools)"
        )
        return ToolChainPart("adb", None, False, _SPEED, remedy)
    lines = _output([path, "version"])
    version = next((line.split()[-1] for line in lines if line.startswith("Version")), "of unknown version")
    return ToolChainPart("adb", f"{version}, {path}", True, _SPEED, None)


def _ndk() -> ToolChainPart:
    """The newest Android NDK in the places where Android's own tools look."""
    named = [Path(os.environ[name]) for name in ("ANDROID_NDK_HOME", "ANDROID_NDK_ROOT") if os.environ.get(name)]
    sdks = [Path(os.environ[name]) for name in ("ANDROID_HOME", "ANDROID_SDK_ROOT") if os.environ.get(name)]
    for folder in [*named, *(ndk for sdk in sdks for ndk in sorted(sdk.glob("ndk/*"), reverse=True))]:
        revision = _ndk_revision(folder)
        if revision:
            return ToolChainPart("android ndk", f"{revision}, {folder}", True, _ANDROID, None)
    remedy = "install it with Android Studio or sdkmanager, and set ANDROID_NDK_HOME to its folder"
    wrong = f"{named[0]} is no NDK" if named else None
    return ToolChainPart("android ndk", wrong, False, _ANDROID, remedy)


def _mnn_for_android() -> ToolChainPart:
    """MNN's release for Android, which the build with the NDK needs."""
    from deepmark.errors import EngineError
    from deepmark.runtime.native.android import MNN_VARIABLE, find_release

    try:
        library, version = find_release()
    except EngineError as error:
        found = str(error) if os.environ.get(MNN_VARIABLE) else None
        remedy = f"set {MNN_VARIABLE} to the folder of MNN's Android release: {error.hint}"
        return ToolChainPart("MNN for Android", found, False, _ANDROID, remedy)
    return ToolChainPart("MNN for Android", f"{version}, {library}", True, _ANDROID, None)


def _ndk_revision(folder: Path) -> str | None:
    try:
        lines = (folder / "source.properties").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((line.partition("=")[2].strip() for line in lines if line.startswith("Pkg.Revision")), None)


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
            [sys.executable, "-P", "-c", f"import {module}"], capture_output=True, timeout=_CHILD_TIMEOUT_S, check=False
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        return str(error)
    if not child.returncode:
        return None
    lines = child.stderr.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"exit status {child.returncode}"


def _output(command: Sequence[str]) -> list[str]:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_CHILD_TIMEOUT_S, check=False)
    except (subprocess.TimeoutExpired, OSError):
        return []
    return done.stdout.decode(errors="replace").splitlines()
