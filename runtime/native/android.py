"""Android's own tools: the NDK, and MNN's release for Android.

``ANDROID_NDK_HOME`` names the NDK (r23 or later), ``MNN_ANDROID`` the folder that the release was unpacked into. The
programs are declared against the same interface as with the wheel (``mnn/mnn_api.hpp``), so the release must be of the
same version; the linker refuses a name or an argument type that its library does not export.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from deepmark.errors import EngineError
from deepmark.runtime.engines.gpu_libraries import LIBRARY_NAMES
from deepmark.runtime.native.tool_chain import ToolChain

NDK_VARIABLE = "ANDROID_NDK_HOME"
MNN_VARIABLE = "MNN_ANDROID"
ABI = "arm64-v8a"
PLATFORM = "android-26"  # Android 8
VERSION = "3.6"  # of MNN that mnn_api.hpp declares
_RELEASES = "https://github.com/alibaba/MNN/releases"


def is_wanted() -> bool:
    """Tell whether either of the two variables is set."""
    return bool(os.environ.get(NDK_VARIABLE) or os.environ.get(MNN_VARIABLE))


def android_chain() -> ToolChain:
    """Build with the NDK on MNN's release, whose GPU back ends go along.

    Raises:
        EngineError: one of the two is missing, not what it must be, or of another version.
    """
    ndk = _folder(NDK_VARIABLE, "the Android NDK", "https://developer.android.com/ndk/downloads")
    settings = ndk / "build" / "cmake" / "android.toolchain.cmake"
    compilers = sorted(ndk.glob("toolchains/llvm/prebuilt/*/bin/clang++"))
    if not settings.is_file() or not compilers:
        raise EngineError(
            f"{NDK_VARIABLE}={ndk} is no NDK: it has no {settings.relative_to(ndk)}"
            if not settings.is_file()
            else f"{NDK_VARIABLE}={ndk} has no clang++",
            hint="name the folder that holds toolchains/ and build/",
        )
    library, version = find_release()
    cxx = library.parent / "libc++_shared.so"
    beside = (cxx, *(library.parent / name for name in LIBRARY_NAMES.values()))
    return ToolChain(
        runtime="ndk",
        compiler=str(compilers[0]),
        library=library,
        mnn_version=version,
        companions=tuple(path for path in beside if path.is_file()),
        cmake=(
            f"-DCMAKE_TOOLCHAIN_FILE={settings}",
            f"-DANDROID_ABI={ABI}",
            f"-DANDROID_PLATFORM={PLATFORM}",
            f"-DANDROID_STL={'c++_shared' if cxx.is_file() else 'c++_static'}",  # as MNN's own library was built
        ),
        needs_python=False,
    )


def find_release() -> tuple[Path, str]:
    """Find the library in MNN's release, and the version.

    Raises:
        EngineError: it is missing, or of a version that the programs are not declared for.
    """
    release = _folder(MNN_VARIABLE, "MNN's release for Android, unpacked", _RELEASES)
    libraries = sorted(release.glob(f"**/{ABI}/libMNN.so"))
    if not libraries:
        raise EngineError(
            f"{MNN_VARIABLE}={release} holds no {ABI}/libMNN.so", hint=f"unpack the Android zip of {_RELEASES}"
        )
    return libraries[0], _version(release)


def _folder(variable: str, what: str, where: str) -> Path:
    named = os.environ.get(variable, "")
    if not Path(named).is_dir() or not named:
        raise EngineError(f"{variable} must name {what}, found {named!r}", hint=where)
    return Path(named).resolve()


def _version(release: Path) -> str:
    """Read the release's version off its header, and refuse one that the programs are not declared for."""
    headers = sorted(release.glob("**/MNN/MNNDefine.h"))
    text = headers[0].read_text(errors="replace") if headers else ""
    parts = [re.search(rf"define MNN_VERSION_{part}\s+(\d+)", text) for part in ("MAJOR", "MINOR", "PATCH")]
    if not all(parts):
        raise EngineError(
            f"{MNN_VARIABLE}={release} has no include/MNN/MNNDefine.h that tells its version",
            hint=f"unpack the whole Android zip of {_RELEASES}",
        )
    found = ".".join(part[1] for part in parts if part)
    if not found.startswith(f"{VERSION}."):
        raise EngineError(
            f"{MNN_VARIABLE}={release} is MNN {found}, expected {VERSION}.x", hint=f"take that version from {_RELEASES}"
        )
    return found
