"""What ``adb devices -l`` lists, and which of it to use.

A serial number is what the maker, or a network, calls a phone: it may hold blanks (``adb-4F2A-x1 (2)._adb-tls-connect
._tcp``), begin with one, be nothing at all, or be another phone's too. adb's columns are set apart by blanks as well,
so a line is split at the last word that is a state. The form is that of adb's ``append_transport``.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from deepmark.errors import DeviceError

READY = "device"
TRANSPORT = "transport_id:"
_NAMELESS = "(no serial number)"
_UNLOCK = "unlock the phone and confirm “Allow USB debugging?”"
_STATES = {
    "offline": ("does not answer (offline)", "unplug it and plug it in again; adb kill-server"),
    "unauthorized": ("has not allowed this computer (unauthorized)", _UNLOCK),
    "authorizing": ("is still being asked (authorizing)", _UNLOCK),
    "connecting": ("is still connecting", "wait a moment; adb devices"),
    "no permissions": ("may not be opened by this user (no permissions)", "add udev rules for it; adb devices"),
    "recovery": ("is in recovery", "start Android on it"),
    "rescue": ("is in rescue mode", "start Android on it"),
    "sideload": ("is in sideload mode", "start Android on it"),
    "bootloader": ("is in its boot loader", "start Android on it"),
    "host": ("is a computer, no phone", "adb devices"),
    "detached": ("is in use by another program (detached)", "close that program; adb devices"),
    "unknown": ("is in a state that adb does not know", "unplug it and plug it in again; adb devices"),
}
_STATE = re.compile(rf"(?:(?<=\s)|^)({'|'.join((READY, *_STATES))})(?=[\s;]|$)")
_FIELDS = re.compile(r"\s(?:usb:\S+|(?:product|model|device|transport_id):)")
_MESSAGE = re.compile(r"\*|adb(?::| server | daemon )|error:|daemon |List of devices")


@dataclass(frozen=True, slots=True)
class ListedPhone:
    """A line of ``adb devices``.

    Attributes:
        serial: serial number of the device, or host:port, as adb writes it.
        state: state in adb's words; `READY` where it can be used.
        model: name of the model in adb's words; empty where adb shows none.
        transport: adb's number of the connection; None where the serial number is enough to reach it.
    """

    serial: str
    state: str
    model: str
    transport: str | None = None

    @property
    def name(self) -> str:
        """What it is called here, and what ``--serial`` takes: unlike its serial number, no other has it."""
        return name_of(self.serial, self.transport)

    @property
    def by_cable(self) -> bool:
        """Whether it is reached over USB, as far as its serial number tells."""
        return not re.search(r":\d+$|\._adb-tls-connect\._tcp\.?$", self.serial)


def name_of(serial: str, transport: str | None) -> str:
    """Return the one name of a connection: its serial number, or adb's number of it where that is not its own."""
    return serial if transport is None else f"{TRANSPORT}{transport}"


def read_listing(text: str) -> tuple[ListedPhone, ...]:
    """Read what ``adb devices -l`` printed, with the lines that adb's server put among it."""
    found = [one for line in text.splitlines() if (one := _read_line(line)) is not None]
    times = Counter(serial for serial, *_ in found)
    return tuple(
        ListedPhone(serial, state, model, transport if times[serial] > 1 or _is_nameless(serial) else None)
        for serial, state, model, transport in found
    )


def _read_line(line: str) -> tuple[str, str, str, str | None] | None:
    """Return serial number, state, model and transport; None for a line that lists nothing."""
    if _MESSAGE.match(line):
        return None
    fields = _FIELDS.search(line)
    states = list(_STATE.finditer(line, 0, fields.start() + 1 if fields else len(line)))
    if not states:
        return None
    state, rest = states[-1], line[states[-1].end() :]
    serial = line[: state.start()].rstrip()
    if not serial and not line.startswith(" "):
        return None
    model = re.search(r"\bmodel:(\S+)", rest)
    transport = re.search(rf"\b{TRANSPORT}(\d+)\s*$", rest)
    return serial, state.group(1), model.group(1) if model else "", transport.group(1) if transport else None


def _is_nameless(serial: str) -> bool:
    return serial == _NAMELESS or not serial.strip()


def choose_phone(devices: tuple[ListedPhone, ...], serial: str | None) -> ListedPhone:
    """Return the device to use: the one of that name, or the only one there is.

    Raises:
        DeviceError: there is none, several, or it is in no state to be used.
    """
    named = ", ".join(f"{one.name} ({one.model or one.state})" for one in devices)
    if serial is not None:
        chosen = next((one for one in devices if one.name == serial), None)
        same = [one for one in devices if one.serial == serial]
        if chosen is None and same:
            raise DeviceError(f"{len(same)} phones have the serial {serial}: {named}", hint=_by_transport(same[0]))
        if chosen is None:
            found = f"there: {named}" if devices else "there is none at all"
            raise DeviceError(f"no phone with the serial {serial}; {found}", hint="deepmark device lists them")
    elif not devices:
        hint = "plug it in and turn on USB debugging (docs/phone.md)"
        raise DeviceError("no phone is connected", hint=hint)
    elif len(devices) > 1:
        raise DeviceError(f"{len(devices)} phones are connected: {named}", hint="choose one with --serial")
    else:
        chosen = devices[0]
    if chosen.state != READY:
        what, hint = _STATES.get(chosen.state, (f"is in the state {chosen.state}", "adb devices"))
        raise DeviceError(f"the phone {chosen.name} {what}", hint=hint)
    return chosen


def _by_transport(one: ListedPhone) -> str:
    return f"choose one by its connection: --serial {one.name}"
