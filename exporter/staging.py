"""Write ``NAME.deepmark/`` and, if wanted, ``NAME.deepmark.zip``: out of sight, then there in one step, or not at all.

The same inputs give the same bytes.

Whatever happens on the way (an error, Ctrl-C, SIGKILL, a full disk), the target is either what it was or whole and new;
`deepmark.files` says how.
"""

from __future__ import annotations

import contextlib
import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from deepmark import files
from deepmark.errors import BundleError
from deepmark.exporter.parity import ParityReport
from deepmark.runtime.bundle import MANIFEST_NAME, MODEL_FILES
from deepmark.runtime.manifest import FileEntry, Manifest

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip can hold; no real one, or two exports would differ
PLAIN_FILE = 0o100644 << 16  # -rw-r--r-- in a zip entry's external attributes


def staged_folder(target: Path) -> contextlib.AbstractContextManager[Path]:
    """Yield an empty hidden folder beside ``target``; `publish` moves what is made in it, leaving the block removes it.

    Raises:
        BundleError: the folder of ``target`` cannot be made or written to, or there is no room left on the disk.
    """
    return files.scratch_folder(target, explain=_cannot_write)


def publish(folder: Path, target: Path) -> None:
    """Put a finished folder where ``target`` is, which keeps its old content until the new one is there.

    Raises:
        BundleError: ``target`` exists and is no bundle, so it is not ours to replace.
    """
    files.publish_folder(folder, target, check=refuse_foreign, explain=_cannot_write)


def refuse_foreign(target: Path) -> None:
    """Refuse to replace something that is no bundle, and to write into a bundle, which would not load again.

    Raises:
        BundleError: ``target`` exists and holds no manifest, its folder holds one, or it cannot be looked at.
    """
    try:
        foreign = (target.exists() or target.is_symlink()) and not (target / MANIFEST_NAME).is_file()
        inside = (target.parent / MANIFEST_NAME).is_file()
    except OSError as error:
        raise _cannot_write(target, error) from error
    if foreign:
        raise BundleError(
            f"{target} exists and is no bundle", hint="move it away, or choose another --name or --output"
        )
    if inside:
        raise BundleError(
            f"the output folder {target.parent} is a bundle itself", hint="choose the folder that it lies in"
        )


def _cannot_write(target: Path, error: OSError) -> BundleError:
    hint = "free some space, or choose another --output" if error.errno in files.NO_ROOM else "choose another --output"
    return BundleError(f"cannot write {target}: {error.strerror or error}", hint=hint)


def write_bundle(folder: Path, manifest: Manifest, report: ParityReport, contents: Mapping[str, bytes]) -> Manifest:
    """Complete a folder that holds the model files: write all others, then the manifest that lists every file.

    Args:
        folder: folder that holds nothing but the model files.
        manifest: manifest without parity and files.
        report: parity of the whole chain.
        contents: bytes of the other files, by name in the bundle.

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

    Args:
        folder: bundle to pack.
        root: name of the folder in the zip file.
        target: zip file, in a `staged_folder`: it is written as it comes.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(f"{root}/{path.relative_to(folder).as_posix()}", EPOCH)
            entry.external_attr = PLAIN_FILE
            archive.writestr(entry, path.read_bytes())
