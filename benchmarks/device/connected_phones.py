"""The phones that adb sees: what each is and whether it is fit, and one measurement a phone at a time."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deepmark.benchmarks.device.adb import Adb, Listed, choose, list_devices
from deepmark.benchmarks.device.probe import identify, look
from deepmark.benchmarks.result.phone import Identity, State
from deepmark.benchmarks.result.verdict import heat, obstacles, unusable
from deepmark.errors import DeviceError


@dataclass(frozen=True, slots=True)
class Seen:
    """One phone.

    Attributes:
        serial: of adb.
        state: in adb's words.
        fit: whether it can be measured on now.
        reasons: why not.
        identity: what it is; None where it could not be asked.
        now: how it is; likewise.
    """

    serial: str
    state: str
    fit: bool
    reasons: tuple[str, ...]
    identity: Identity | None = None
    now: State | None = None


def see_all(adb: str) -> tuple[Seen, ...]:
    """Look at every phone; one that fails is told with its reason.

    Raises:
        DeviceError: adb itself cannot be used.
    """
    return tuple(_see(adb, one) for one in list_devices(adb))


def _see(adb: str, listed: Listed) -> Seen:
    try:
        choose((listed,), None)
        connection = Adb(adb, listed.serial)
        identity, now = identify(connection), look(connection)
    except DeviceError as error:
        return Seen(listed.serial, listed.state, False, (f"{error} ({error.hint})",))
    wrong = unusable(identity)
    reasons = (*([wrong] if wrong else []), *obstacles(now), *heat(now))
    return Seen(listed.serial, listed.state, not reasons, reasons, identity, now)


@contextmanager
def phone_lock(serial: str) -> Iterator[None]:
    """Hold the phone of this serial; the system lets go of it however the process ends.

    A second measurement at a time would slow the first, and both would be wrong.

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
