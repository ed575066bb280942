"""The C++ runtime: its sources, and how they are built."""

from deepmark.runtime.native.build import NativeBuild, build_native

__all__ = ["NativeBuild", "build_native"]
