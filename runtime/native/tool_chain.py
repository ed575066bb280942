"""What a build for one target is made with."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deepmark.errors import EngineError

Runtime = Literal["glibc-wheel", "ndk"]

CROSS = "aarch64-linux-gnu"
_PACKAGES = {"cmake": "cmake", "nm": "binutils"}


@dataclass(frozen=True, slots=True)
class ToolChain:
    """A compiler and an MNN for one target.

    Attributes:
        runtime: kind of C library and MNN, printed beside every number.
        compiler: C++ compiler; a build's key has its version and the instructions that ``flags`` allow it.
        library: library file of MNN.
        mnn_version: version of ``library``.
        companions: files that must lie beside the programs on the device.
        cmake: arguments that name the compiler and what else belongs to the target.
        needs_python: whether MNN's library names Python symbols.
        flags: flags of the compiler, beside those in CMakeLists.txt.
    """

    runtime: Runtime
    compiler: str
    library: Path
    mnn_version: str
    companions: tuple[Path, ...]
    cmake: tuple[str, ...]
    needs_python: bool
    flags: tuple[str, ...] = ()


def require_tool(name: str) -> str:
    """Return the path of a program.

    Raises:
        EngineError: it is not installed.
    """
    found = shutil.which(name)
    if found is None:
        package = _PACKAGES.get(name, f"g++-{CROSS}" if name.startswith(CROSS) else "g++")
        raise EngineError(f"the tool {name} is missing", hint=f"apt-get install {package}")
    return found
