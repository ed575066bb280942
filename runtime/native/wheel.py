"""The MNN inside the PyPI wheel as a C++ library: no registry carries MNN's own.

The wheel's Python module exports MNN's C++ interface. It also names Python symbols, which a small library of dummies
defines, so that no Python is there at run time.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

from deepmark.errors import EngineError

MODULE = "_mnncengine"
SYMBOL = re.compile(r"\bU (_?Py\w+)(?:@\S+)?$", re.MULTILINE)


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
    nm = shutil.which("nm")
    if nm is None:
        raise EngineError("the tool nm is missing", hint="apt-get install binutils")
    listed = subprocess.run([nm, "-D", "--undefined-only", str(library)], capture_output=True, text=True, check=False)
    if listed.returncode:
        raise EngineError(f"{library.name} is no library that nm can read")
    return tuple(sorted(set(SYMBOL.findall(listed.stdout))))


def stub_source(symbols: tuple[str, ...]) -> str:
    """Write C that defines ``symbols``, each as zeros large enough for any of Python's structs.

    They are data, so a call of one ends the process at once instead of doing something wrong.
    """
    lines = [f"char {symbol}[1024] __attribute__((aligned(16)));" for symbol in symbols]
    return "\n".join(lines) + "\n"
