"""The project as it was at another commit, in a folder of its own, to be run beside what is here."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import deepmark
from deepmark.errors import DeepMarkError, UsageError


@dataclass(frozen=True, slots=True)
class SourceTree:
    """Sources of the project at one commit.

    Attributes:
        name: short hash of the commit, or ``"now"`` for the files as they are here.
        sources: folder that ``import deepmark`` finds it in.
    """

    name: str
    sources: Path

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment in which this interpreter runs this tree, whatever else is installed."""
        return {**os.environ, "PYTHONPATH": str(self.sources), **more}


def tree_here() -> SourceTree:
    """Return the sources that this process runs."""
    return SourceTree("now", Path(deepmark.__file__).resolve().parents[1])


@contextmanager
def tree_of(commit: str) -> Iterator[SourceTree]:
    """Give the sources of a commit in a temporary folder, which goes when the block ends; the repository is only read.

    Raises:
        UsageError: the sources here are no git repository, or it has no such commit.
        DeepMarkError: git is not installed, or the commit cannot be run by this interpreter.
    """
    repository = tree_here().sources.parent
    if not (repository / ".git").exists():
        raise UsageError(f"{repository} is no git repository", hint="run it from a clone of the project")
    name = _git(repository, "rev-parse", "--short", "--verify", "--end-of-options", f"{commit}^{{commit}}").decode()
    with tempfile.TemporaryDirectory(prefix="deepmark-commit-") as folder:
        with tarfile.open(fileobj=io.BytesIO(_git(repository, "archive", name.strip()))) as archive:
            archive.extractall(folder, filter="data")
        tree = SourceTree(name.strip(), Path(folder).resolve() / "src")
        _require_its_own(tree)
        yield tree


def _git(repository: Path, *words: str) -> bytes:
    git = shutil.which("git")
    if git is None:
        raise DeepMarkError("git is not here", hint="install git")
    done = subprocess.run([git, *words], cwd=repository, capture_output=True, check=False)
    if done.returncode:
        printed = done.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
        raise UsageError(f"git {words[0]} {words[-1]}: {printed}", hint="git log --oneline shows the commits")
    return done.stdout


def _require_its_own(tree: SourceTree) -> None:
    """Require that a child process runs the tree, and not what is installed."""
    code = "import deepmark; print(deepmark.__file__)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], env=tree.environment(), capture_output=True, text=True, check=False
    )
    if done.returncode or not Path(done.stdout.strip()).is_relative_to(tree.sources):
        raise DeepMarkError(
            f"this interpreter does not run the sources of {tree.name}: {(done.stderr or done.stdout).strip()}"
        )
