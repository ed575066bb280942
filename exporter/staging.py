"""Build a folder out of sight and put it in its place in one step, or not at all.

Whatever happens on the way (an error, Ctrl-C, SIGKILL, a full disk), the target is either what it was or whole and new.
A folder in the making has a hidden name beside the target and is locked by its maker; the lock goes with the process,
so the next export tells abandoned folders from busy ones and removes them.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from deepmark.errors import BundleError
from deepmark.runtime.bundle import MANIFEST_NAME


@contextlib.contextmanager
def staged_folder(target: Path) -> Iterator[Path]:
    """Yield an empty hidden folder beside ``target``; `publish` moves it there, leaving the block removes it.

    Raises:
        BundleError: the folder of ``target`` cannot be made or written to, or there is no room left on the disk.
    """
    with _explained(target), _parents(target):
        with _locked(target.parent):  # nobody sweeps between making a folder and locking it
            _sweep(target)
            folder = target.with_name(f"{_prefix(target)}{secrets.token_hex(4)}")
            folder.mkdir()
            lock = _try_lock(folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            if lock is not None:
                os.close(lock)


def publish(folder: Path, target: Path) -> None:
    """Put a finished folder in the place of ``target``, which keeps its old content until the new one is there.

    Raises:
        BundleError: ``target`` exists and is no bundle, so it is not ours to replace.
    """
    with _explained(target):
        for path in (*folder.rglob("*"), folder):
            _to_disk(path)
        with _locked(target.parent):  # two exports to one place follow each other; the last one wins whole
            refuse_foreign(target)
            if target.exists():
                _exchange(folder, target)  # `folder` now holds the old bundle, which the caller's block removes
            else:
                folder.rename(target)
        _to_disk(target.parent)


def refuse_foreign(target: Path) -> None:
    """Refuse to replace something that is no bundle, and to write into a bundle, which would not load again.

    Raises:
        BundleError: ``target`` exists and holds no manifest, its folder holds one, or it cannot be looked at.
    """
    with _explained(target):
        if (target.exists() or target.is_symlink()) and not (target / MANIFEST_NAME).is_file():
            raise BundleError(
                f"{target} exists and is no bundle", hint="move it away, or choose another --name or --output"
            )
        if (target.parent / MANIFEST_NAME).is_file():
            raise BundleError(
                f"the output folder {target.parent} is a bundle itself", hint="choose the folder that it lies in"
            )


@contextlib.contextmanager
def _parents(target: Path) -> Iterator[None]:
    """Make the folders above ``target``; take those that were made away again if they stay empty."""
    made = [folder for folder in target.parents if not folder.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # not empty: they are in use
            for folder in made:
                folder.rmdir()


def _prefix(target: Path) -> str:
    return f".{target.name}-"


def _sweep(target: Path) -> None:
    """Remove what killed exports to this target left behind."""
    abandoned = re.compile(re.escape(_prefix(target)) + r"[0-9a-f]{8}(-old)?")  # nobody else's hidden folders
    for folder in target.parent.iterdir():
        if not abandoned.fullmatch(folder.name):
            continue
        lock = _try_lock(folder)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _try_lock(folder: Path) -> int | None:
    """Lock a folder for as long as this process lives; None where it is locked already or cannot be."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # busy, or a network file system without locks: then nothing is swept
        os.close(descriptor)
        return None
    return descriptor


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Wait for the lock of a folder; a file system without locks is used without."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exchange(one: Path, other: Path) -> None:
    """Let two folders change names in one step, where the system can; else in three."""
    if not _exchange_at_once(os.fsencode(one), os.fsencode(other)):
        aside = one.with_name(f"{one.name}-old")
        other.rename(aside)
        try:
            one.rename(other)
        except OSError:
            aside.rename(other)
            raise
        aside.rename(one)


def _exchange_at_once(one: bytes, other: bytes) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin":
        swap = 2  # RENAME_SWAP
        return bool(libc.renamex_np(one, other, swap) == 0)
    if not hasattr(libc, "renameat2"):
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return bool(libc.renameat2(here, one, here, other, exchange) == 0)


@contextlib.contextmanager
def _explained(target: Path) -> Iterator[None]:
    """Turn a failure of the file system into one sentence."""
    try:
        yield
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        hint = "free some space, or choose another --output" if full else "choose another --output"
        raise BundleError(f"cannot write {target}: {error.strerror or error}", hint=hint) from error
