"""The native programs that a phone runs: `deepmark.runtime.native` builds them, this says what is asked of a build."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Protocol

from deepmark.benchmarks.device.record import Runtime
from deepmark.errors import DeepMarkError

GLIBC, NDK = "aarch64-linux-gnu", "android-arm64-v8a"


class NativeBuild(Protocol):
    """Programs and libraries for a phone.

    Attributes:
        runtime: label that stands beside every number.
        folder: of all the files that a phone needs.
        files: their names, directly in it.
        mnn_version: of the engine.
        sha256: of the whole build.
    """

    @property
    def runtime(self) -> Runtime: ...  # noqa: D102
    @property
    def folder(self) -> Path: ...  # noqa: D102
    @property
    def files(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def mnn_version(self) -> str: ...  # noqa: D102
    @property
    def sha256(self) -> str: ...  # noqa: D102

    def launch(self, program: str) -> tuple[str, ...]:
        """Return what a command line begins with to start a program, relative to the folder."""
        ...


def build_for_phone() -> NativeBuild:
    """Build for Android where its NDK and MNN are named, else with the C library of Linux; cached.

    Raises:
        DeepMarkError: a tool is missing, or this installation has no native runtime.
    """
    try:
        native = importlib.import_module("deepmark.runtime.native")
    except ModuleNotFoundError as error:
        raise DeepMarkError("this installation has no native runtime", hint="install deepmark from source") from error
    ndk = os.environ.get("ANDROID_NDK_HOME") and os.environ.get("MNN_ANDROID")
    build: NativeBuild = native.build_native(NDK if ndk else GLIBC)
    return build
