"""The phones that adb sees: what each is and whether it is fit, and one measurement a phone at a time."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deepmark.benchmarks.device.adb import Adb, ListedPhone, choose_phone, list_phones
from deepmark.benchmarks.device.probe import read_identity, read_state
from deepmark.benchmarks.result.phone import PhoneIdentity, PhoneState
from deepmark.benchmarks.result.verdict import obstacles, temperature_reasons, unusable
from deepmark.errors import DeviceError


@dataclass(frozen=True, slots=True)
class ConnectedPhone:
    """One phone.

    Attributes:
        serial: serial number in adb's words.
        state: state in adb's words.
        fit: whether it can be measured on now.
        reasons: reasons why it is not fit; empty where it is.
        identity: what it is; None where it could not be asked.
        now: how it is now; None where it could not be asked.
    """

    serial: str
    state: str
    fit: bool
    reasons: tuple[str, ...]
    identity: PhoneIdentity | None = None
    now: PhoneState | None = None


def examine_phones(adb: str) -> tuple[ConnectedPhone, ...]:
    """Ask every phone what it is and how it is; one that fails is listed with its reason.

    Raises:
        DeviceError: adb itself cannot be used.
    """
    return tuple(_examine(adb, one) for one in list_phones(adb))


def _examine(adb: str, listed: ListedPhone) -> ConnectedPhone:
    try:
        choose_phone((listed,), None)
        connection = Adb(adb, listed.serial)
        identity, now = read_identity(connection), read_state(connection)
    except DeviceError as error:
        return ConnectedPhone(listed.serial, listed.state, False, (f"{error} ({error.hint})",))
    wrong = unusable(identity)
    reasons = (*([wrong] if wrong else []), *obstacles(now), *temperature_reasons(now))
    return ConnectedPhone(listed.serial, listed.state, not reasons, reasons, identity, now)


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
