"""One measurement per phone at a time: a second one would slow the first, and both would be wrong."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deepmark.errors import DeviceError


@contextmanager
def phone_lock(serial: str) -> Iterator[None]:
    """Hold the phone of this serial; the system lets go of it however the process ends.

    Raises:
        DeviceError: another process of this computer holds it.
    """
    import fcntl

    name = f"deepmark-phone-{hashlib.sha256(serial.encode()).hexdigest()[:16]}.lock"
    path = Path(tempfile.gettempdir()) / name
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise DeviceError(
            f"cannot lock the phone {serial}: {path}: {error.strerror}", hint="remove that file"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise DeviceError(
            f"another deepmark bench is measuring on the phone {serial}", hint="wait for its end"
        ) from None
    finally:
        os.close(descriptor)
