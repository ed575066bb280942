"""The native programs that a phone runs: `deepmark.runtime.native` builds them, this says what is asked of a build."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from deepmark.runtime.native.tool_chain import Runtime


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
    """Build with Android's tools where they are named, otherwise with Linux' C library, which comes along; cached.

    Raises:
        DeepMarkError: a tool or MNN is missing, or the compiler failed.
    """
    from deepmark.runtime.native import android, build_native

    return build_native("android" if android.is_wanted() else "aarch64-linux-gnu")
