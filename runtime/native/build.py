"""Build the C++ programs, for this computer or for another, into a folder that holds all they need.

A build is kept in the cache folder under the hash of everything it is made of: sources, flags, compiler and MNN.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, get_args

from deepmark.errors import EngineError, UsageError
from deepmark.files import cache_folder, whole_folder
from deepmark.runtime.cpu import usable_cores
from deepmark.runtime.native import android, wheel
from deepmark.runtime.native.tool_chain import CROSS, Runtime, ToolChain, require_tool

Target = Literal["host", "aarch64-linux-gnu", "android"]

STUB = "libpystub.so"
_SOURCES = Path(__file__).parent
_TIMEOUT_S = 600


@dataclass(frozen=True, slots=True)
class Project:
    """A CMake project on the native library.

    Attributes:
        source: folder of its CMakeLists.txt.
        products: names of the files that it builds and a device needs.
        cmake: arguments of its own.
    """

    source: Path
    products: tuple[str, ...]
    cmake: tuple[str, ...] = ()


PROGRAMS = Project(_SOURCES, ("dm_bench", "dm_detect", "dm_verify"), ("-DDEEPMARK_PROGRAMS=ON",))


@dataclass(frozen=True, slots=True)
class NativeBuild:
    """A finished build.

    Attributes:
        target: name of what it was built for, one of `Target`.
        runtime: kind of C library and MNN in it, printed beside every number.
        folder: folder in which everything lies that a device needs.
        files: names of the files in ``folder``, sorted.
        mnn_version: version of the MNN library in it.
        sha256: hash of all files and their names, hex.
    """

    target: str
    runtime: Runtime
    folder: Path
    files: tuple[str, ...]
    mnn_version: str
    sha256: str

    def launch(self, program: str) -> tuple[str, ...]:
        """Return the words that start a program, relative to the folder, which must be the working folder.

        ``LD_LIBRARY_PATH=.`` must be set, but for aarch64-linux-gnu, which brings its own loader.
        """
        if self.target == CROSS:
            return (f"./{wheel.LOADER}", "--library-path", ".", f"./{program}")
        return (f"./{program}",)


def build_native(target: Target = "host", project: Project = PROGRAMS) -> NativeBuild:
    """Build the programs or another project, or find the build of the same sources, compiler and MNN in the cache.

    Raises:
        UsageError: there is no such target.
        EngineError: a tool or MNN is missing, the compiler failed, or the cache folder cannot be written.
    """
    if target not in get_args(Target):
        raise UsageError(f"unknown target {target!r}", hint=f"choose {', '.join(get_args(Target))}")
    with _chain_for(target) as chain:
        key = build_key(target, chain, project)
        try:
            folder = cache_folder() / "native" / f"{target}-{key[:24]}"
            if not folder.is_dir():
                _build(chain, project, folder)
        except (OSError, RuntimeError) as error:
            raise _cannot_keep(error) from error
    files = tuple(sorted(path.name for path in folder.iterdir()))
    digest = hashlib.sha256()
    for name in files:
        digest.update(name.encode() + b"\0" + hashlib.sha256((folder / name).read_bytes()).digest())
    return NativeBuild(target, chain.runtime, folder, files, chain.mnn_version, digest.hexdigest())


@contextmanager
def _chain_for(target: Target) -> Iterator[ToolChain]:
    if target == "host":
        yield wheel.host_chain()
    elif target == "android":
        yield android.android_chain()
    else:
        with wheel.cross_chain() as chain:
            yield chain


def build_key(target: Target, chain: ToolChain, project: Project = PROGRAMS) -> str:
    """Return the hash, hex, of all that a build is made of.

    A flag such as ``-march=native`` is another thing on every computer: what counts is what the compiler makes of it.
    """
    digest = hashlib.sha256(target.encode())
    for question in (["--version"], [*chain.flags, "-dM", "-E", "-x", "c++", "/dev/null"]):
        printed = subprocess.run([chain.compiler, *question], capture_output=True, check=False)
        digest.update(printed.stdout)
    digest.update(hashlib.sha256(chain.library.read_bytes()).digest())
    sources = [*_SOURCES.rglob("*.cpp"), *_SOURCES.rglob("*.hpp"), *_SOURCES.glob("*.py"), _SOURCES / "CMakeLists.txt"]
    _add_files(digest, _SOURCES, sources)
    if project.source != _SOURCES:
        _add_files(digest, project.source, [path for path in project.source.rglob("*") if path.is_file()])
    return digest.hexdigest()


def _add_files(digest: hashlib._Hash, folder: Path, files: Sequence[Path]) -> None:
    for path in sorted(files):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())


def _build(chain: ToolChain, project: Project, folder: Path) -> None:
    """Build a project; the folder is there whole or not at all."""
    require_tool("cmake")
    with (
        whole_folder(folder, explain=lambda _, error: _cannot_keep(error)) as complete,
        TemporaryDirectory(prefix="deepmark-") as scratch,
    ):
        work = Path(scratch) / "work"
        configure = ["cmake", "-S", str(project.source), "-B", str(work), f"-DMNN_ENGINE={chain.library}"]
        configure += [*chain.cmake, f"-DDEEPMARK_FLAGS={';'.join(chain.flags)}", *project.cmake]
        built = list(project.products)
        if chain.needs_python:
            stub = Path(scratch) / "stub.c"
            stub.write_text(wheel.stub_source(wheel.python_symbols(chain.library)))
            configure += [f"-DPYTHON_STUB={stub}", "-DDEEPMARK_RPATH=$ORIGIN"]
            built.append(STUB)
        # Without a number, make starts a compiler for every source at once.
        for command in (configure, ["cmake", "--build", str(work), "--parallel", str(usable_cores())]):
            _run(command)
        for path in [*(next(work.rglob(name)) for name in built), chain.library, *chain.companions]:
            shutil.copy2(path, complete / path.name)


def _cannot_keep(error: OSError | RuntimeError) -> EngineError:
    return EngineError(f"cannot keep the build: {error}", hint="set DEEPMARK_CACHE to a folder with room")


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"{command[0]} did not end within {_TIMEOUT_S} s") from error
    if done.returncode:
        raise EngineError(
            f"{command[0]} failed: {_first_error(done.stderr + done.stdout)}",
            hint="a compiler of C++17 (g++ 11, the NDK r23) and cmake 3.18 are needed, or later ones",
        )


def _first_error(output: str) -> str:
    """Return the first line of a tool's output that speaks of an error; of CMake's, with what follows it."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for number, line in enumerate(lines):
        if "rror" in line:
            return " ".join(lines[number : number + 2]) if line.endswith(":") else line
    return "it does not say why"
