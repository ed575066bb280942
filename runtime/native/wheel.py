"""The MNN inside the PyPI wheel as a C++ library: no registry carries MNN's own.

The wheel's Python module exports MNN's C++ interface. It also names Python symbols, which a small library of dummies
defines, so that no Python is there at run time.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deepmark.errors import EngineError
from deepmark.runtime.native.arm64_wheel import find_arm64_wheel
from deepmark.runtime.native.tool_chain import CROSS, ToolChain, require_tool

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
MODULE = "_mnncengine"
# All instructions of this processor, but not GCC's tuning for it: for AMD's that does without fused multiply-adds,
# which halves the speed of the sparse heads' products (GCC 12).
HOST_FLAGS = ("-march=native", "-mtune=generic")
SYMBOL = re.compile(r"\bU (_?Py\w+)(?:@\S+)?$", re.MULTILINE)


def host_chain() -> ToolChain:
    """Build for this computer, and no other, on the installed wheel.

    Raises:
        EngineError: a compiler or MNN is missing.
    """
    import importlib.metadata

    compiler = require_tool("g++")
    require_tool("gcc")
    library = find_library()
    version = importlib.metadata.version("MNN")
    return ToolChain(
        "glibc-wheel",
        compiler,
        library,
        version,
        _companions(library),
        _cmake(library),
        needs_python=True,
        flags=HOST_FLAGS,
    )


@contextmanager
def cross_chain() -> Iterator[ToolChain]:
    """Build for arm64 Linux, on the wheel that `find_arm64_wheel` finds; the block's end removes what was unpacked.

    Raises:
        EngineError: a compiler or the wheel is missing, or it is none.
    """
    compiler = require_tool(f"{CROSS}-g++")
    require_tool(f"{CROSS}-gcc")
    found = find_arm64_wheel()
    with tempfile.TemporaryDirectory(prefix="deepmark-") as folder:
        library = _unpack(found, Path(folder))
        companions = (*_companions(library), *_cross_libraries())
        cmake = (
            *_cmake(library),
            "-DCMAKE_SYSTEM_NAME=Linux",
            "-DCMAKE_SYSTEM_PROCESSOR=aarch64",
            f"-DCMAKE_C_COMPILER={CROSS}-gcc",
            f"-DCMAKE_CXX_COMPILER={CROSS}-g++",
        )
        version = found.name.split("-")[1]
        yield ToolChain("glibc-wheel", compiler, library, version, companions, cmake, needs_python=True)


def _companions(library: Path) -> tuple[Path, ...]:
    return tuple(sorted((library.parent / "mnn.libs").glob("*.so*")))


def _cmake(library: Path) -> tuple[str, ...]:
    return (f"-DMNN_LIBRARIES={library.parent / 'mnn.libs'}",)


def _unpack(named: Path, folder: Path) -> Path:
    try:
        with zipfile.ZipFile(named) as archive:
            wanted = [name for name in archive.namelist() if name.endswith(".so") or name.startswith("mnn.libs/")]
            archive.extractall(folder, wanted)
    except (OSError, zipfile.BadZipFile) as error:
        raise EngineError(f"{named} is no wheel: {error}", hint="fetch it again") from error
    found = sorted(folder.glob(f"{MODULE}*aarch64*.so"))
    if not found:
        raise EngineError(f"{named} holds no {MODULE} for aarch64", hint="fetch the aarch64 wheel")
    return found[0]


def _cross_libraries() -> tuple[Path, ...]:
    """Find the C and C++ libraries of the cross compiler, and its loader."""
    found = []
    for name in CROSS_LIBRARIES:
        printed = subprocess.run(
            [f"{CROSS}-g++", f"-print-file-name={name}"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        path = Path(printed.stdout.strip())
        if not path.is_absolute() or not path.is_file():
            raise EngineError(f"the cross compiler has no {name}", hint=f"apt-get install g++-{CROSS}")
        found.append(path)
    return tuple(found)


def find_library() -> Path:
    """Find the library in the installed wheel, without importing it.

    Raises:
        EngineError: MNN is not installed.
    """
    found = importlib.util.find_spec(MODULE)
    if found is None or found.origin is None:
        raise EngineError("MNN is not installed", hint="pip install MNN==3.6.1")
    return Path(found.origin)


def python_symbols(library: Path) -> tuple[str, ...]:
    """List the Python symbols that ``library`` needs, sorted.

    Raises:
        EngineError: there is no ``nm``, or the file is no library.
    """
    nm = require_tool("nm")
    listed = subprocess.run(
        [nm, "-D", "--undefined-only", str(library)],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if listed.returncode:
        raise EngineError(f"{library.name} is no library that nm can read")
    return tuple(sorted(set(SYMBOL.findall(listed.stdout))))


def stub_source(symbols: tuple[str, ...]) -> str:
    """Write C that defines ``symbols``, each as zeros large enough for any of Python's structs.

    They are data, so a call of one ends the process at once instead of doing something wrong.
    """
    lines = [f"char {symbol}[1024] __attribute__((aligned(16)));" for symbol in symbols]
    return "\n".join(lines) + "\n"
