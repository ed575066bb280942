"""Ask a phone what it is and how it is, with commands that work without root on Android 8 and later.

One remote command asks everything, so that looking disturbs a measurement little. Sections are set apart by a random
token: what a phone prints inside one can not pretend to be another. What the answers mean is in `readings`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from deepmark.benchmarks.device import readings
from deepmark.benchmarks.device.adb import Adb
from deepmark.benchmarks.result.phone import PhoneIdentity, PhoneState, soc_name

REMOTE_ROOT = "/data/local/tmp"
_CPU = "/sys/devices/system/cpu"
_PROPERTIES = (
    "ro.serialno",
    "ro.product.manufacturer",
    "ro.product.model",
    "ro.product.device",
    "ro.board.platform",
    "ro.hardware",
    "ro.soc.model",
    "ro.build.version.release",
    "ro.build.version.sdk",
    "ro.build.version.emui",
    "hw_sc.build.platform.version",
    "ro.build.fingerprint",
    "ro.product.cpu.abilist",
    "ro.deepmark.emulated",
)
_CORES = (
    f"for c in {_CPU}/cpu[0-9]*; do f=$c/cpufreq; "
    'echo "${c##*/cpu} $(cat $f/cpuinfo_max_freq || echo -) $(cat $f/scaling_max_freq || echo -) '
    '$(cat $f/scaling_governor || echo -)"; done'
)
_MEMORY = "cat /proc/meminfo"
_SAVER = (  # a setting takes up to a second on old phones, so only the maker's own is asked
    "echo low_power=$(settings get global low_power); case $(getprop ro.product.manufacturer) in "
    "HUAWEI|HONOR) n=SmartModeStatus;; Xiaomi) n=POWER_SAVE_MODE_OPEN;; samsung) n=psm_switch;; *) n=;; esac; "
    '[ -z "$n" ] || echo $n=$(settings get system $n)'
)
_STATE_COMMANDS = {
    "cores": _CORES,
    "online": f"cat {_CPU}/online",
    "battery": "dumpsys battery",
    "thermal": "dumpsys thermalservice",
    "power": "dumpsys power | grep Wakefulness",
    "saver": _SAVER,
    "gpu": "cat /sys/class/devfreq/gpufreq/cur_freq",
    "memory": _MEMORY,
    "room": f"df -k {REMOTE_ROOT}",
}
_TIMES = (
    f"for f in {_CPU}/cpufreq/policy* {_CPU}/cpu[0-9]*/cpufreq; do "
    "[ -r $f/stats/time_in_state ] || continue; n=${f##*/policy}; n=${n##*/cpu/cpu}; "
    "echo core ${n%%/*} of $(cat $f/related_cpus); cat $f/stats/time_in_state; done"
)
_BOOT = "cat /proc/sys/kernel/random/boot_id"


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """What tells one phone from another, whatever its connection is called.

    Attributes:
        serial: serial number in the phone's own words; empty where it does not tell. Cheap phones share one.
        boot: identity of its last start; empty where it cannot be read.
    """

    serial: str
    boot: str

    @property
    def is_known(self) -> bool:
        """Whether two connections with this same number are certainly one phone's."""
        return bool(self.serial and self.boot)


def read_number(adb: Adb) -> PhoneNumber:
    """Ask which phone it is.

    Raises:
        DeviceError: it went away.
    """
    answers = _ask(adb, {"serial": "getprop ro.serialno", "boot": _BOOT})
    serial = _first(answers["serial"]) or ""
    return PhoneNumber("" if serial == "unknown" else serial, _first(answers["boot"]) or "")


def read_identity(adb: Adb) -> PhoneIdentity:
    """Ask what the phone is.

    Raises:
        DeviceError: it went away.
    """
    answers = _ask(
        adb,
        {name: f"getprop {name}" for name in _PROPERTIES}
        | {"cores": _CORES, "memory": _MEMORY, "kernel": "uname -r", "gpu": "dumpsys SurfaceFlinger | grep GLES:"},
    )
    values = {name: _first(answers[name]) for name in _PROPERTIES}
    platform, sdk = values["ro.board.platform"], values["ro.build.version.sdk"]
    clusters = readings.clusters(answers["cores"])
    return PhoneIdentity(
        serial=values["ro.serialno"] or adb.serial,
        manufacturer=values["ro.product.manufacturer"],
        model=values["ro.product.model"],
        device=values["ro.product.device"],
        platform=platform,
        soc=soc_name(platform, clusters) or values["ro.soc.model"] or platform or values["ro.hardware"],
        android=values["ro.build.version.release"],
        sdk=int(sdk) if sdk and re.fullmatch(r"\d{1,3}", sdk) else None,
        emui=values["ro.build.version.emui"],
        harmony=values["hw_sc.build.platform.version"],
        kernel=_first(answers["kernel"]),
        gpu=readings.gpu(answers["gpu"]),
        fingerprint=values["ro.build.fingerprint"],
        abis=tuple(filter(None, (values["ro.product.cpu.abilist"] or "").split(","))),
        emulated=values["ro.deepmark.emulated"] == "1",
        clusters=clusters,
        memory_mib=readings.memory_mib(answers["memory"], "MemTotal"),
    )


def read_state(adb: Adb) -> PhoneState:
    """Ask how the phone is now.

    Raises:
        DeviceError: it went away.
    """
    answers = _ask(adb, _STATE_COMMANDS)
    battery, thermal = readings.battery(answers["battery"]), readings.thermal(answers["thermal"])
    return PhoneState(
        battery_c=battery.celsius,
        battery_percent=battery.percent,
        skin_c=thermal.skin_c,
        thermal_status=thermal.status,
        saver=readings.saver(answers["saver"]),
        screen=readings.screen(answers["power"]),
        capped_mhz=readings.caps(answers["cores"]),
        cores_off=readings.cores_off(answers["cores"], answers["online"]),
        gpu_mhz=readings.gpu_mhz(answers["gpu"]),
        memory_available_mib=readings.memory_mib(answers["memory"], "MemAvailable"),
        room_mib=readings.room_mib(answers["room"]),
        notes=tuple(filter(None, (battery.note, thermal.note))),
    )


def times_in_state(adb: Adb) -> dict[str, dict[int, int]]:
    """Return what the kernel counted: cluster's first core -> frequency, kHz -> time at it, 10 ms.

    Raises:
        DeviceError: it went away.
    """
    return readings.times_at_clocks(_ask(adb, {"times": _TIMES})["times"])


def _ask(adb: Adb, commands: Mapping[str, str]) -> dict[str, str]:
    token = secrets.token_hex(8)
    line = " ".join(f"echo; echo @{token}@{name}; {{ {command}; }} 2>/dev/null;" for name, command in commands.items())
    answers = dict.fromkeys(commands, "")
    for part in adb.shell(f"{line} true").out.split(f"@{token}@")[1:]:
        name, _, text = part.partition("\n")
        if name in answers:
            answers[name] = text
    return answers


def _first(text: str) -> str | None:
    """Return the first line, no longer than a name is; None where there is none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0][:120] if lines and lines[0] != "null" else None
