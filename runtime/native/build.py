"""Build the C++ programs, for this computer or for another, into a folder that holds all they need.

A build is kept in the cache folder under the hash of everything it is made of: sources, flags, compiler and MNN.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from deepmark.errors import EngineError, UsageError
from deepmark.runtime.isolation import cache_folder
from deepmark.runtime.native import wheel

Target = Literal["host", "aarch64-linux-gnu"]

PROGRAMS = ("dm_bench", "dm_detect", "dm_verify")
STUB = "libpystub.so"
WHEEL_VARIABLE = "MNN_AARCH64_WHEEL"
CROSS = "aarch64-linux-gnu"
LOADER = "ld-linux-aarch64.so.1"
CROSS_LIBRARIES = (
    LOADER,
    "libc.so.6",
    "libm.so.6",
    "libstdc++.so.6",
    "libgcc_s.so.1",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "libutil.so.1",
)
_SOURCES = Path(__file__).parent
_TIMEOUT_S = 600


@dataclass(frozen=True, slots=True)
class NativeBuild:
    """A finished build.

    Attributes:
        target: what it was built for.
        runtime: the kind of C library and MNN in it, printed beside every number.
        folder: everything that a device needs lies directly in it.
        files: their names.
        mnn_version: of the library in it.
        sha256: of the whole build, hex.
    """

    target: str
    runtime: Literal["glibc-wheel"]
    folder: Path
    files: tuple[str, ...]
    mnn_version: str
    sha256: str

    def launch(self, program: str) -> tuple[str, ...]:
        """Return the words that start a program, relative to the folder, which must be the working folder.

        On the host, ``LD_LIBRARY_PATH=.`` must be set; another target brings its own loader.
        """
        if self.target == "host":
            return (f"./{program}",)
        return (f"./{LOADER}", "--library-path", ".", f"./{program}")


def build_native(target: Target = "host") -> NativeBuild:
    """Build the programs, or find the build of the same sources, compiler and MNN in the cache.

    Raises:
        UsageError: there is no such target.
        EngineError: a tool or MNN is missing, the compiler failed, or the cache folder cannot be written.
    """
    if target not in get_args(Target):
        raise UsageError(f"unknown target {target!r}", hint=f"choose {', '.join(get_args(Target))}")
    prefix = "" if target == "host" else f"{CROSS}-"
    compiler = _tool(f"{prefix}g++")
    _tool("cmake")
    _tool(f"{prefix}gcc")
    with _library(target) as library:
        version = _version(target)
        key = _key(target, compiler, library)
        try:
            folder = cache_folder() / "native" / f"{target}-{key[:24]}"
            if not folder.is_dir():
                folder.parent.mkdir(parents=True, exist_ok=True)
                _build(target, prefix, library, folder)
        except (OSError, RuntimeError) as error:
            raise EngineError(
                f"cannot keep the build: {error}", hint="set DEEPMARK_CACHE to a folder with room"
            ) from error
    files = tuple(sorted(path.name for path in folder.iterdir()))
    digest = hashlib.sha256()
    for name in files:
        digest.update(name.encode() + b"\0" + hashlib.sha256((folder / name).read_bytes()).digest())
    return NativeBuild(target, "glibc-wheel", folder, files, version, digest.hexdigest())


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        package = {"cmake": "cmake"}.get(name, f"g++-{CROSS}" if name.startswith(CROSS) else "g++")
        raise EngineError(f"the tool {name} is missing", hint=f"apt-get install {package}")
    return found


@contextmanager
def _library(target: Target) -> Iterator[Path]:
    """Give the path of MNN's library for a target; its companions lie in ``mnn.libs`` beside it."""
    if target == "host":
        yield wheel.find_library()
        return
    named = os.environ.get(WHEEL_VARIABLE, "")
    if not Path(named).is_file():
        raise EngineError(
            f"{WHEEL_VARIABLE} must name MNN's wheel for aarch64, found {named!r}",
            hint="tools/phone_toolchain.sh fetches it into build/wheels",
        )
    with tempfile.TemporaryDirectory(prefix="deepmark-") as folder:
        try:
            with zipfile.ZipFile(named) as archive:
                wanted = [name for name in archive.namelist() if name.endswith(".so") or name.startswith("mnn.libs/")]
                archive.extractall(folder, wanted)
        except (OSError, zipfile.BadZipFile) as error:
            raise EngineError(f"{named} is no wheel: {error}", hint="fetch it again") from error
        found = sorted(Path(folder).glob(f"{wheel.MODULE}*aarch64*.so"))
        if not found:
            raise EngineError(f"{named} holds no {wheel.MODULE} for aarch64", hint="fetch the aarch64 wheel")
        yield found[0]


def _version(target: Target) -> str:
    if target == "host":
        import importlib.metadata

        return importlib.metadata.version("MNN")
    return Path(os.environ[WHEEL_VARIABLE]).name.split("-")[1]


def _key(target: Target, compiler: str, library: Path) -> str:
    digest = hashlib.sha256(target.encode())
    said = subprocess.run([compiler, "--version"], capture_output=True, check=False)
    digest.update(said.stdout)
    digest.update(hashlib.sha256(library.read_bytes()).digest())
    sources = [*_SOURCES.rglob("*.cpp"), *_SOURCES.rglob("*.hpp"), *_SOURCES.glob("*.py"), _SOURCES / "CMakeLists.txt"]
    for path in sorted(sources):
        digest.update(path.relative_to(_SOURCES).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _build(target: Target, prefix: str, library: Path, folder: Path) -> None:
    """Build into a folder beside the final one, and rename: a build is there whole or not at all."""
    with tempfile.TemporaryDirectory(prefix="build-", dir=folder.parent) as scratch:
        work, complete = Path(scratch) / "work", Path(scratch) / "complete"
        complete.mkdir()
        stub = Path(scratch) / "stub.c"
        stub.write_text(wheel.stub_source(wheel.python_symbols(library)))
        configure = [
            *("cmake", "-S", str(_SOURCES), "-B", str(work)),
            *(f"-DMNN_ENGINE={library}", f"-DMNN_LIBRARIES={library.parent / 'mnn.libs'}", f"-DPYTHON_STUB={stub}"),
            *("-DDEEPMARK_PROGRAMS=ON", "-DDEEPMARK_RPATH=$ORIGIN"),
        ]
        if prefix:
            configure += ["-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64"]
            configure += [f"-DCMAKE_C_COMPILER={prefix}gcc", f"-DCMAKE_CXX_COMPILER={prefix}g++"]
        for command in (configure, ["cmake", "--build", str(work), "--parallel"]):
            _run(command)
        companions = sorted((library.parent / "mnn.libs").glob("*.so*"))
        for path in [*(work / name for name in PROGRAMS), work / STUB, library, *companions]:
            shutil.copy2(path, complete / path.name)
        if target != "host":
            for path in _cross_libraries(prefix):
                shutil.copy2(path, complete / path.name)
        try:
            complete.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another process was first
                raise


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"{command[0]} did not end within {_TIMEOUT_S} s") from error
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if "rror" in line] or ["it does not say why"]
        raise EngineError(
            f"{command[0]} failed: {said[0].strip()}", hint="are g++ 11 or later and cmake 3.18 installed?"
        )


def _cross_libraries(prefix: str) -> list[Path]:
    """Find the C and C++ libraries of the cross compiler, and its loader."""
    found = []
    for name in CROSS_LIBRARIES:
        said = subprocess.run([f"{prefix}g++", f"-print-file-name={name}"], capture_output=True, text=True, check=False)
        path = Path(said.stdout.strip())
        if not path.is_absolute() or not path.is_file():
            raise EngineError(f"the cross compiler has no {name}", hint=f"apt-get install g++-{CROSS}")
        found.append(path)
    return found
