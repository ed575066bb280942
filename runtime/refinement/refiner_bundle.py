"""Open a refiner's bundle: a folder or a zip with `MANIFEST_NAME`, model files and golden vectors, all checked."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from deepmark.errors import BundleError
from deepmark.runtime.bundle import (
    BARE_SUFFIXES,
    BUNDLE_SUFFIX,
    MANIFEST_NAME,
    MAX_MANIFEST_BYTES,
    MODEL_FILES,
    ZIP_SUFFIX,
    Backend,
    check_files,
)
from deepmark.runtime.bundle_files import BundleFiles, FolderFiles, ZipFiles
from deepmark.runtime.refinement.refiner_manifest import RefinerManifest


@dataclass(frozen=True, slots=True, eq=False)
class OpenedRefiner:
    """A refiner's bundle whose files have been checked.

    Attributes:
        path: path of the folder or zip.
        manifest: description of the refiner.
        weights: each engine that the bundle has a model for, at least one -> name of the model file.
    """

    path: Path
    manifest: RefinerManifest
    weights: Mapping[Backend, str]
    _files: BundleFiles

    def weights_file(self, backend: Backend) -> AbstractContextManager[Path]:
        """Give the path of an engine's model file; out of a zip it exists only inside the ``with`` block."""
        return self._files.local(self.weights[backend])

    def read(self, name: str) -> bytes:
        """Read a file that the manifest lists."""
        with self._files.open(name) as stream:
            return stream.read()


def open_refiner(path: str | Path) -> OpenedRefiner:
    """Open a refiner's bundle folder or ``.deepmark.zip``, and check every file of it.

    Raises:
        BundleError: the path does not exist or is none of these, it is a detector's bundle, a file is missing, damaged
            or not listed, or the manifest is of an unknown version.
    """
    path = Path(path)
    try:
        if not path.exists():
            raise BundleError(f"{path} does not exist", hint="check the path of the refiner")
        if path.is_dir() or path.name.lower().endswith(".zip"):
            return _open(path, FolderFiles(path) if path.is_dir() else ZipFiles(path))
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror or error}", hint="may you read it?") from error
    what = "a bare model file" if path.suffix.lower() in BARE_SUFFIXES else "no bundle"
    raise BundleError(
        f"{path} is {what}, expected a refiner's bundle",
        hint=f"give the folder NAME{BUNDLE_SUFFIX} or the file NAME{ZIP_SUFFIX} that deepmark refiner export made",
    )


def _open(path: Path, files: BundleFiles) -> OpenedRefiner:
    if path.is_dir() and not (path / MANIFEST_NAME).is_file():  # before a folder as large as a disk is listed
        raise _no_manifest(path)
    if MANIFEST_NAME not in files.names():
        raise _no_manifest(path)
    if files.size(MANIFEST_NAME) > MAX_MANIFEST_BYTES:
        raise BundleError(f"{path}: {MANIFEST_NAME} is larger than {MAX_MANIFEST_BYTES:,} bytes", hint="copy it again")
    with files.open(MANIFEST_NAME) as stream:
        manifest = RefinerManifest.from_json(stream.read(), source=f"{path}/{MANIFEST_NAME}")
    check_files(path, manifest.files, files)
    weights = {backend: name for backend, name in MODEL_FILES.items() if name in manifest.files}
    if not weights:
        raise BundleError(f"{path} holds no model: expected {' or '.join(MODEL_FILES.values())}", hint="copy it again")
    return OpenedRefiner(path, manifest, weights, files)


def _no_manifest(path: Path) -> BundleError:
    return BundleError(f"{path} is no bundle: it has no {MANIFEST_NAME}", hint="choose the folder NAME.deepmark itself")
