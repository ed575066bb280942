"""What measuring on a phone needs on this computer: adb, and one of two ways to build programs for it.

Without Android's tools the programs are built with a cross compiler on MNN's wheel; with them (``ANDROID_NDK_HOME`` or
``MNN_ANDROID`` is set) on MNN's release for Android. No emulator is needed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from deepmark.runtime.tool_chain_part import ToolChainPart, printed, program_part

_SPEED, _ANDROID = "bench --device adb", "bench --device adb, for figures to publish"
_ADB = "adb"
_NPU_REMEDY = (
    "nothing to install: HiAI (Huawei) needs a build of MNN with Huawei's DDK, which only Huawei gives out, and MNN's"
    " maintainer calls it not kept up and not verified; NNAPI lacks depthwise deconvolutions and GridSample, and MNN's"
    " release has it not. deepmark inspect MODEL.onnx --for hiai or nnapi; docs/phone.md"
)


def phone_tools() -> Iterator[ToolChainPart]:
    """Look at every part; ``required`` are those of the way that is taken here."""
    from deepmark.runtime.native import android

    wanted = android.is_wanted()
    yield replace(_adb(), required=True)
    yield replace(program_part("cmake", "cmake", f"{_SPEED}; the C++ runtime (docs/native.md)"), required=True)
    for part in (
        program_part("nm", "binutils", _SPEED),
        program_part("aarch64-linux-gnu-g++", "g++-aarch64-linux-gnu", _SPEED),
        _arm64_wheel(),
    ):
        yield replace(part, required=not wanted)
    for part in (_ndk(), _mnn_for_android()):
        yield replace(part, required=wanted)
    yield ToolChainPart("NPU", "not offered", False, "a phone's neural processor, the paper's second", _NPU_REMEDY)


def missing_to_build() -> tuple[ToolChainPart, ...]:
    """Return what is missing to build programs for a phone, all of it."""
    return tuple(part for part in phone_tools() if part.required and not part.ok and part.name != _ADB)


def _arm64_wheel() -> ToolChainPart:
    """MNN's library for phones, which `deepmark.runtime.native` builds against."""
    from deepmark.errors import EngineError
    from deepmark.runtime.native.arm64_wheel import WHEEL_VARIABLE, find_arm64_wheel

    name = "MNN for arm64"
    try:
        return ToolChainPart(name, str(find_arm64_wheel()), True, _SPEED, None)
    except EngineError as error:
        return ToolChainPart(name, str(error) if os.environ.get(WHEEL_VARIABLE) else None, False, _SPEED, error.hint)


def _adb() -> ToolChainPart:
    path = shutil.which(_ADB)
    if path is None:
        remedy = (
            "install Android's platform tools (Debian: apt install adb; macOS: brew install android-platform-tools)"
        )
        return ToolChainPart(_ADB, None, False, _SPEED, remedy)
    lines = printed([path, "version"])
    version = next((line.split()[-1] for line in lines if line.startswith("Version")), "of unknown version")
    return ToolChainPart(_ADB, f"{version}, {path}", True, _SPEED, None)


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
