"""Files and folders that appear whole or not at all, the cache folder, and names that can be printed.

A file in the making has a hidden name beside its target. A folder in the making has one too, and is locked by its
maker; the lock goes with the process, so the next maker tells abandoned folders from busy ones and removes them.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

from deepmark.errors import DeepMarkError

LONGEST_NAME = 255  # bytes of a name that usual file systems take
_SHORT_NAME = 64  # bytes that all of them take
_LONG_SUFFIX = 16  # from here on, a dot is just a dot
_TOKEN = 8  # hexadecimal digits in the name of what is in the making
_ASIDE = "-old"
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
Explain = Callable[[Path, OSError], DeepMarkError]
"""Turns what the file system says of a path into an error with a sentence and a hint."""


def cannot_write(target: Path, error: OSError) -> DeepMarkError:
    """Say in one sentence why a file or folder was not written."""
    full = error.errno in NO_ROOM
    return DeepMarkError(
        f"cannot write {target}: {error.strerror or error}",
        hint="free some space, or write to another disk" if full else "choose a place where you may write",
    )


@contextmanager
def whole_file(
    target: Path, *, keep_part: bool = False, durable: bool = False, explain: Explain = cannot_write
) -> Iterator[Path]:
    """Yield a hidden path beside ``target``; what stands there when the block ends gets the target's name.

    Folders above it are made. After an exception it is removed and an earlier ``target`` stays as it is.

    Args:
        target: file to make or replace.
        keep_part: whether to publish after any other end of the block too, which suits files of which a part is good
            for something; never done after an `OSError`.
        durable: whether the content must be on the disk before the name is.
        explain: maker of the error, given the target and what the file system said.

    Raises:
        DeepMarkError: the file system refuses; of the type that ``explain`` makes.
    """
    suffix = target.suffix if len(target.suffix) < _LONG_SUFFIX else ""
    hidden = target.with_name(shortened(f".{target.stem}", f"-{_token()}{suffix}", _longest(target)))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield hidden
        except OSError:
            raise
        except BaseException:
            if keep_part:
                _publish_file(hidden, target, durable=durable)
            raise
        _publish_file(hidden, target, durable=durable)
    except OSError as error:
        raise explain(target, error) from error
    except UnicodeEncodeError as error:
        if error.encoding != sys.getfilesystemencoding():  # of the content
            raise
        why = OSError(errno.EILSEQ, f"the locale, {error.encoding}, has no {error.object[error.start]!a}")
        raise explain(target, why) from error
    finally:
        with suppress(OSError, UnicodeEncodeError):  # most often it is not there any more
            hidden.unlink()


def shortened(start: str, end: str, most: int = LONGEST_NAME) -> str:
    """Put a name together; where it is longer than ``most`` bytes, its start loses its last characters."""
    while start and len((start + end).encode(errors="surrogateescape")) > most:
        start = start[:-1]
    return start + end


def _longest(target: Path) -> int:
    """How long a name beside ``target`` may be, in bytes: as long as its own, which its file system takes."""
    return max(len(os.fsencode(target.name)), _SHORT_NAME)


def _token() -> str:
    return secrets.token_hex(_TOKEN // 2)


def write_whole(
    target: Path, content: bytes | memoryview, *, durable: bool = False, explain: Explain = cannot_write
) -> None:
    """Make a file, or replace it by another, in one step; see `whole_file`.

    Raises:
        DeepMarkError: the file system refuses; of the type that ``explain`` makes.
    """
    with whole_file(target, durable=durable, explain=explain) as hidden, hidden.open("wb") as file:
        file.write(content)


def _publish_file(hidden: Path, target: Path, *, durable: bool) -> None:
    if hidden.exists():
        if durable:
            _to_disk(hidden)
        hidden.replace(target)


@contextmanager
def whole_folder(target: Path, *, explain: Explain = cannot_write) -> Iterator[Path]:
    """Yield an empty hidden folder beside ``target``; when the block ends it gets the target's name.

    A target that another process made meanwhile stays, and the new folder is dropped: both are meant to be equal.

    Raises:
        DeepMarkError: the file system refuses; of the type that ``explain`` makes.
    """
    with scratch_folder(target, explain=explain) as scratch:
        folder = scratch / target.name
        try:
            folder.mkdir()
            yield folder
            with suppress(FileExistsError):
                _rename_folder(folder, target)
        except OSError as error:
            raise explain(target, error) from error


def _rename_folder(folder: Path, target: Path) -> None:
    try:
        folder.rename(target)
    except OSError as error:
        if target.is_dir() and error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
            raise FileExistsError(error.errno, error.strerror) from error
        raise


@contextmanager
def scratch_folder(target: Path, *, explain: Explain = cannot_write) -> Iterator[Path]:
    """Yield an empty hidden folder beside ``target``, on its disk; leaving the block removes it.

    Whatever killed processes left of such folders is removed, too; so are folders above the target that were made for
    it and stay empty.

    Args:
        target: file or folder that is in the making.
        explain: maker of the error, given the target and what the file system said.

    Raises:
        DeepMarkError: the file system refuses; of the type that ``explain`` makes.
    """
    try:
        with _parents(target):
            with _locked(target.parent):  # nobody sweeps between making a folder and locking it
                _sweep(target)
                folder = target.with_name(f"{_prefix(target)}{_token()}")
                folder.mkdir()
                lock = _try_lock(folder)
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
                if lock is not None:
                    os.close(lock)
    except OSError as error:
        raise explain(target, error) from error


def publish_folder(
    folder: Path, target: Path, *, check: Callable[[Path], None], explain: Explain = cannot_write
) -> None:
    """Put a finished folder in the place of ``target``, which keeps its old content until the new one is there.

    Args:
        folder: finished folder on the target's disk; it holds the old content afterwards, if there was any.
        target: folder to make or replace.
        check: called with the target under a lock, just before; raises where it is not to be replaced.
        explain: maker of the error, given the target and what the file system said.

    Raises:
        DeepMarkError: the file system refuses; of the type that ``explain`` makes.
    """
    try:
        for path in (*folder.rglob("*"), folder):
            _to_disk(path)
        with _locked(target.parent):  # two makers of one folder follow each other; the last one wins whole
            check(target)
            if target.exists():
                _exchange(folder, target)
            else:
                folder.rename(target)
        _to_disk(target.parent)
    except OSError as error:
        raise explain(target, error) from error


@contextmanager
def _parents(target: Path) -> Iterator[None]:
    """Make the folders above ``target``; take those that were made away again if they stay empty."""
    made = [folder for folder in target.parents if not folder.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        with suppress(OSError):  # not empty: they are in use
            for folder in made:
                folder.rmdir()


def _prefix(target: Path) -> str:
    return shortened(f".{target.name}", "-", _longest(target) - _TOKEN - len(_ASIDE))


def _sweep(target: Path) -> None:
    """Remove what killed makers of this target left behind."""
    abandoned = re.compile(re.escape(_prefix(target)) + rf"[0-9a-f]{{{_TOKEN}}}({_ASIDE})?")  # nobody else's
    for folder in target.parent.iterdir():
        if not abandoned.fullmatch(folder.name):
            continue
        lock = _try_lock(folder)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _locks() -> ModuleType | None:
    """Return the module of file locks; None on Windows, where nothing is locked or swept."""
    try:
        import fcntl
    except ImportError:
        return None
    return fcntl


def _try_lock(folder: Path) -> int | None:
    """Lock a folder for as long as this process lives; None where it is locked already or cannot be."""
    fcntl = _locks()
    if fcntl is None:
        return None
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


@contextmanager
def sole_use(folder: Path) -> Iterator[bool]:
    """Yield whether nobody else is in such a block with this folder.

    The lock goes with the process, however it ends. On a file system without locks, and on Windows, the answer is yes.
    """
    fcntl = _locks()
    if fcntl is None:
        yield True
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        except OSError:
            pass
        yield True
    finally:
        os.close(descriptor)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Wait for the lock of a folder; a file system without locks is used without."""
    fcntl = _locks()
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _to_disk(path: Path) -> None:
    if path.is_dir() and _locks() is None:  # Windows opens no folders
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exchange(one: Path, other: Path) -> None:
    """Let two folders change names in one step, where the system can; else in three."""
    if not _exchange_at_once(os.fsencode(one), os.fsencode(other)):
        aside = one.with_name(shortened(one.name, _ASIDE, _longest(one)))
        other.rename(aside)
        try:
            one.rename(other)
        except OSError:
            aside.rename(other)
            raise
        aside.rename(one)


def _exchange_at_once(one: bytes, other: bytes) -> bool:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin":
        swap = 2  # RENAME_SWAP
        return bool(libc.renamex_np(one, other, swap) == 0)
    if not hasattr(libc, "renameat2"):
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return bool(libc.renameat2(here, one, here, other, exchange) == 0)


def cache_folder() -> Path:
    """Return the folder for what can be found out again.

    It is ``$DEEPMARK_CACHE``, or ``deepmark`` in ``$XDG_CACHE_HOME``, ``~/.cache`` (Linux) or ``~/Library/Caches``
    (macOS).

    Raises:
        RuntimeError: this user has no home folder.
    """
    if own := os.environ.get("DEEPMARK_CACHE"):
        return Path(own)
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared) / "deepmark"
    caches = "Library/Caches" if sys.platform == "darwin" else ".cache"
    return Path.home() / caches / "deepmark"


def printable(path: Path) -> str:
    """Return a path as text for JSON: the name of a file may be any bytes, JSON is Unicode.

    Bytes that are UTF-8 are read so, whatever the locale says; others as the locale says, if it can.
    """
    try:
        return os.fsencode(path).decode()
    except UnicodeError:
        return os.fspath(path).encode(errors="surrogateescape").decode(errors="replace")


def with_name(folder: Path, name: str) -> Path:
    """Return the path of a file whose name is this text, in UTF-8 whatever the locale says."""
    return folder / os.fsdecode(name.encode())
