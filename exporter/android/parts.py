"""What the Android app needs on this computer, as the doctor lists it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from deepmark.errors import AndroidError
from deepmark.exporter.android.tool_chain import find_tools
from deepmark.runtime.phone_tools import phone_tools
from deepmark.runtime.tool_chain_part import ToolChainPart, program_part

_PACKAGE = "bundle --apk"
_STAND_IN = "bundle --apk --stand-in"
_NATIVE = "bundle --apk, an app that computes"


def android_parts() -> Iterator[ToolChainPart]:
    """Look at every part; ``required`` are those that every package needs."""
    javac = program_part("javac", "openjdk-17-jdk-headless", _PACKAGE)
    yield replace(javac, required=True)
    try:
        tools = find_tools()
    except AndroidError as error:
        yield ToolChainPart("android tools", None, False, _PACKAGE, f"{error}: {error.hint}", required=True)
    else:
        yield ToolChainPart("android tools", tools.origin, True, _PACKAGE, None, required=True)
    yield program_part("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu", _STAND_IN)
    for part in phone_tools():
        if part.name in {"android ndk", "MNN for Android"}:
            yield replace(part, needed_for=_NATIVE, required=False)
