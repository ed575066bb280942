"""Where a bundle is built: out of sight, and put in its place in one step, or not at all.

Whatever happens on the way (an error, Ctrl-C, SIGKILL, a full disk), the target is either what it was or whole and new;
`deepmark.files` says how.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from deepmark import files
from deepmark.errors import BundleError
from deepmark.runtime.bundle import MANIFEST_NAME


def staged_folder(target: Path) -> contextlib.AbstractContextManager[Path]:
    """Yield an empty hidden folder beside ``target``; `publish` moves what is made in it, leaving the block removes it.

    Raises:
        BundleError: the folder of ``target`` cannot be made or written to, or there is no room left on the disk.
    """
    return files.scratch_folder(target, explain=_cannot_write)


def publish(folder: Path, target: Path) -> None:
    """Put a finished folder in the place of ``target``, which keeps its old content until the new one is there.

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
