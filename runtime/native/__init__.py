"""The C++ runtime: its sources, and how they are built."""

from deepmark.runtime.native.build import NativeBuild, Project, build_native

__all__ = ["NativeBuild", "Project", "build_native"]
