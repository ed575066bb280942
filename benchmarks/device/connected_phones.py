"""The phones that adb sees: what each is and whether it is fit, and one measurement a phone at a time.

adb lists connections, not phones: one that is plugged in and on the network too stands there twice or three times. Two
connections are of one phone where its own serial number and the number of its start (``boot_id``) are the same.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deepmark.benchmarks.device.adb import Adb, list_phones
from deepmark.benchmarks.device.listed_phones import READY, ListedPhone, choose_phone
from deepmark.benchmarks.device.probe import PhoneNumber, read_identity, read_number, read_state
from deepmark.benchmarks.result.phone import PhoneIdentity, PhoneState
from deepmark.benchmarks.result.verdict import obstacles, temperature_reasons, unusable
from deepmark.errors import DeviceError


@dataclass(frozen=True, slots=True)
class ConnectedPhone:
    """One phone.

    Attributes:
        serial: serial number in adb's words, or ``transport_id:N`` where another has the same; ``--serial`` takes it.
        state: state in adb's words.
        fit: whether it can be measured on now.
        reasons: reasons why it is not fit; empty where it is.
        identity: what it is; None where it could not be asked.
        now: how it is now; None where it could not be asked.
        also: other names of the same phone: it is plugged in and on the network.
    """

    serial: str
    state: str
    fit: bool
    reasons: tuple[str, ...]
    identity: PhoneIdentity | None = None
    now: PhoneState | None = None
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReachedPhone:
    """The phone to measure on.

    Attributes:
        adb: connection to it.
        number: what stands for the phone itself: its own serial number, whatever the connection is called.
    """

    adb: Adb
    number: str


def reach_phone(adb: str, serial: str | None) -> ReachedPhone:
    """Choose the phone of that name, or the only one there is, however many connections lead to it.

    Raises:
        DeviceError: there is none, several, or it is in no state to be used.
    """
    listed = list_phones(adb)
    if serial is None:
        listed = tuple(one[0] for one in _by_phone(adb, listed))
    chosen = choose_phone(listed, serial)
    connection = _connect(adb, chosen)
    return ReachedPhone(connection, read_number(connection).serial or chosen.name)


def examine_phones(adb: str) -> tuple[ConnectedPhone, ...]:
    """Ask every phone what it is and how it is; one that fails is listed with its reason.

    Raises:
        DeviceError: adb itself cannot be used.
    """
    return tuple(_examine(adb, *one) for one in _by_phone(adb, list_phones(adb)))


def _by_phone(adb: str, listed: tuple[ListedPhone, ...]) -> list[list[ListedPhone]]:
    """Put the connections of a phone together, the cable first; one that cannot be asked stands for itself."""
    if len(listed) < 2:
        return [[one] for one in listed]
    numbers = [_number(adb, one) for one in listed]
    serials = {number.serial for number in numbers if number}
    found: dict[object, list[ListedPhone]] = {}
    for one, number in zip(listed, numbers, strict=True):
        stale = one.state != READY and any(serial and f"adb-{serial}-" in one.serial for serial in serials)
        if not stale:  # an old name of a phone that is there under another
            found.setdefault(number if number and number.is_known else one.name, []).append(one)
    return [sorted(group, key=lambda one: not one.by_cable) for group in found.values()]


def _number(adb: str, one: ListedPhone) -> PhoneNumber | None:
    try:
        return read_number(_connect(adb, one)) if one.state == READY else None
    except DeviceError:
        return None


def _connect(adb: str, one: ListedPhone) -> Adb:
    return Adb(adb, one.serial, one.transport)


def _examine(adb: str, listed: ListedPhone, *others: ListedPhone) -> ConnectedPhone:
    also = tuple(one.name for one in others)
    try:
        choose_phone((listed,), None)
        connection = _connect(adb, listed)
        identity, now = read_identity(connection), read_state(connection)
    except DeviceError as error:
        return ConnectedPhone(listed.name, listed.state, False, (f"{error} ({error.hint})",), also=also)
    wrong = unusable(identity)
    reasons = (*([wrong] if wrong else []), *obstacles(now), *temperature_reasons(now))
    return ConnectedPhone(listed.name, listed.state, not reasons, reasons, identity, now, also)


@contextmanager
def phone_lock(number: str, name: str) -> Iterator[None]:
    """Hold a phone; the system lets go of it however the process ends.

    A second measurement at a time would slow the first, and both would be wrong.

    Args:
        number: what stands for the phone, by whichever name it is reached.
        name: what to call it.

    Raises:
        DeviceError: another process of this computer holds it.
    """
    import fcntl

    file = f"deepmark-phone-{hashlib.sha256(number.encode()).hexdigest()[:16]}.lock"
    path = Path(tempfile.gettempdir()) / file
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise DeviceError(f"cannot lock the phone {name}: {path}: {error.strerror}", hint="remove that file") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"another deepmark bench is measuring on the phone {name}"
            raise DeviceError(message, hint="wait for its end") from None
        yield
    finally:
        os.close(descriptor)
