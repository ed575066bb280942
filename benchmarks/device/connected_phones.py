"""Every phone that adb sees, asked one after the other."""

from __future__ import annotations

from dataclasses import dataclass

from deepmark.benchmarks.device.adb import Adb, Listed, choose, list_devices
from deepmark.benchmarks.device.probe import identify, look
from deepmark.benchmarks.result.fitness import heat, obstacles, unusable
from deepmark.benchmarks.result.phone import Identity, State
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
