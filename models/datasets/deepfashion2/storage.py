"""Where the files of a data set lie: in a folder, or in the official zip, which is read where it is."""

from __future__ import annotations

import codecs
import hashlib
import os
import zipfile
import zlib
from collections.abc import Mapping
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Protocol

from deepmark.errors import DataError
from deepmark.models.datasets.json_faults import without_bom

MAX_BYTES = 1 << 28  # of one file, unpacked
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError)
_AES = 99  # "method" of a file that WinZip's way of AES encrypts (its AE-1 and AE-2)
_STRONG = 0x40  # flag of PKWARE's own strong encryption
_TRIED = 8  # files that the password is tried on: one wrong password in 256 passes the check of one


class Storage(Protocol):
    """Files of one kind: all annotations, or all pictures."""

    def names(self) -> tuple[str, ...]:
        """Return the names of the files, without folders; hidden ones are left out."""
        ...

    def read(self, name: str, most: int = MAX_BYTES) -> bytes:
        """Read a file, or its first ``most`` bytes."""
        ...

    def label(self, name: str) -> str:
        """Say where a file lies, for errors."""
        ...

    def fingerprint(self, name: str) -> str:
        """Tell a file's content from any other, as cheaply as the storage allows."""
        ...


def open_storage(path: Path, part: str, *, password: bytes | None = None) -> Storage:
    """Find the files of ``part`` (``"annos"`` or ``"image"``): ``path`` is the data set, that folder itself, or a zip.

    Raises:
        DataError: it does not exist, is damaged, or holds no such folder.
    """
    try:
        if path.is_dir():
            return FolderStorage(path / part if (path / part).is_dir() else path)
        if path.is_file():
            return ZipStorage(path, part, password)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    raise DataError(
        f"{path} does not exist", hint=f"expected a folder with {part}/ in it, that folder itself, or the official zip"
    )


class FolderStorage:
    """The files of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> tuple[str, ...]:
        """Return the names of the files."""
        try:
            with os.scandir(self._folder) as entries:
                return tuple(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file())
        except OSError as error:
            raise DataError(f"cannot read {self._folder}: {error.strerror or error}") from error

    def read(self, name: str, most: int = MAX_BYTES) -> bytes:
        """Read a file, or its first bytes.

        Raises:
            DataError: the file system refuses.
        """
        try:
            with open(self.label(name), "rb", buffering=0) as stream:  # noqa: PTH123  of Path.open, half the time is Path
                return stream.read(most)
        except OSError as error:
            raise DataError(f"cannot read {self.label(name)}: {error.strerror or error}") from error

    def label(self, name: str) -> str:
        """Give the file's path."""
        return f"{self._folder}{os.sep}{name}"

    def fingerprint(self, name: str) -> str:
        """Hash the content."""
        return hashlib.sha256(self.read(name)).hexdigest()


class ZipStorage:
    """The files below the one folder ``part`` of a zip.

    Python decrypts the zip's old cipher itself, at about a megabyte a second: what is read twice is better unpacked.

    Raises:
        DataError: it is no zip, holds no such folder, or several, or the password does not open it.
    """

    def __init__(self, path: Path, part: str, password: bytes | None) -> None:
        self._path, self._password = path, password
        try:
            self._archive = zipfile.ZipFile(path)
        except (*_BROKEN, NotImplementedError) as error:
            raise DataError(
                f"{path} is no zip, or a damaged one: {error}",
                hint="a data set is a folder, the official zip, or for labels a COCO file (.json)",
            ) from error
        self._entries = self._below(part)
        for name in islice(self._entries, _TRIED):  # a wrong password would be the fault of every file
            self.read(name, 0)

    def names(self) -> tuple[str, ...]:
        """Return the names of the files."""
        return tuple(self._entries)

    def read(self, name: str, most: int = MAX_BYTES) -> bytes:
        """Unpack a file, or its first bytes.

        Raises:
            DataError: the password is missing or wrong, or the zip is damaged there.
        """
        info = self._entries[name]
        encrypted = bool(info.flag_bits & 0x1)
        if info.compress_type == _AES or info.flag_bits & _STRONG:
            raise DataError(
                f"{self._path} is encrypted with AES, which Python's zipfile does not read: expected the old cipher of"
                " zips",
                hint="unpack it with its password, for example with 7z x, and give the folder",
            )
        if encrypted and self._password is None:
            raise DataError(f"{self._path} is encrypted", hint="write its password to a file and give --password-file")
        try:
            with self._archive.open(info, pwd=self._password if encrypted else None) as stream:
                return stream.read(most)
        except NotImplementedError as error:
            raise DataError(
                f"{self.label(name)} is packed by method {info.compress_type}, which Python's zipfile does not read",
                hint="unpack it, for example with 7z x, and give the folder",
            ) from error
        except RuntimeError as error:
            if encrypted and "password" in str(error):
                raise DataError(
                    f"the password does not open {self._path}", hint="it is the first line of --password-file"
                ) from error
            raise DataError(f"{self.label(name)} is damaged: {error}") from error
        except (*_BROKEN, OSError) as error:
            if encrypted:
                raise DataError(
                    f"{self.label(name)} is damaged, or the password is wrong: {error}",
                    hint="the password is the first line of --password-file",
                ) from error
            raise DataError(f"{self.label(name)} is damaged: {error}") from error

    def label(self, name: str) -> str:
        """Give the zip and the file's path in it."""
        return f"{self._path}/{self._entries[name].filename}"

    def fingerprint(self, name: str) -> str:
        """Give the size and the checksum that the zip's directory has, without decrypting anything."""
        info = self._entries[name]
        return f"zip-{info.file_size}-{info.CRC:08x}"

    def _below(self, part: str) -> Mapping[str, zipfile.ZipInfo]:
        found: dict[str, zipfile.ZipInfo] = {}
        folders = set()
        for info in self._archive.infolist():
            inner = PurePosixPath(info.filename.replace("\\", "/"))  # some tools of Windows pack their own separator
            if not info.filename.endswith(("/", "\\")) and inner.parent.name == part and not inner.name.startswith("."):
                found[inner.name] = info
                folders.add(inner.parent)
        if len(folders) > 1:
            several = ", ".join(sorted(map(str, folders)))
            raise DataError(f"{self._path} holds {len(folders)} folders {part}/: {several}", hint="one is expected")
        if not found:
            raise DataError(f"{self._path} holds no folder {part}/ with files", hint="is it the right zip?")
        return found


def read_password(path: Path) -> bytes:
    """Read a zip's password: the first line of a file.

    Raises:
        DataError: the file cannot be read, or its first line is empty.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read the password file {path}: {error.strerror or error}") from error
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(f"the password file {path} is in UTF-16", hint="save it as plain text: ASCII or UTF-8")
    lines = without_bom(content).splitlines()
    if not lines or not lines[0]:
        raise DataError(f"the first line of the password file {path} is empty")
    return lines[0]
