"""The native libraries of a package: the runtime on MNN, or a stand-in that only says that there is none."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from deepmark.errors import AndroidError, EngineError
from deepmark.exporter.android.tool_chain import run_tool
from deepmark.runtime.native import Project, build_native

BRIDGE = "libdeepmark_jni.so"
STAND_IN_SOURCE = "stand_in.c"

_STAND_IN_COMPILER = "aarch64-linux-gnu-gcc"


def stand_in_libraries(cpp: Path) -> Mapping[str, bytes]:
    """Compile the library that answers every call with an exception.

    Args:
        cpp: folder of the app's C and C++ sources.

    Returns:
        Name of the library -> its content.

    Raises:
        AndroidError: there is no compiler for arm64.
    """
    if shutil.which(_STAND_IN_COMPILER) is None:
        raise AndroidError(
            f"the stand-in needs {_STAND_IN_COMPILER}, which is missing", hint="apt-get install gcc-aarch64-linux-gnu"
        )
    with tempfile.TemporaryDirectory(prefix="deepmark-") as scratch:
        library = Path(scratch) / BRIDGE
        run_tool(
            [
                *(_STAND_IN_COMPILER, "-shared", "-nostdlib", "-ffreestanding", "-fPIC", "-O2", "-Wall", "-Werror"),
                *("-Wl,-z,max-page-size=16384", "-Wl,--build-id=none", "-o", str(library), str(cpp / STAND_IN_SOURCE)),
            ],
            stage="stand-in library",
        )
        return {BRIDGE: library.read_bytes()}


def phone_libraries(cpp: Path) -> Mapping[str, bytes]:
    """Build the bridge with the NDK, and take MNN's library of its release for Android.

    Args:
        cpp: folder of the app's C and C++ sources.

    Returns:
        Name of each library -> its content.

    Raises:
        AndroidError: the NDK or MNN's release is missing, or the build failed; the hint says how to get them.
    """
    try:
        built = build_native("android", Project(cpp, (BRIDGE,)))
    except EngineError as error:
        raise AndroidError(
            f"no native libraries: {error}", hint=f"{error.hint}; or --stand-in for an app that computes nothing"
        ) from error
    return {name: (built.folder / name).read_bytes() for name in built.files}
