"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deepmark.errors import DeepMarkError


@contextmanager
def in_one_step(target: Path, *, keep_part: bool = False) -> Iterator[Path]:
    """Yield a hidden path beside ``target``; what stands there when the block ends gets the target's name.

    Folders above it are made. After an exception it is removed and an earlier ``target`` stays as it is.

    Args:
        target: the file to make or replace.
        keep_part: publish after Ctrl-C and after a `DeepMarkError` too, for files of which a part is good for
            something; never after an `OSError`.

    Raises:
        DeepMarkError: the file system refuses.
    """
    hidden = target.with_name(f".{target.stem}-{secrets.token_hex(4)}{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield hidden
        except (KeyboardInterrupt, DeepMarkError):
            if keep_part:
                _publish(hidden, target)
            raise
        _publish(hidden, target)
    except OSError as error:
        raise _sentence(target, error) from error
    finally:
        with suppress(OSError):  # most often it is not there any more
            hidden.unlink()


def _sentence(target: Path, error: OSError) -> DeepMarkError:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    return DeepMarkError(
        f"cannot write {target}: {error.strerror or error}",
        hint="free some space, or write to another disk" if full else "choose a place where you may write",
    )


def _publish(hidden: Path, target: Path) -> None:
    if hidden.exists():
        hidden.replace(target)
