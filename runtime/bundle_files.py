"""The files of a bundle: in a folder, or in a ``.deepmark.zip``, which is read where it is.

A zip comes from somewhere else, so nothing is unpacked into the folder that one works in. Refused, before anything is
read: names that lead elsewhere (absolute, with ``..``, a backslash or a drive), two entries of one name, links and
other special files, encrypted entries, unknown compression, anything outside the one folder ``NAME.deepmark/``, and
sizes beyond the limits below. Lengths and checksums in a zip are claims; `zipfile` reads no more than the claimed
length, and the manifest's sha256 decides.
"""

from __future__ import annotations

import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from io import BufferedIOBase
from pathlib import Path
from typing import Protocol, cast

from deepmark.errors import BundleError

MAX_FILES = 256  # a bundle has about ten
MAX_FILE_BYTES = 1 << 30  # the largest network (294 groups, fp32) is 80 MB
MAX_TOTAL_BYTES = 2 << 30
MAX_RATIO = 200  # unpacked to packed bytes; weights give 1.1, a manifest 12; a bomb of zeros 1,000
RATIO_FREE_BYTES = 1 << 20  # small files may be as regular as they like

_FOLDER_SUFFIX = ".deepmark"
_FINDERS_NOTES = "__MACOSX/"  # what macOS packs beside a folder; left where it is
_ENCRYPTED = 0x1  # general purpose bit flag 0
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
_HINT = "ask for the bundle again, or pack the folder NAME.deepmark with any zip program"


class BundleFiles(Protocol):
    """The files of a bundle by name, relative to the bundle, with ``/``."""

    def names(self) -> tuple[str, ...]:
        """Return the names of all files."""
        ...

    def size(self, name: str) -> int:
        """Return a file's length in bytes."""
        ...

    def open(self, name: str) -> AbstractContextManager[BufferedIOBase]:
        """Open a file for reading."""
        ...

    def local(self, name: str) -> AbstractContextManager[Path]:
        """Give a path that a native library can open, for the length of a ``with`` block."""
        ...


class FolderFiles:
    """The files of a bundle folder, or the one file of a bare model."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> tuple[str, ...]:
        """Return the names of all files below the folder.

        Raises:
            BundleError: something there is a link, or no plain file.
        """
        found = []
        for path in sorted(self._folder.rglob("*")):
            name = path.relative_to(self._folder).as_posix()
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                raise BundleError(f"{self._folder}: {name} is a link", hint="a bundle holds plain files only")
            if stat.S_ISREG(mode):
                found.append(name)
            elif not stat.S_ISDIR(mode):
                raise BundleError(f"{self._folder}: {name} is no plain file", hint="a bundle holds plain files only")
        return tuple(found)

    def size(self, name: str) -> int:
        """Return a file's length in bytes."""
        return (self._folder / name).stat().st_size

    @contextmanager
    def open(self, name: str) -> Iterator[BufferedIOBase]:
        """Open a file for reading."""
        with (self._folder / name).open("rb") as stream:
            yield stream

    def local(self, name: str) -> AbstractContextManager[Path]:
        """Give the file's own path."""
        return nullcontext(self._folder / name)


class ZipFiles:
    """The files of a zipped bundle, named relative to its one folder ``NAME.deepmark/``.

    Raises:
        BundleError: the file is no zip, or something in it is refused (see the module).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._opened() as archive:
            infos = archive.infolist()
        _check_limits(path, infos)
        for info in infos:
            _check_entry(path, info)
        files = [info for info in infos if not info.is_dir() and not info.filename.startswith(_FINDERS_NOTES)]
        self._infos = _below_one_folder(path, files)

    def names(self) -> tuple[str, ...]:
        """Return the names of all files, without the folder."""
        return tuple(self._infos)

    def size(self, name: str) -> int:
        """Return a file's length in bytes, as the zip claims it."""
        return self._infos[name].file_size

    @contextmanager
    def open(self, name: str) -> Iterator[BufferedIOBase]:
        """Open a file for reading.

        Raises:
            BundleError: the zip is damaged there.
        """
        with self._opened() as archive, archive.open(self._infos[name].filename) as stream:
            yield cast("BufferedIOBase", stream)

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """Unpack a file into a private temporary folder that goes when the ``with`` block ends, however it ends.

        Raises:
            BundleError: it cannot be unpacked there.
        """
        with tempfile.TemporaryDirectory(prefix="deepmark-") as folder:
            target = Path(folder) / Path(name).name
            try:
                with self.open(name) as source, target.open("wb") as sink:
                    shutil.copyfileobj(source, sink, length=1 << 20)
            except OSError as error:
                raise BundleError(
                    f"cannot unpack {name} of {self._path} into {folder}: {error.strerror or error}",
                    hint="set TMPDIR to a folder with more room, or unpack the zip and use the folder",
                ) from error
            yield target

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        try:
            with zipfile.ZipFile(self._path) as archive:
                yield archive
        except _BROKEN as error:
            raise BundleError(f"{self._path} is a damaged zip, or none: {error}", hint=_HINT) from error


def _check_limits(path: Path, infos: list[zipfile.ZipInfo]) -> None:
    if len(infos) > MAX_FILES:
        raise BundleError(f"{path} holds {len(infos):,} files, expected at most {MAX_FILES}", hint=_HINT)
    total = sum(info.file_size for info in infos)
    if total > MAX_TOTAL_BYTES:
        raise BundleError(f"{path} unpacks to {total:,} bytes, expected at most {MAX_TOTAL_BYTES:,}", hint=_HINT)


def _check_entry(path: Path, info: zipfile.ZipInfo) -> None:
    def refuse(reason: str) -> BundleError:
        return BundleError(f"{path}: the entry {info.orig_filename!r} {reason}", hint=_HINT)

    parts = info.filename.rstrip("/").split("/")
    if "\\" in info.orig_filename or "\0" in info.orig_filename or ":" in info.filename:
        raise refuse("has a name with a backslash, a colon or a zero byte")
    if not all(part not in {"", ".", ".."} for part in parts):
        raise refuse("has a name that leads out of the bundle")
    if stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise refuse("is a link or another special file")
    if info.flag_bits & _ENCRYPTED:
        raise refuse("is encrypted")
    if info.compress_type not in _METHODS:
        raise refuse(f"is packed by the unknown method {info.compress_type}")
    if info.file_size > MAX_FILE_BYTES:
        raise refuse(f"unpacks to {info.file_size:,} bytes, expected at most {MAX_FILE_BYTES:,}")
    if info.file_size > max(RATIO_FREE_BYTES, MAX_RATIO * info.compress_size):
        raise refuse(f"unpacks {info.compress_size:,} bytes to {info.file_size:,}, expected at most {MAX_RATIO} times")


def _below_one_folder(path: Path, infos: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """Name the files relative to the one folder ``NAME.deepmark/`` that holds them all."""
    found: dict[str, zipfile.ZipInfo] = {}
    folders = set()
    for info in infos:
        folder, _, name = info.filename.partition("/")
        folders.add(folder)
        if not name or not folder.endswith(_FOLDER_SUFFIX) or len(folders) > 1:
            raise BundleError(
                f"{path}: the entry {info.filename!r} is outside the one folder NAME{_FOLDER_SUFFIX}/", hint=_HINT
            )
        if name in found:
            raise BundleError(f"{path}: the entry {info.filename!r} stands there twice", hint=_HINT)
        found[name] = info
    return found
