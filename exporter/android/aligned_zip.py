"""A zip as Android wants it: what is mapped into memory is stored, and begins at a multiple of the page size."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import BinaryIO

PAGE = 16384  # of memory: Android 15 has devices with pages of 16 KiB
WORD = 4

_ALIGNMENT_FIELD = 0xD935  # zipalign's own extra field
_DATE = (1981, 1, 1, 1, 1, 2)  # as Android's own tools write it: a package says nothing of when it was made
_STORED = (".so", ".mnn", ".dex", ".arsc", ".png")
_PAGED = (".so", ".mnn")
_LOCAL_HEADER = 30  # bytes, without name and extra field
_FIRST = "AndroidManifest.xml"


def alignment(name: str) -> int:
    """Return the multiple that an entry's content begins at, in bytes; 1 for one that is compressed."""
    suffix = PurePosixPath(name).suffix
    return PAGE if suffix in _PAGED else WORD if suffix in _STORED else 1


def write_aligned(target: BinaryIO, entries: Iterable[tuple[str, bytes]]) -> None:
    """Write a zip; equal entries give equal bytes.

    Args:
        target: empty file, open for writing.
        entries: name and content of each file, in any order; the manifest comes first, then all by name.

    Raises:
        OSError: the file system refuses.
    """
    ordered = sorted(entries, key=lambda entry: (entry[0] != _FIRST, entry[0]))
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in ordered:
            info = zipfile.ZipInfo(name, _DATE)
            info.create_system = 0
            step = alignment(name)
            if step > 1:
                info.extra = _padding(target.tell() + _LOCAL_HEADER + len(name.encode()), step)
                info.compress_type = zipfile.ZIP_STORED
            else:
                info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)


def _padding(offset: int, step: int) -> bytes:
    """Return an extra field that moves what follows it at ``offset`` to a multiple of ``step``."""
    header = struct.pack("<HHH", _ALIGNMENT_FIELD, 0, step)
    zeros = -(offset + len(header)) % step
    return struct.pack("<HHH", _ALIGNMENT_FIELD, 2 + zeros, step) + bytes(zeros)


def content_offsets(package: Path) -> dict[str, int]:
    """Return where the content of each entry begins, in bytes from the file's start.

    Raises:
        OSError: the file cannot be read.
        zipfile.BadZipFile: it is no zip.
    """
    offsets = {}
    with package.open("rb") as file, zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            file.seek(info.header_offset + 26)
            name_length, extra_length = struct.unpack("<HH", file.read(4))
            offsets[info.filename] = info.header_offset + _LOCAL_HEADER + name_length + extra_length
    return offsets
