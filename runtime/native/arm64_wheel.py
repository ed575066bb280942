"""MNN's wheel for arm64, which programs for a phone are built on: one version, known by its hash, in the cache folder.

It is fetched only where `fetch_arm64_wheel` is called by name (``deepmark doctor --phone --fetch``).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from deepmark.errors import EngineError
from deepmark.files import cache_folder
from deepmark.runtime.pinned_wheel import PinnedWheel, fetch_wheel

WHEEL_VARIABLE = "MNN_AARCH64_WHEEL"
FETCH_HINT = "deepmark doctor --phone --fetch brings it"

# The Python in its name does not matter: no Python runs on the phone.
_NAME = "mnn-3.6.1-cp311-cp311-manylinux2014_aarch64.manylinux_2_17_aarch64.whl"
ARM64_WHEEL = PinnedWheel(
    name=_NAME,
    sha256="7f8fbf264047e81bf66f0b04ef95a8c83b8d5ca0a3670afcf3c0c3b6861de4a5",
    size=17_489_842,
    holds="MNN's wheel for arm64",
    by_hand=f"or bring {_NAME} from a package index by hand, and set {WHEEL_VARIABLE} to its path",
    options=(
        "--platform=manylinux2014_aarch64",
        "--platform=manylinux_2_17_aarch64",
        "--python-version=3.11",
        "--implementation=cp",
        "--abi=cp311",
    ),
)


def find_arm64_wheel() -> Path:
    """Return the wheel: the one that `WHEEL_VARIABLE` names, or else the fetched one.

    Raises:
        EngineError: the variable names no file, or it was not fetched, or what was is damaged.
    """
    named = os.environ.get(WHEEL_VARIABLE)
    if named is not None:
        if not Path(named).is_file():
            raise EngineError(f"{WHEEL_VARIABLE} must name MNN's wheel for arm64, found {named!r}", hint=FETCH_HINT)
        return Path(named)
    kept = _kept()
    if not kept.is_file():
        raise EngineError(f"MNN's wheel for arm64 ({ARM64_WHEEL.version}) is not here", hint=FETCH_HINT)
    if not ARM64_WHEEL.is_at(kept):
        raise EngineError(f"{kept} is not the file that it must be", hint=f"remove it; {FETCH_HINT}")
    return kept


def fetch_arm64_wheel(on_message: Callable[[str], None]) -> Path:
    """Fetch the wheel into the cache folder, unless it is there, and return its path.

    Args:
        on_message: function that gets a line before anything is fetched: what, how large, from where and to where.

    Raises:
        EngineError: pip is not there or fails, what came is another file, or it cannot be kept.
    """
    kept = _kept()
    fetch_wheel(ARM64_WHEEL, kept, on_message)
    return kept


def _kept() -> Path:
    try:
        return cache_folder() / "wheels" / ARM64_WHEEL.name
    except RuntimeError as error:
        raise EngineError(f"there is no cache folder: {error}", hint="set DEEPMARK_CACHE to a folder") from error
