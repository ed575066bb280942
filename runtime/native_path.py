"""Paths on their way into native libraries."""

from __future__ import annotations

import os
from pathlib import Path

from deepmark.errors import DeepMarkError
from deepmark.files import printable


def native_path(path: Path, error: type[DeepMarkError]) -> str:
    """Return a path as OpenCV and the engines take it.

    On Linux the name of a file may be any bytes. Those libraries want Unicode; on anything else OpenCV crashes.

    Raises:
        DeepMarkError: of the kind ``error``: the path is not Unicode.
    """
    text = os.fspath(path)
    try:
        text.encode()
    except UnicodeEncodeError as cause:
        raise error(
            f"{printable(path)} is a name that is not Unicode", hint="rename it, or use another place"
        ) from cause
    return text
