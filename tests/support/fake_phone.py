"""What commands find on a phone that nobody owns: files in a folder, and a few programs of Android's.

``/data/local/tmp``, ``/sys`` and ``/proc/meminfo`` of a command are looked up below the phone's folder; getprop,
dumpsys, settings, svc, input, df, taskset and timeout are small scripts there. All else is what Android has: the shell
is mksh, and PATH holds toybox's programs and nothing else (Debian's packages of both), unless `GNU` is asked for.
Programs for aarch64 run under qemu. Every personality says of itself that it is emulated (``ro.deepmark.emulated``).
"""

from __future__ import annotations

import atexit
import functools
import os
import re
import secrets
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from phone_profiles import PERSONALITIES

_ROOTS = ("/data/local/tmp", "/sys/", "/proc/meminfo", "/proc/sys/kernel/random/boot_id")
EMULATOR = "qemu-aarch64-static"
EMULATED_CPU = "cortex-a76"
# Of what toybox of every Android from 8 on has. pkill and timeout are there to be met, not to be used.
ANDROIDS_PROGRAMS = (
    *("cat", "chmod", "df", "env", "false", "grep", "head", "kill", "ls", "mkdir", "mv", "pgrep", "pkill", "rm", "seq"),
    *("sha256sum", "sleep", "tail", "taskset", "timeout", "true", "uname", "wc"),
)
# What mksh or toybox of some Android does otherwise: numbers of 32 bits, 010 as ten, blocks of 512 bytes, and others.
NOT_EVERYWHERE = re.compile(
    r"\b(?:pkill|timeout|printf)\b|\$\(\(|=~|<\(|\[[^]]* -(?:eq|ne|gt|ge|lt|le) |\bdf -\w*P|sha256sum -"
    r"|taskset (?:0x|-)|head -c -|\b(?:stat|ls|df) --|\becho -[neE]|\becho [^;|]*\\"
)
_HERE = "/usr/bin:/bin"  # the scripts below are this machine's business: what they call need not be on a phone


@dataclass(frozen=True)
class Shell:
    """What runs a command line on a phone.

    Attributes:
        name: name of the shell's program on this machine.
        programs: name of the program that holds all others, as toybox does; None where they are this machine's own.
    """

    name: str
    programs: str | None

    def missing(self) -> str | None:
        """Return which program this machine lacks for it; None where all is there."""
        return next((one for one in (self.name, self.programs) if one and not shutil.which(one)), None)


ANDROID, GNU = Shell("mksh", "toybox"), Shell("sh", None)


@dataclass
class Faults:
    """What goes wrong; all can be changed while the device is there."""

    unauthorized: bool = False
    offline: bool = False
    push_refusal: str | None = None  # sentence of the device's file service
    unplug_during_push: bool = False
    unplug_during_pull: bool = False
    unplug_during_run: str = ""  # part of the command
    back_after_s: float | None = None
    reboots: bool = False
    cut_output: dict[str, int] = field(default_factory=dict)  # part of a command -> bytes that arrive


_PROGRAMS = {
    "getprop": 'cat "$PHONE/props/$1" 2>/dev/null || echo',
    "dumpsys": """case $1 in
thermalservice|battery|power|SurfaceFlinger) f="$PHONE/dumpsys/$1" ;; *) exit 1 ;; esac
[ -r "$f" ] || { echo "Can't find service: $1"; exit 0; }
if [ "$1" = battery ] && [ -r "$PHONE/state/cooling" ]; then # one step at every look
  t=$(sed -n 's/.*temperature: //p' "$f"); [ "$t" -gt 300 ] && sed -i "s/temperature: .*/temperature: $((t - 10))/" "$f"
fi
cat "$f"
""",
    "settings": """case $1 in
get) cat "$PHONE/settings/$2.$3" 2>/dev/null || echo null ;;
put) echo "$4" > "$PHONE/settings/$2.$3" ;;
delete) rm -f "$PHONE/settings/$2.$3" ;;
esac""",
    "svc": """[ "$1 $2" = "power stayon" ] && case $3 in usb) echo 2 ;; true) echo 7 ;; *) echo 0 ;; esac \
> "$PHONE/settings/global.stay_on_while_plugged_in" """,
    "input": """case $2 in 224) to=Awake ;; 223) to=Asleep ;; *) exit 0 ;; esac
sed -i "s/^\\(.*Wakefulness[^=]*\\)=[A-Z].*/\\1=$to/" "$PHONE/dumpsys/power" """,
    "uname": 'cat "$PHONE/state/kernel"',
    "df": """n=1; case "$*" in *P*) [ -e "$PHONE/state/half_kib_blocks" ] && n=2 ;; esac
awk -v n=$n 'NR > 1 { $2 *= n; $3 *= n; $4 *= n } 1' "$PHONE/state/df" """,
    "timeout": """PATH=$phone_path /usr/bin/timeout --preserve-status "$@"; c=$?
[ $c -gt 128 ] || exit $c
case $(cat "$PHONE/state/timeout") in
+127) exit $((c - 1)) ;;
124) [ $c = 137 ] && exit 137; exit 124 ;;
*) exit $c ;;
esac""",
    "taskset": """case $1 in *[!0-9a-f]*) echo "taskset: bad mask '$1'" >&2; exit 1 ;; esac # no -c, no 0x
[ -e "$PHONE/state/no-taskset" ] && { echo "taskset: failed to set pid $$'s affinity: Invalid argument" >&2; exit 1; }
echo "$1" > "$PHONE/state/mask"; export FAKE_MASK="$1"; shift
row=2; [ -r "$PHONE/state/throttled" ] && row=1 # each run counts as 1 s at the highest frequency, or at half of it
cpus="$PHONE/sys/devices/system/cpu"
for f in "$cpus"/cpufreq/policy*/stats/time_in_state "$cpus"/cpu[0-9]*/cpufreq/stats/time_in_state; do
  [ -r "$f" ] && awk -v row=$row '{ print $1, $2 + (NR == row ? 100 : 0) }' "$f" > "$f.new" && mv "$f.new" "$f"
done
PATH=$phone_path
exec "$@"
""",
}


class FakePhone:
    """A phone's folder.

    ``commands`` and ``pushed`` remember what was asked of it. ``environment`` holds variables of all that runs there
    beside Android's own: the names by which software GPUs are found.
    """

    def __init__(self, root: Path, personality: str = "p40", shell: Shell = ANDROID) -> None:
        self.root, self.personality, self.shell_kind = root.absolute(), PERSONALITIES[personality], shell
        self.commands: list[str] = []
        self.pushed: list[str] = []
        self.environment: dict[str, str] = {}
        self._lay_out()

    def _lay_out(self) -> None:
        own = self.personality
        for name in ("data/local/tmp", "bin", "props", "dumpsys", "settings", "state", "sys", "proc"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        for name, script in _PROGRAMS.items():
            self.program(name, script)
        self.write("state/timeout", own.timeout)
        if own.half_kib_blocks:
            self.write("state/half_kib_blocks", "")
        number = {"ro.serialno": secrets.token_hex(6).upper()} if own.properties else {}
        for name, value in {**own.properties, **number, "ro.deepmark.emulated": "1"}.items():
            self.write(f"props/{name}", value + "\n")
        self.write("state/df", "Filesystem 1K-blocks Used Available Use% Mounted on\n"
                   "/dev/block/dm-5 112000000 40000000 72000000 36% /data/local/tmp\n")  # fmt: skip
        self.reboot()
        if own.readable:
            self._lay_out_readings()

    def _lay_out_readings(self) -> None:
        own = self.personality
        self.write("dumpsys/SurfaceFlinger", f"------RE GLES (Ganesh)------\nGLES: {own.gpu}\n")
        self.write("state/kernel", own.kernel + "\n")
        self.write("proc/meminfo", f"MemTotal: {own.memory_kib} kB\nMemAvailable: {own.memory_kib // 2} kB\n")
        self.battery(celsius=29.0)
        self.screen("Awake")
        for name, value in own.settings.items():
            self.write(f"settings/{name}", value + "\n")
        if own.gpu_hz is not None:
            self.write("sys/class/devfreq/gpufreq/cur_freq", f"{own.gpu_hz}\n")
        self.setting("low_power", "0")
        self.setting("stay_on_while_plugged_in", "0")
        if own.thermal:
            self.thermal(0)
        self._clusters()

    def _clusters(self) -> None:
        first = 0
        for count, mhz in self.personality.clusters:
            cores = range(first, first + count)
            for core in cores:
                folder = f"sys/devices/system/cpu/cpu{core}/cpufreq"
                for name, text in {
                    "cpuinfo_max_freq": mhz * 1000,
                    "scaling_max_freq": mhz * 1000,
                    "scaling_cur_freq": mhz * 1000,
                    "scaling_governor": "schedutil",
                    "related_cpus": " ".join(map(str, cores)),
                }.items():
                    self.write(f"{folder}/{name}", f"{text}\n")
            where = self.personality.time_in_state
            owners = {"policy": [f"cpufreq/policy{first}"], "cpu": [f"cpu{core}/cpufreq" for core in cores]}
            for owner in owners.get(where, []):
                path = f"sys/devices/system/cpu/{owner}/stats/time_in_state"
                self.write(path, f"{mhz * 500} 1000\n{mhz * 1000} 9000\n")
            first += count
        self.write("sys/devices/system/cpu/online", f"0-{first - 1}\n")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def battery(self, *, celsius: float, level: int = 80, usb: bool = True, cooling: bool = False) -> None:
        self.write("dumpsys/battery", self.personality.battery(celsius, level, usb=usb))
        if cooling:
            self.write("state/cooling", "")

    def thermal(self, status: int, *, skin: float = 31.5) -> None:
        self.write("dumpsys/thermalservice", self.personality.thermal_service(status, skin=skin))

    def setting(self, name: str, value: str) -> None:
        self.write(f"settings/global.{name}", value + "\n")

    def cap(self, mhz: int) -> None:
        """Lower what the fastest cores may do, as a hot phone does."""
        last = sum(count for count, _ in self.personality.clusters) - 1
        self.write(f"sys/devices/system/cpu/cpu{last}/cpufreq/scaling_max_freq", f"{mhz * 1000}\n")

    def screen(self, state: str) -> None:
        self.write("dumpsys/power", self.personality.power(state))

    def program(self, name: str, script: str) -> None:
        """Put a program before the machine's own, or in place of an emulated one."""
        self.write(f"bin/{name}", f"#!/bin/sh\nphone_path=$PATH; PATH={_HERE}\n{script}\n")
        (self.root / "bin" / name).chmod(0o755)

    def reboot(self) -> None:
        self.end_programs()
        self.write("proc/sys/kernel/random/boot_id", secrets.token_hex(16) + "\n")

    def act(self, name: str) -> None:
        """Let the stand-in programs do this instead of what they are asked; see stand_in_native."""
        self.write("state/act", name)

    def require_as_found(self) -> None:
        """Nothing of ours is left, nothing of ours runs, settings are as they were, and any Android can do it."""
        elsewhere = [found.group() for line in self.commands if (found := NOT_EVERYWHERE.search(line))]
        assert not elsewhere, elsewhere
        assert self.left() == []
        self.require_nothing_running()
        assert (self.root / "settings/global.stay_on_while_plugged_in").read_text().strip() == "0"

    @property
    def number(self) -> str:
        """Its serial number in its own words."""
        return (self.root / "props/ro.serialno").read_text().strip()

    def left(self) -> list[str]:
        """Names that stand in /data/local/tmp."""
        return sorted(one.name for one in (self.root / "data/local/tmp").iterdir())

    def running(self) -> dict[int, str]:
        """Programs that run in a folder of /data/local/tmp: number -> command line."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it ended meanwhile
                if (process / "cwd").readlink().is_relative_to(self.root / "data/local/tmp"):
                    words = (process / "cmdline").read_bytes().split(b"\0")
                    found[int(process.name)] = b" ".join(words).decode(errors="replace")
        return found

    def require_nothing_running(self, within_s: float = 3.0) -> None:
        """Wait until nothing runs there; a program that was killed takes a moment to be gone."""
        end = time.monotonic() + within_s
        while (left := self.running()) and time.monotonic() < end:
            time.sleep(0.05)
        assert not left, left

    def end_programs(self) -> None:
        """End what runs there, as a phone does that is switched off."""
        for number in self.running():
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)

    def banner(self) -> bytes:
        own = self.personality
        names = {"name": "ro.product.device", "model": "ro.product.model", "device": "ro.product.device"}
        parts = [f"ro.product.{name}={own.properties.get(key, '')}" for name, key in names.items()]
        return ("device::" + ";".join([*parts, f"features={own.features}"]) + ";").encode()

    def path(self, text: str) -> Path:
        """Where a name of the device's lies here; ``..`` never leads out."""
        clean = PurePosixPath(os.path.normpath("/" + text))
        return self.root / str(clean).lstrip("/")

    def shell(self, command: str) -> tuple[list[str], dict[str, str]]:
        """Return what is executed for a command line, and its environment."""
        line = command
        for one in _ROOTS:
            line = re.sub(rf"(?<![\w.]){re.escape(one)}", f"{self.root}{one}", line)
        if emulator := shutil.which(EMULATOR):
            line = line.replace("./ld-linux-aarch64.so.1", f"{emulator} -cpu {EMULATED_CPU} ./ld-linux-aarch64.so.1", 1)
        path = f"{self.root / 'bin'}:{_path_of(self.shell_kind)}"
        own = {"PATH": path, "PHONE": str(self.root), "HOME": "/", "LC_ALL": "C"}
        return [shutil.which(self.shell_kind.name) or self.shell_kind.name, "-c", line], {**self.environment, **own}

    def back(self, data: bytes) -> bytes:
        """Show the device's own names in what a command printed."""
        return data.replace(os.fsencode(self.root) + b"/", b"/")


@functools.cache
def _path_of(shell: Shell) -> str:
    """Return the PATH of a phone's shell, behind the scripts above: a folder of links, made once, or this machine's."""
    if shell.programs is None:
        return _HERE
    folder = Path(tempfile.mkdtemp(prefix="deepmark-fake-phone-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    sh, box = shutil.which(shell.name), shutil.which(shell.programs)
    assert sh is not None
    assert box is not None
    (folder / "sh").symlink_to(sh)
    for name in ANDROIDS_PROGRAMS:
        (folder / name).symlink_to(box)
    return str(folder)
