"""C++ programs of the tests, built once, with the sanitizers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from deepmark.runtime import native
from deepmark.runtime.native import NativeBuild
from deepmark.runtime.native.arm64_wheel import WHEEL_VARIABLE

PROGRAMS = Path(__file__).parent.parent / "runtime" / "native"
SOURCES = Path(native.__file__).parent / "src"
READERS = (
    "archive",
    "bundle",
    "bytes",
    "deflate",
    "json",
    "manifest",
    "params",
    "picture",
    "refiner_bundle",
)  # sources of all that reads files
FLAGS = ("-std=c++17", "-O1", "-g", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror", "-ffp-contract=off")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")

EMULATOR = ("qemu-aarch64-static", "-cpu", "cortex-a76")
Run = Callable[..., tuple[int, list[dict[str, Any]], str]]
"""Takes a program's name and words, gives its exit status, its lines of JSON, and what it printed for people."""

CROSS_TOOLS = ("cmake", "nm", "aarch64-linux-gnu-g++", "qemu-aarch64-static")


def require_cross_build(*, wheel: bool = True) -> None:
    """Skip the running test where programs for arm64 cannot be built and run, on MNN's wheel or another library."""
    missing = [tool for tool in CROSS_TOOLS if shutil.which(tool) is None]
    if wheel and not os.environ.get(WHEEL_VARIABLE):
        missing.append(WHEEL_VARIABLE)
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: tools/phone_toolchain.sh")


def run_program(
    build: NativeBuild,
    program: str,
    *words: object,
    emulator: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
    timeout: float = 300,
) -> tuple[int, list[dict[str, Any]], str]:
    """Run a program of a build: its exit status, its lines of JSON, and what it printed for people."""
    done = subprocess.run(
        [*emulator, *build.launch(program), *map(str, words)],
        cwd=build.folder,
        env={"LD_LIBRARY_PATH": "."} if environment is None else environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


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
