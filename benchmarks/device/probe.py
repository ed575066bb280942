"""Ask a phone what it is and how it is, with commands that work without root on Android 10 and later.

One remote command asks everything, so that looking disturbs a measurement little. Sections are set apart by a random
token: what a phone prints inside one can not pretend to be another.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from deepmark.benchmarks.device.adb import Adb
from deepmark.benchmarks.result.phone import CoreCluster, PhoneIdentity, PhoneState

REMOTE_ROOT = "/data/local/tmp"
SOCS = {"kirin990": "Kirin 990", "kirin9000": "Kirin 9000", "zuma": "Tensor G3", "kona": "Snapdragon 865"}
_CPU = "/sys/devices/system/cpu"
_PROPERTIES = (
    "ro.product.manufacturer",
    "ro.product.model",
    "ro.product.device",
    "ro.board.platform",
    "ro.hardware",
    "ro.soc.model",
    "ro.build.version.release",
    "ro.build.version.sdk",
    "ro.build.version.emui",
    "ro.build.fingerprint",
    "ro.product.cpu.abilist",
    "ro.deepmark.emulated",
)
_CORES = (
    f"for c in {_CPU}/cpu[0-9]*; do f=$c/cpufreq; "
    'echo "${c##*/cpu} $(cat $f/cpuinfo_max_freq || echo -) $(cat $f/scaling_max_freq || echo -) '
    '$(cat $f/scaling_governor || echo -)"; done'
)
_STATE_COMMANDS = {
    "cores": _CORES,
    "battery": "dumpsys battery",
    "thermal": "dumpsys thermalservice",
    "power": "dumpsys power | grep mWakefulness=",
    "saver": "settings get global low_power",
    "memory": "cat /proc/meminfo",
    "room": f"df -k {REMOTE_ROOT}",
}
_TIME_IN_STATE = f"for p in {_CPU}/cpufreq/policy*; do echo policy ${{p##*/policy}}; cat $p/stats/time_in_state; done"


def read_identity(adb: Adb) -> PhoneIdentity:
    """Ask what the phone is.

    Raises:
        DeviceError: it went away.
    """
    answers = _ask(
        adb, {name: f"getprop {name}" for name in _PROPERTIES} | {"cores": _CORES, "memory": _STATE_COMMANDS["memory"]}
    )
    values = {name: _first(answers[name]) for name in _PROPERTIES}
    platform = values["ro.board.platform"]
    memory = _number(answers["memory"], r"MemTotal:\s*(\d+)")
    sdk = values["ro.build.version.sdk"]
    return PhoneIdentity(
        serial=adb.serial,
        manufacturer=values["ro.product.manufacturer"],
        model=values["ro.product.model"],
        device=values["ro.product.device"],
        platform=platform,
        soc=SOCS.get(platform or "") or values["ro.soc.model"] or platform or values["ro.hardware"],
        android=values["ro.build.version.release"],
        sdk=int(sdk) if sdk and re.fullmatch(r"\d{1,3}", sdk) else None,
        emui=values["ro.build.version.emui"],
        fingerprint=values["ro.build.fingerprint"],
        abis=tuple(filter(None, (values["ro.product.cpu.abilist"] or "").split(","))),
        emulated=values["ro.deepmark.emulated"] == "1",
        clusters=clusters(answers["cores"]),
        memory_mib=None if memory is None else int(memory) >> 10,
    )


def read_state(adb: Adb) -> PhoneState:
    """Ask how the phone is now.

    Raises:
        DeviceError: it went away.
    """
    answers = _ask(adb, _STATE_COMMANDS)
    temperature = _number(answers["battery"], r"\btemperature: (-?\d{1,5})\b")
    thermal = _number(answers["thermal"], r"Thermal Status: ([0-6])\b")
    saver = _first(answers["saver"])
    screen = re.search(r"mWakefulness=(\w{1,20})", answers["power"])
    available = _number(answers["memory"], r"MemAvailable:\s*(\d+)")
    percent = _number(answers["battery"], r"\blevel: (\d{1,3})\b")
    return PhoneState(
        battery_c=None if temperature is None else temperature / 10,
        battery_percent=None if percent is None else int(percent),
        thermal_status=None if thermal is None else int(thermal),
        saver={"0": False, "1": True}.get(saver or ""),
        screen=screen.group(1) if screen else None,
        capped_mhz=_caps(answers["cores"]),
        memory_available_mib=None if available is None else int(available) >> 10,
        room_mib=_room(answers["room"]),
    )


def times_in_state(adb: Adb) -> dict[str, dict[int, int]]:
    """Return what the kernel counted: policy -> frequency, kHz -> time at it, 10 ms; {} where it cannot be read."""
    found: dict[str, dict[int, int]] = {}
    policy = ""
    for line in _ask(adb, {"times": _TIME_IN_STATE})["times"].splitlines():
        if matched := re.fullmatch(r"policy (\d{1,3})", line):
            policy = matched.group(1)
        elif policy and (matched := re.fullmatch(r"(\d{1,9}) (\d{1,18})", line)):
            found.setdefault(policy, {})[int(matched.group(1))] = int(matched.group(2))
    return found


def mean_mhz(before: Mapping[str, Mapping[int, int]], after: Mapping[str, Mapping[int, int]]) -> dict[str, float]:
    """Mean frequency between two answers of `times_in_state`; policies whose counters stood still are left out."""
    found = {}
    for policy, times in after.items():
        spent = {khz: count - before.get(policy, {}).get(khz, 0) for khz, count in times.items()}
        total = sum(spent.values())
        if total > 0 and min(spent.values()) >= 0:
            found[policy] = round(sum(khz * count for khz, count in spent.items()) / total / 1000, 1)
    return found


def clusters(text: str) -> tuple[CoreCluster, ...]:
    """Return the cores by what they can do, the slowest first; one cluster of all where no frequency can be read."""
    kinds: dict[float | None, list[tuple[int, str]]] = {}
    for core, most, _, governor in _cores(text):
        kinds.setdefault(most, []).append((core, governor))
    if None in kinds and len(kinds) > 1:  # some cores are off: which kind they are nobody knows, so they are not used
        del kinds[None]
    return tuple(
        CoreCluster(
            cores=tuple(sorted(core for core, _ in members)),
            max_mhz=most,
            governor=next((name for _, name in members if name != "-"), None),
        )
        for most, members in sorted(kinds.items(), key=lambda one: one[0] or 0.0)
    )


def _caps(text: str) -> dict[str, float]:
    capped = {}
    for core, most, now, _ in _cores(text):
        if most is not None and now is not None and now < most:
            capped[str(core)] = now
    return capped


def _cores(text: str) -> list[tuple[int, float | None, float | None, str]]:
    found = []
    for line in text.splitlines():
        if matched := re.fullmatch(r"(\d{1,3}) (\d{1,9}|-) (\d{1,9}|-) ([\w-]{1,40})", line.strip()):
            core, most, now, governor = matched.groups()
            found.append((int(core), _mhz(most), _mhz(now), governor))
    return found


def _mhz(khz: str) -> float | None:
    return None if khz == "-" else int(khz) / 1000


def _room(text: str) -> int | None:
    fields = [line.split() for line in text.splitlines()][-1:]
    if fields and len(fields[0]) >= 5 and fields[0][3].isdigit():
        return int(fields[0][3]) >> 10
    return None


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


def _number(text: str, pattern: str) -> float | None:
    matched = re.search(pattern, text)
    return float(matched.group(1)) if matched else None
