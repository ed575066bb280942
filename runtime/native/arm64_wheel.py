"""MNN's wheel for arm64, which programs for a phone are built on: one version, known by its hash, in the cache folder.

It is the one thing that this package can fetch, and only where `fetch_arm64_wheel` is called by name (``deepmark doctor
--phone --fetch``): by pip, in a process of its own, with the index that pip is set to. Nothing of it is installed.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deepmark.errors import EngineError
from deepmark.files import cache_folder, whole_file

WHEEL_VARIABLE = "MNN_AARCH64_WHEEL"
FETCH_HINT = "deepmark doctor --phone --fetch brings it"
_PYPI = "https://pypi.org/simple"
_TIMEOUT_S = 900


@dataclass(frozen=True, slots=True)
class PinnedWheel:
    """A file of a package index.

    Attributes:
        name: name of the file.
        sha256: hash of it, hex.
        size: length of it, in bytes.
    """

    name: str
    sha256: str
    size: int

    @property
    def version(self) -> str:
        """Version of the package."""
        return self.name.split("-")[1]


# The Python in its name does not matter: no Python runs on the phone.
ARM64_WHEEL = PinnedWheel(
    name="mnn-3.6.1-cp311-cp311-manylinux2014_aarch64.manylinux_2_17_aarch64.whl",
    sha256="7f8fbf264047e81bf66f0b04ef95a8c83b8d5ca0a3670afcf3c0c3b6861de4a5",
    size=17_489_842,
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
    if not _is_it(kept):
        raise EngineError(f"{kept} is not the file that it must be", hint=f"remove it; {FETCH_HINT}")
    return kept


def fetch_arm64_wheel(on_message: Callable[[str], None]) -> Path:
    """Fetch the wheel into the cache folder, unless it is there.

    Args:
        on_message: function that gets a line before anything is fetched: what, how large, from where and to where.

    Raises:
        EngineError: pip is not there or fails, what came is another file, or it cannot be kept.
    """
    kept = _kept()
    if _is_it(kept):
        on_message(f"{kept} is there already; nothing is fetched")
        return kept
    on_message(
        f"fetching {ARM64_WHEEL.name} ({ARM64_WHEEL.size / 1e6:.1f} MB, sha256 {ARM64_WHEEL.sha256}) with pip from"
        f" {named_source(_pip('config', 'list').stdout)} into {kept.parent}; it is installed nowhere"
    )
    with tempfile.TemporaryDirectory(prefix="deepmark-fetch-") as folder:
        wanted = Path(folder) / "requirements.txt"
        wanted.write_text(f"mnn=={ARM64_WHEEL.version} --hash=sha256:{ARM64_WHEEL.sha256}\n")
        ended = _pip("download", *_OPTIONS, "--require-hashes", "-r", str(wanted), "--dest", folder)
        came = Path(folder) / ARM64_WHEEL.name
        if ended.returncode or not _is_it(came):
            raise EngineError(f"pip did not bring MNN's wheel for arm64: {_why(ended)}", hint=_BY_HAND)
        with whole_file(kept, explain=_cannot_keep) as hidden:
            hidden.write_bytes(came.read_bytes())
    return kept


_OPTIONS = (
    "--quiet",
    "--no-input",
    "--disable-pip-version-check",
    "--no-deps",
    "--only-binary=:all:",
    "--platform=manylinux2014_aarch64",
    "--platform=manylinux_2_17_aarch64",
    "--python-version=3.11",
    "--implementation=cp",
    "--abi=cp311",
)
_BY_HAND = f"or bring {ARM64_WHEEL.name} from a package index by hand, and set {WHEEL_VARIABLE} to its path"


def _kept() -> Path:
    try:
        return cache_folder() / "wheels" / ARM64_WHEEL.name
    except RuntimeError as error:
        raise EngineError(f"there is no cache folder: {error}", hint="set DEEPMARK_CACHE to a folder") from error


def _is_it(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == ARM64_WHEEL.sha256
    except OSError:
        return False


def _pip(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", *words]
    try:
        return subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", check=False, timeout=_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"pip did not end within {_TIMEOUT_S} s", hint=_BY_HAND) from error


def named_source(listed: str) -> str:
    """Name what pip asks, from what ``pip config list`` prints; without a password in it."""
    found = re.findall(r"^\S+\.(index-url|find-links|no-index)='(.*)'$", listed, re.MULTILINE)
    settings = dict(reversed(found))  # the environment comes first there, and counts most
    index = None if settings.get("no-index", "0") != "0" else settings.get("index-url", _PYPI)
    named = " and ".join(filter(None, (index, settings.get("find-links"))))
    return re.sub(r"//[^/@]*@", "//", named or "nowhere (no-index is set)")


def _why(ended: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in ended.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")] or lines
    return errors[0].removeprefix("ERROR: ") if errors else "another file came"


def _cannot_keep(target: Path, error: OSError) -> EngineError:
    return EngineError(
        f"cannot keep {target}: {error.strerror or error}", hint="set DEEPMARK_CACHE to a folder with room"
    )
