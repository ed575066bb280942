"""The ``adb`` program, wrapped thinly: every failure is a `DeviceError` with a hint, every output bounded and cleaned.

What adb itself returns is not enough (measured with 29.0.6, 34.0.1 and 36.0.0): a phone that is unplugged during
``adb shell`` ends it with 0 in adb 29 and 255 in adb 36, and the old shell protocol has no exit status. So every remote
command ends by printing its own, and where that line is missing the connection was lost.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from deepmark.benchmarks.device.bounded_process import ProcessEnd, clean, one_line, run_bounded
from deepmark.benchmarks.device.listed_phones import ListedPhone, name_of, read_listing
from deepmark.errors import DeviceError, PhoneLostError

SENTINEL = "DM_RC="
_CUT = re.compile(r"closed|not found|EOF|offline|protocol fault|reset|failed to read|connect failed")
# adb 29: "error: device offline"; adb 34 and later: "adb: device offline"; on Windows "adb.exe: ..."
_REASON = re.compile(r"^(?:adb(?:\.exe)?: error: |adb(?:\.exe)?: |error: )(.*)", re.MULTILINE)
_ANSWER_S = 20.0
_PUSH_S = 300.0


@dataclass(frozen=True, slots=True)
class ShellAnswer:
    """What a remote command printed, cleaned, and its exit status."""

    code: int
    out: str
    err: str


def find_adb() -> str:
    """Return adb's path.

    Raises:
        DeviceError: there is none.
    """
    path = shutil.which("adb")
    if path is None:
        raise DeviceError("adb is not installed on this computer", hint="deepmark doctor tells how to get it")
    return path


def list_phones(adb: str) -> tuple[ListedPhone, ...]:
    """Return every device that adb's server knows, starting that server where none runs.

    Raises:
        DeviceError: the server cannot be used, for example because another version of it is in the way.
    """
    ended = _run([adb, "devices", "-l"], _ANSWER_S)
    text = clean(ended.out)
    if ended.code or "List of devices" not in text:
        raise _no_server(ended)
    return read_listing(text.partition("List of devices attached")[2])


class Adb:
    """One device, reached through adb.

    Args:
        adb: path of the program.
        serial: serial number of the device.
        transport: adb's number of the connection, to reach it by; None where the serial number is the device's alone.
    """

    def __init__(self, adb: str, serial: str, transport: str | None = None) -> None:
        self.path, self.serial = adb, serial
        self.name = name_of(serial, transport)
        self._command = [adb, "-s", serial] if transport is None else [adb, "-t", transport]

    def shell(self, command: str, timeout_s: float = _ANSWER_S) -> ShellAnswer:
        """Run a command line on the device; a status other than 0 is an answer, not an error.

        Raises:
            PhoneLostError: the connection ended before the command did, or it did not end in time.
            DeviceError: the device printed without end.
        """
        ended = _run([*self._command, "shell", f"{command}; echo {SENTINEL}$?"], timeout_s)
        if ended.flooded:
            raise DeviceError(
                f"the phone {self.name} printed more than {len(ended.out) >> 20} MB and was stopped",
                hint="something on the phone writes into the shell of adb; restart the phone",
            )
        if ended.timed_out:
            raise PhoneLostError(
                f"the phone {self.name} did not answer within {timeout_s:.0f} s",
                hint="unlock it, check the cable, and try again",
            )
        out = clean(ended.out)
        body, mark, tail = out.rpartition(SENTINEL)
        if not mark or not re.fullmatch(r"\d{1,3}\n\s*", tail):  # without the line's end, 139 may have lost its 39
            raise self._lost(clean(ended.err))
        return ShellAnswer(int(tail), body, clean(ended.err))

    def push(self, source: Path, target: str) -> None:
        """Copy a file to the device.

        Raises:
            PhoneLostError: the connection ended.
            DeviceError: the device refuses it.
        """
        self._transfer(["push", str(source), target], f"cannot copy {source.name} to {target}")

    def pull(self, source: str, target: Path) -> None:
        """Copy a file from the device.

        Raises:
            PhoneLostError: the connection ended.
            DeviceError: it is not there.
        """
        self._transfer(["pull", source, str(target)], f"cannot copy {source} from the phone")

    def reconnect(self, timeout_s: float) -> bool:
        """Wait for a device that went away; return whether it is there again."""
        if re.fullmatch(r"\S+:\d+", self.serial):  # over a network adb forgets it
            _run([self.path, "connect", self.serial], timeout_s)
        ended = _run([*self._command, "wait-for-device"], timeout_s)
        return ended.code == 0 and not ended.timed_out

    def _transfer(self, arguments: list[str], failed: str) -> None:
        ended = _run([*self._command, *arguments], _PUSH_S)
        if ended.code == 0:
            return
        printed = f"{clean(ended.out)}\n{clean(ended.err)}"
        if "No space left" in printed:
            raise DeviceError(f"{failed}: the phone is full", hint="free some room on the phone (adb shell df /data)")
        if "Read-only file system" in printed or "Permission denied" in printed:
            reason = "read-only" if "Read-only" in printed else "permission denied"
            raise DeviceError(f"{failed}: {reason}", hint="adb shell must be able to write in /data/local/tmp")
        refusal = re.search(r"error: .*remote .*", printed)
        if ended.timed_out or refusal is None or _CUT.search(printed):
            raise self._lost(printed)
        raise DeviceError(f"{failed}: {one_line(refusal.group(0))}", hint="adb devices")

    def _lost(self, printed: str) -> PhoneLostError:
        reason = _REASON.search(printed)
        detail = f" ({one_line(reason.group(1))})" if reason else ""
        return PhoneLostError(
            f"the connection to the phone {self.name} was lost{detail}", hint="check the cable; adb devices"
        )


def _run(argv: list[str], timeout_s: float) -> ProcessEnd:
    try:
        return run_bounded(argv, timeout_s)
    except OSError as error:
        raise DeviceError(
            f"cannot run {argv[0]}: {error.strerror}", hint="deepmark doctor tells how to get adb"
        ) from error


def _no_server(ended: ProcessEnd) -> DeviceError:
    printed = f"{clean(ended.out)}\n{clean(ended.err)}"
    version = re.search(r"adb server (?:version|is out of date).*", printed)
    reason = "it did not answer" if ended.timed_out else one_line(version.group(0) if version else printed)
    return DeviceError(
        f"adb's server cannot be used: {reason or 'it said nothing'}",
        hint="another program's adb of another version may run: close it, then adb kill-server",
    )
