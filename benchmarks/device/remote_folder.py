"""Our own folder on the phone, and the settings that a measurement changes and puts back.

What was changed is written into the folder before it is changed. A run that was cut off (the cable, a crash, a killed
process) is so made good by the next one, and nothing but our own folder is ever removed.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from deepmark.benchmarks.device import watchdog
from deepmark.benchmarks.device.adb import Adb, ShellAnswer
from deepmark.benchmarks.device.bounded_process import one_line
from deepmark.benchmarks.device.probe import REMOTE_ROOT, read_state
from deepmark.errors import DeviceError, PhoneLostError

RECONNECT_S = 15.0
GRACE_S = 15  # this computer waits so much longer than the phone's own limit
_HASHING_S = 120.0
_SAFE = re.compile(r"(?!.*\.\.)[\w.+-]+(?:/[\w.+-]+)*")
_BOOT = "cat /proc/sys/kernel/random/boot_id"


@dataclass(slots=True)
class RemoteFolder:
    """A folder on a phone.

    Attributes:
        adb: connection to the phone.
        path: path of the folder on the phone.
        stay_on: setting "stay on while plugged in" before ours; None where it cannot be read.
        screen: state of the screen before ours; None where it cannot be read.
        boot: identity of the phone's start; empty where it cannot be read.
    """

    adb: Adb
    path: str
    stay_on: str | None = None
    screen: str | None = None
    boot: str = field(default="")

    def run(self, command: str, timeout_s: float = _HASHING_S) -> ShellAnswer:
        """Run a command line inside the folder."""
        return self.adb.shell(f"cd {self.path} && {{ {command}; }}", timeout_s)

    def run_watched(self, command: str, limit_s: int, report: str) -> ShellAnswer:
        """Run one program inside the folder for so many seconds at most; its status is the answer's.

        Args:
            command: one simple command that prints into files.
            limit_s: time limit in seconds; a program that ran past it has the status `watchdog.TIME_OVER`.
            report: command line that prints the answer once the program has ended.
        """
        return self.run(f"{watchdog.watched(command, limit_s)}; {report}; (exit $c)", limit_s + GRACE_S)

    def copy(self, files: Mapping[str, Path]) -> int:
        """Bring files there, those that are there already excepted; return how many were sent.

        Args:
            files: name below the folder -> file of this computer.

        Raises:
            DeviceError: the phone is full or refuses, or what arrived is not what was sent.
        """
        unsafe = next((name for name in files if not _SAFE.fullmatch(name)), None)
        if unsafe is not None:
            raise DeviceError(f"the file name {unsafe!r} cannot be used on a phone", hint="rename the file")
        wanted = {name: _sha256(path) for name, path in files.items()}
        there = self._hashes(wanted)
        missing = [name for name in files if there.get(name) != wanted[name]]
        for name in missing:
            self.adb.push(files[name], f"{self.path}/{name}")
        if missing and (there or (there := self._hashes(wanted))):
            now = self._hashes(missing)
            wrong = next((name for name in missing if now.get(name) != wanted[name]), None)
            if wrong is not None:
                raise DeviceError(f"{wrong} arrived damaged on the phone", hint="try another cable")
        return len(missing)

    def _hashes(self, names: Mapping[str, str] | list[str]) -> dict[str, str]:
        """Ask for the hashes of files that are there; nothing where the phone cannot compute them."""
        line = " ".join(map(shlex.quote, names))
        found = self.run(f"sha256sum {line} 2>/dev/null").out.splitlines()
        pairs = [matched.groups() for one in found if (matched := re.fullmatch(r"([0-9a-f]{64}) [ *](\S+)", one))]
        return {name: digest for digest, name in pairs}

    def open(self) -> None:
        """Make the folder and note what the settings are; those that an earlier run noted and never put back count.

        Raises:
            DeviceError: the phone refuses.
        """
        made = self.adb.shell(f"mkdir -p {self.path} && [ -w {self.path} ]")
        if made.code:
            printed = one_line(made.err) or one_line(made.out) or "it may not be written"
            raise DeviceError(
                f"cannot make {self.path} on the phone: {printed}",
                hint=f"adb shell must be able to write in {REMOTE_ROOT}",
            )
        if self.run(watchdog.CAN_WATCH).code:
            raise DeviceError(
                f"the phone does not show what runs in {self.path}, so nothing could be stopped there",
                hint="adb shell must be able to read /proc/PID/cwd of its own programs",
            )
        noted = dict(
            re.findall(r"^(stay_on|screen)=(\w{1,20})$", self.run("cat journal 2>/dev/null").out, re.MULTILINE)
        )
        self.boot = self._boot()
        self.run(watchdog.STOP)  # what an earlier run may have left running
        if not noted:
            now = self.adb.shell("settings get global stay_on_while_plugged_in 2>/dev/null").out.strip()
            noted = {"stay_on": now if re.fullmatch(r"\d{1,2}|null", now) else "unknown"}
            noted["screen"] = read_state(self.adb).screen or "unknown"
            text = "; ".join(f"echo {name}={value} >> journal" for name, value in noted.items())
            if self.run(text).code:
                raise DeviceError(f"cannot write in {self.path} on the phone", hint="is it full? adb shell df /data")
        stay_on = noted.get("stay_on", "unknown")
        self.stay_on = stay_on if re.fullmatch(r"\d{1,2}|null", stay_on) else None
        self.screen = noted.get("screen")

    def wake(self) -> None:
        """Turn the screen on and keep it on while the cable is there.

        Raises:
            DeviceError: it stays off.
        """
        self.adb.shell("input keyevent 224; svc power stayon usb")
        screen = read_state(self.adb).screen
        if screen not in {None, "Awake"}:
            raise DeviceError(f"the phone's screen stays off ({screen})", hint="turn it on, unlock it, and try again")

    def restore(self, *, keep: bool) -> None:
        """Stop what runs there, put settings back, and remove the folder unless it shall be kept."""
        self.run(watchdog.STOP)
        if self.stay_on == "null":
            self.adb.shell("settings delete global stay_on_while_plugged_in")
        elif self.stay_on is not None:
            self.adb.shell(f"settings put global stay_on_while_plugged_in {self.stay_on}")
        if self.screen in {"Asleep", "Dozing"}:
            self.adb.shell("input keyevent 223")
        if keep:
            self.run(f"rm -f journal {' '.join(watchdog.FILES)}")
        else:
            self.adb.shell(f"cd / && rm -rf {self.path}", _HASHING_S)

    def rebooted(self) -> bool:
        """Return whether the phone started anew since the folder was opened."""
        return bool(self.boot) and self._boot() != self.boot

    def _boot(self) -> str:
        return self.adb.shell(f"{_BOOT} 2>/dev/null").out.strip()[:80]


@contextmanager
def prepared_folder(adb: Adb, number: str, *, keep: bool, reconnect_s: float = RECONNECT_S) -> Iterator[RemoteFolder]:
    """Give a folder on a phone that is awake; afterwards the phone is as it was, whatever happened.

    Args:
        adb: connection to the phone.
        number: what the name of the folder ends with.
        keep: whether the folder stays, so that the next run has less to copy.
        reconnect_s: longest wait for a phone that was lost, to clean it, in seconds.

    Raises:
        DeviceError: the phone refuses, or went away; the message says what was left on it.
    """
    folder = RemoteFolder(adb, f"{REMOTE_ROOT}/deepmark-{number}")
    try:
        folder.open()
        folder.wake()
        yield folder
    except PhoneLostError as error:
        raise _after_loss(folder, error, reconnect_s) from error
    except BaseException:
        with suppress(DeviceError):  # the first error is the one to show
            folder.restore(keep=keep)
        raise
    else:
        folder.restore(keep=keep)


def _after_loss(folder: RemoteFolder, error: PhoneLostError, reconnect_s: float) -> PhoneLostError:
    try:
        if folder.adb.reconnect(reconnect_s):
            started = folder.rebooted()
            folder.restore(keep=False)
            what = "the phone restarted meanwhile" if started else "it is back"
            return PhoneLostError(f"{error}; {what} and was cleaned", hint=error.hint)
    except DeviceError:
        pass
    return PhoneLostError(
        f"{error}; left on it: {folder.path}, where a program ends at its time limit",
        hint="plug it in and run the same command: that cleans it at its end",
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
