"""Write ``NAME.deepmark/`` and, if wanted, ``NAME.deepmark.zip``: the same inputs give the same bytes."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from deepmark.exporter.parity import ParityReport
from deepmark.runtime.bundle import MANIFEST_NAME, MODEL_FILES
from deepmark.runtime.manifest import FileEntry, Manifest

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip can hold; no real one, or two exports would differ
PLAIN_FILE = 0o100644 << 16  # -rw-r--r-- in a zip entry's external attributes


def write_bundle(folder: Path, manifest: Manifest, report: ParityReport, contents: Mapping[str, bytes]) -> Manifest:
    """Complete a folder that holds the model files: write all others, then the manifest that lists every file.

    Args:
        folder: holds nothing but the model files.
        manifest: without parity and files.
        report: of the whole chain.
        contents: of the other files, by name in the bundle.

    Returns:
        The manifest as written.
    """
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    names = sorted([name for name in MODEL_FILES.values() if (folder / name).exists()] + list(contents))
    complete = msgspec.structs.replace(
        manifest, parity=report.hops, files={name: file_entry(folder / name) for name in names}
    )
    (folder / MANIFEST_NAME).write_bytes(complete.to_json())
    return complete


def file_entry(path: Path) -> FileEntry:
    """Describe a file as a manifest lists it."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return FileEntry(sha256=digest, bytes=path.stat().st_size)


def write_zip(folder: Path, root: str, target: Path) -> None:
    """Pack a bundle below one folder ``root``, entries sorted and undated.

    The pictures are packed already and weights hardly shrink, so nothing is compressed: a phone can map the weights.
    """
    temporary = target.with_name(f".{target.name}.part")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(f"{root}/{path.relative_to(folder).as_posix()}", EPOCH)
            entry.external_attr = PLAIN_FILE
            archive.writestr(entry, path.read_bytes())
    temporary.replace(target)
