"""C++ programs of the tests, built once, with the sanitizers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from deepmark.runtime import native

PROGRAMS = Path(__file__).parent.parent / "runtime" / "native"
SOURCES = Path(native.__file__).parent / "src"
READERS = ("archive", "bundle", "bytes", "deflate", "json", "params", "picture")  # sources of all that reads files
FLAGS = ("-std=c++17", "-O1", "-g", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror", "-ffp-contract=off")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def compile_program(folder: Path, name: str, sources: tuple[str, ...]) -> Path:
    """Build tests/runtime/native/NAME.cpp with the named sources of the core."""
    if (compiler := shutil.which("g++")) is None:
        pytest.skip("needs g++")
    paths = [SOURCES / f"{source}.cpp" for source in sources] + [PROGRAMS / f"{name}.cpp"]
    command = [
        compiler,
        *FLAGS,
        *SANITIZERS,
        f"-I{SOURCES}",
        f"-I{SOURCES.parent / 'include'}",
        *map(str, paths),
        "-o",
        str(folder / name),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return folder / name
