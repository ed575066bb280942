"""Open a bundle: a folder, a zip, or a bare ``.mnn``/``.onnx`` file that carries its manifest.

A bundle ``NAME.deepmark/`` holds `MANIFEST_NAME`, the model files of `MODEL_FILES`, `HEADS_FILE` where they are sparse,
and golden vectors. Its manifest lists every other file with length and sha256, and `open_bundle` checks them all: a
flipped byte in the weights would load and run, so only the hash can find it. Loading writes nothing into a bundle.

What is refused: a listed file that is missing or differs, a file that is not listed (except names that begin with a
dot, which file managers leave behind), links, and anything that is not a plain file. A ``.deepmark.zip`` holds the
same files below one folder ``NAME.deepmark/``; `deepmark.runtime.bundle_files` says what is refused there. A bare file
has no hash of itself: what can be checked is its format and its manifest. Of a sparse graph that manifest has the hash
of the one `HEADS_FILE` that belongs to it, which must lie beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from deepmark.errors import BundleError
from deepmark.runtime.bundle_files import BundleFiles, FolderFiles, ZipFiles
from deepmark.runtime.embedded_manifest import read_embedded
from deepmark.runtime.heads.weights import HeadWeights, read_head_weights
from deepmark.runtime.keypoints.head_names import FEATURES
from deepmark.runtime.manifest import FileEntry, Manifest

Backend = Literal["mnn", "onnxruntime"]

BUNDLE_SUFFIX = ".deepmark"
ZIP_SUFFIX = ".deepmark.zip"
MANIFEST_NAME = "manifest.json"
MODEL_FILES: Mapping[Backend, str] = {"mnn": "model.mnn", "onnxruntime": "model.onnx"}  # in order of preference
HEADS_FILE = "heads.npz"  # `deepmark.runtime.heads.weights`
BARE_SUFFIXES: Mapping[str, Backend] = {".mnn": "mnn", ".onnx": "onnxruntime"}

MAX_MANIFEST_BYTES = 16 << 20  # the manifest of 294 landmarks has 60 KB

_DAMAGED = "copy the bundle again, or export it again"


@dataclass(frozen=True, slots=True, eq=False)
class OpenedBundle:
    """A bundle whose files have been checked: a folder, a zip, or a bare model file, which is a bundle of one model.

    Attributes:
        path: path of the folder, zip or bare file.
        manifest: description of the model and of how to use it.
        weights: each engine that the bundle has a model for, at least one -> name of the model file in ``entries``.
        entries: name of every file but the manifest -> its length and sha256.
    """

    path: Path
    manifest: Manifest
    weights: Mapping[Backend, str]
    entries: Mapping[str, FileEntry]
    _files: BundleFiles

    def read(self, name: str) -> bytes:
        """Read a listed file and check it again.

        Raises:
            BundleError: the manifest lists no such file, or it changed since the model was opened.
        """
        if name not in self.entries:
            raise BundleError(f"{self.path} lists no file {name!r}", hint=f"its files: {', '.join(self.entries)}")
        try:
            with self._files.open(name) as stream:
                content = stream.read(self.entries[name].bytes + 1)
        except OSError as error:
            raise BundleError(f"cannot read {name} of {self.path}: {error.strerror or error}", hint=_DAMAGED) from error
        _compare(self.path, name, self.entries[name], len(content), hashlib.sha256(content).hexdigest())
        return content

    def manifest_bytes(self) -> bytes:
        """Read the manifest as it is stored: a copy of the bundle needs its very bytes.

        Raises:
            BundleError: it cannot be read any more, or the model is a bare file, whose manifest is inside.
        """
        try:
            with self._files.open(MANIFEST_NAME) as stream:
                return stream.read(MAX_MANIFEST_BYTES)
        except OSError as error:
            raise BundleError(f"cannot read the manifest of {self.path}: {error.strerror or error}") from error

    def head_weights(self) -> HeadWeights | None:
        """Read the weights of the heads that the graph leaves to the runtime; None where it leaves none.

        Raises:
            BundleError: the file changed since the model was opened, or is not what the manifest says.
        """
        spec = self.manifest.heads
        if spec.gathered is None:
            return None
        source = f"{HEADS_FILE} of {self.path}"
        content = self.read(HEADS_FILE)
        return read_head_weights(content, spec.gathered.channels, features=spec.channels[FEATURES], source=source)

    def weights_file(self, backend: Backend) -> AbstractContextManager[Path]:
        """Give the path of an engine's model file; out of a zip it exists only inside the ``with`` block."""
        return self._files.local(self.weights[backend])


def open_bundle(path: str | Path) -> OpenedBundle:
    """Open a bundle folder, a ``.deepmark.zip`` or a bare ``.mnn``/``.onnx`` file, and check every file of it.

    Raises:
        BundleError: the path does not exist or is none of these, a file is missing, damaged or not listed, or the
            manifest is of an unknown version.
    """
    path = Path(path)
    try:
        if not path.exists():
            raise BundleError(f"{path} does not exist", hint="check the path of the model")
        if path.is_dir():
            if not (path / MANIFEST_NAME).is_file():  # before a folder as large as a disk is listed
                raise _no_manifest(path)
            return _open_bundle(path, FolderFiles(path))
        if path.name.lower().endswith(".zip"):
            return _open_bundle(path, ZipFiles(path))
        if path.suffix.lower() in BARE_SUFFIXES and path.is_file():
            return _open_bare(path)
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror or error}", hint="may you read it?") from error
    raise BundleError(
        f"{path} is no model",
        hint=f"expected a folder NAME{BUNDLE_SUFFIX}, a file NAME{ZIP_SUFFIX}, or a file *.mnn or *.onnx",
    )


def _open_bundle(path: Path, files: BundleFiles) -> OpenedBundle:
    if MANIFEST_NAME not in files.names():
        raise _no_manifest(path)
    if files.size(MANIFEST_NAME) > MAX_MANIFEST_BYTES:
        raise BundleError(f"{path}: {MANIFEST_NAME} is larger than {MAX_MANIFEST_BYTES:,} bytes", hint=_DAMAGED)
    with files.open(MANIFEST_NAME) as stream:
        manifest = Manifest.from_json(stream.read(), source=f"{path}/{MANIFEST_NAME}")
    check_files(path, manifest.files, files)
    weights = {backend: name for backend, name in MODEL_FILES.items() if name in manifest.files}
    if not weights:
        raise BundleError(f"{path} holds no model: expected {' or '.join(MODEL_FILES.values())}", hint=_DAMAGED)
    _require_own_heads(path, manifest, manifest.files)
    return OpenedBundle(path, manifest, weights, manifest.files, files)


def check_files(path: Path, listed: Mapping[str, FileEntry], files: BundleFiles) -> None:
    """Require exactly the files that a manifest lists, each as it was when it was listed.

    Raises:
        BundleError: one is missing, damaged, or not listed.
    """
    present = files.names()
    for name, entry in listed.items():
        if name not in present:
            raise BundleError(
                f"{path}: the file {name} is missing, expected {entry.bytes:,} bytes with sha256 {entry.sha256}",
                hint=_DAMAGED,
            )
        with files.open(name) as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        _compare(path, name, entry, files.size(name), digest)
    for name in present:
        if name != MANIFEST_NAME and name not in listed and not _is_hidden(name):
            raise BundleError(
                f"{path}: the file {name} is not listed in {MANIFEST_NAME}",
                hint="remove it: a bundle holds exactly what its manifest lists",
            )


def _open_bare(path: Path) -> OpenedBundle:
    content = path.read_bytes()
    if not content:
        raise BundleError(f"{path} is empty", hint="copy or export it again")
    manifest = Manifest.from_json(read_embedded(path, memoryview(content)), source=f"the manifest inside {path}")
    entry = FileEntry(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
    weights: dict[Backend, str] = {BARE_SUFFIXES[path.suffix.lower()]: path.name}
    entries = {path.name: entry} | _heads_beside(path, manifest)
    _require_own_heads(path, manifest, entries)
    return OpenedBundle(path, manifest, weights, entries, FolderFiles(path.parent))


def _heads_beside(path: Path, manifest: Manifest) -> dict[str, FileEntry]:
    """List the heads' weights that lie beside a bare sparse graph."""
    beside = path.with_name(HEADS_FILE)
    if manifest.heads.gathered is None or not beside.is_file():
        return {}
    content = beside.read_bytes()
    return {HEADS_FILE: FileEntry(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))}


def _require_own_heads(path: Path, manifest: Manifest, entries: Mapping[str, FileEntry]) -> None:
    """Require the one heads file that belongs to a sparse graph."""
    gathered = manifest.heads.gathered
    if gathered is None:
        return
    if HEADS_FILE not in entries:
        raise BundleError(
            f"{path} has sparse heads and needs {HEADS_FILE}, which is missing",
            hint=f"keep {HEADS_FILE} beside the model file, open the whole bundle, or export with --heads dense",
        )
    if entries[HEADS_FILE].sha256 != gathered.sha256:
        raise BundleError(
            f"{path}: {HEADS_FILE} does not belong to this model: expected sha256 {gathered.sha256},"
            f" found {entries[HEADS_FILE].sha256}",
            hint=_DAMAGED,
        )


def _no_manifest(path: Path) -> BundleError:
    return BundleError(f"{path} is no bundle: it has no {MANIFEST_NAME}", hint="choose the folder NAME.deepmark itself")


def _compare(path: Path, name: str, expected: FileEntry, length: int, sha256: str) -> None:
    if length != expected.bytes:
        raise BundleError(
            f"{path}: the file {name} is damaged: expected {expected.bytes:,} bytes, found {length:,}", hint=_DAMAGED
        )
    if sha256 != expected.sha256:
        raise BundleError(
            f"{path}: the file {name} is damaged: expected sha256 {expected.sha256}, found {sha256}", hint=_DAMAGED
        )


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in PurePosixPath(name).parts)
