"""A wheel of one version, known by its hash, that pip fetches: only where a user asks for it by name.

pip runs in a process of its own, with the index, mirrors and certificates that it is set to. Nothing of the wheel is
installed.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deepmark.errors import DeepMarkError, EngineError
from deepmark.files import whole_file

_PYPI = "https://pypi.org/simple"
_TIMEOUT_S = 900
_OPTIONS = ("--quiet", "--no-input", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:")


@dataclass(frozen=True, slots=True)
class PinnedWheel:
    """A file of a package index.

    Attributes:
        name: name of the file.
        sha256: hash of it, hex.
        size: length of it, in bytes.
        holds: what it is, for people.
        by_hand: what a user can do where pip does not bring it.
        options: options of pip that choose the file where the index has several; none for the only one.
    """

    name: str
    sha256: str
    size: int
    holds: str
    by_hand: str
    options: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """Version of the package."""
        return self.name.split("-")[1]

    def is_at(self, path: Path) -> bool:
        """Tell whether this very file lies at a path."""
        try:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        except OSError:
            return False


def fetch_wheel(wheel: PinnedWheel, target: Path, on_message: Callable[[str], None]) -> None:
    """Fetch a wheel, unless it is there.

    Args:
        wheel: the wheel.
        target: path to put it at; its folder is made.
        on_message: function that gets a line before anything is fetched: what, how large, from where and to where.

    Raises:
        EngineError: pip is not there or fails, what came is another file, or it cannot be kept.
    """
    if wheel.is_at(target):
        on_message(f"{target} is there already; nothing is fetched")
        return
    source = named_source(_pip(wheel, "config", "list").stdout)
    on_message(
        f"fetching {wheel.name} ({wheel.size / 1e6:.1f} MB, sha256 {wheel.sha256}) with pip from {source}"
        f" into {target.parent}; it is installed nowhere"
    )
    with tempfile.TemporaryDirectory(prefix="deepmark-fetch-") as folder:
        wanted = Path(folder) / "requirements.txt"
        wanted.write_text(f"{wheel.name.split('-')[0]}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
        options = [*_OPTIONS, *wheel.options, "--require-hashes"]
        ended = _pip(wheel, "download", *options, "-r", str(wanted), "--dest", folder)
        came = Path(folder) / wheel.name
        if ended.returncode or not wheel.is_at(came):
            raise EngineError(f"pip did not bring {wheel.holds}: {_why(ended)}", hint=wheel.by_hand)
        with whole_file(target, explain=cannot_keep) as hidden:
            hidden.write_bytes(came.read_bytes())


def cannot_keep(target: Path, error: OSError) -> DeepMarkError:
    """Say that a fetched file cannot be written into the cache."""
    return EngineError(
        f"cannot keep {target}: {error.strerror or error}", hint="set DEEPMARK_CACHE to a folder with room"
    )


def named_source(listed: str) -> str:
    """Name what pip asks, from what ``pip config list`` prints; without a password in it."""
    found = re.findall(r"^\S+\.(index-url|find-links|no-index)='(.*)'$", listed, re.MULTILINE)
    settings = dict(reversed(found))  # the environment comes first there, and counts most
    index = None if settings.get("no-index", "0") != "0" else settings.get("index-url", _PYPI)
    named = " and ".join(filter(None, (index, settings.get("find-links"))))
    return re.sub(r"//[^/@]*@", "//", named or "nowhere (no-index is set)")


def _pip(wheel: PinnedWheel, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", *words]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False, timeout=_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"pip did not end within {_TIMEOUT_S} s", hint=wheel.by_hand) from error


def _why(ended: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in ended.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")] or lines
    return errors[0].removeprefix("ERROR: ") if errors else "another file came"
