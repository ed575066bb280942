"""What a phone's answers mean: text in, values out; what is not readable, not plausible or not live is None.

Forms: AOSP's BatteryService, ThermalManagerService, PowerManagerService and cpufreq, and what makers changed in them.
A value that somebody set by hand, as testers do with ``dumpsys battery set``, is told and not believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from deepmark.benchmarks.result.phone import CoreCluster, cores_of

# From a sensor that says whole degrees where tenths are meant, 60 becomes 6.0; one that is not there says 0 or -99.9.
PLAUSIBLE_C = (7.0, 90.0)
_PLAUSIBLE_MHZ = (50.0, 10_000.0)
_SKIN = 3  # Android's Temperature.TYPE_SKIN
_WAKEFULNESS = {"0": "Asleep", "1": "Awake", "2": "Dreaming", "3": "Dozing"}
# Settings of makers that have a battery saver of their own beside Android's: setting -> value while it saves.
# Sources: Huawei's HMS PowerUtils; Flutter's battery_plus and Organic Maps, which agree on all three.
SAVERS = {"low_power": "1", "SmartModeStatus": "4", "POWER_SAVE_MODE_OPEN": "1", "psm_switch": "1"}


@dataclass(frozen=True, slots=True)
class BatteryReading:
    """What ``dumpsys battery`` says.

    Attributes:
        celsius: temperature; None where it is not readable, not plausible or not live.
        percent: charge, 0 to 100; None where it is not readable, not plausible or not live.
        note: why it was not believed; None where it was.
    """

    celsius: float | None
    percent: int | None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class ThermalReading:
    """What ``dumpsys thermalservice`` says.

    Attributes:
        status: Android's thermal status, 0 (none) to 6 (shutdown); None where it is not readable or not live.
        skin_c: temperature of the shell's warmest sensor now; None where none is readable.
        note: why the status was not believed; None where it was.
    """

    status: int | None
    skin_c: float | None
    note: str | None = None


def battery(text: str) -> BatteryReading:
    """Read ``dumpsys battery``."""
    if "UPDATES STOPPED" in text:
        return BatteryReading(None, None, "the battery shows values set by hand (adb shell dumpsys battery reset)")
    if _field(text, "present") == "false":
        return BatteryReading(None, None, "it has no battery")
    celsius, level, scale = (_whole(_field(text, name)) for name in ("temperature", "level", "scale"))
    percent = None if level is None else round(100 * level / (scale or 100))
    return BatteryReading(
        celsius=None if celsius is None else _within(celsius / 10, PLAUSIBLE_C),
        percent=percent if percent is not None and 0 <= percent <= 100 else None,
    )


def thermal(text: str) -> ThermalReading:
    """Read ``dumpsys thermalservice``: its live sensors, not those that it remembers ("Cached temperatures")."""
    status = re.search(r"Thermal Status: ([0-6])\b", text)
    live = text.partition("Current temperatures from HAL:")[2].partition("Current cooling devices")[0]
    skin = max(_skin_temperatures(live), default=None)
    note = None
    if re.search(r"IsStatusOverride: true\b", text):
        note = "the thermal status was set by hand (adb shell cmd thermalservice reset)"
    elif re.search(r"HAL Ready: false\b", text):
        note = "the thermal status has no sensors behind it (HAL Ready: false)"
    return ThermalReading(int(status.group(1)) if status and note is None else None, skin, note)


def _skin_temperatures(live: str) -> Iterator[float]:
    """Yield what the shell's sensors say; Samsung's Android 10 numbers the types otherwise, so names come first."""
    for value, kind, name in re.findall(r"Temperature\{mValue=([-\d.]{1,12}), mType=(-?\d{1,3}), mName=([^,}]*)", live):
        if re.search(r"skin|shell", name, re.IGNORECASE) or (
            int(kind) == _SKIN and not re.search(r"bat", name, re.IGNORECASE)
        ):
            celsius = _within(float(value), PLAUSIBLE_C) if re.fullmatch(r"-?\d+(\.\d+)?", value) else None
            if celsius is not None:
                yield celsius


def screen(text: str) -> str | None:
    """Read the screen's state off ``dumpsys power``, such as Awake; Samsung writes it under another name."""
    found = re.search(r"(?:mWakefulness|getWakefulnessLocked\(\))=(\w{1,20})", text)
    return _WAKEFULNESS.get(found.group(1), found.group(1)) if found else None


def saver(text: str) -> bool | None:
    """Tell whether a battery saver is on, from lines ``setting=value``; None where no setting can be read."""
    found = {name: value for name, value in re.findall(r"^(\w+)=(-?\d{1,3})$", text, re.MULTILINE) if name in SAVERS}
    return any(value == SAVERS[name] for name, value in found.items()) if found else None


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


def caps(text: str) -> dict[str, float] | None:
    """Return core -> highest frequency now allowed, MHz, of those held below what they can do.

    None where no limit, or not that of every core, can be read and none is seen: then nobody knows.
    """
    limits = [(core, most, now) for core, most, now, _ in _cores(text) if most is not None]
    capped = {str(core): now for core, most, now in limits if now is not None and now < most}
    return capped if capped or (limits and all(now is not None for _, _, now in limits)) else None


def cores_off(text: str, online: str) -> tuple[int, ...]:
    """Return the cores that are there and switched off, as hot phones do; none where nobody knows."""
    running = cores_of(online.strip())
    return tuple(core for core, *_ in _cores(text) if core not in running) if running else ()


def times_at_clocks(text: str) -> dict[str, dict[int, int]]:
    """Return cluster's first core -> frequency, kHz -> time at it, 10 ms; {} where the kernel does not show it.

    The text has a line ``core N of A B ...`` (the cluster's cores; nothing where unknown) before each table. Of tables
    of one cluster the first counts: kernels before 4.3 have one for each core, all the same.
    """
    found: dict[str, dict[int, int]] = {}
    table: dict[int, int] | None = None
    for line in text.splitlines():
        if matched := re.fullmatch(r"core (\d{1,3}) of((?: \d{1,3})*) ?", line):
            first = str(min(map(int, matched.group(2).split()), default=int(matched.group(1))))
            table = None if found.get(first) else found.setdefault(first, {})
        elif table is not None and (matched := re.fullmatch(r"(\d{1,9}) (\d{1,18})", line)):
            table[int(matched.group(1))] = int(matched.group(2))
    return {first: times for first, times in found.items() if times}


def mean_mhz(before: Mapping[str, Mapping[int, int]], after: Mapping[str, Mapping[int, int]]) -> dict[str, float]:
    """Mean frequency between two answers of `times_at_clocks`; clusters whose counters stood still are left out."""
    found = {}
    for cluster, times in after.items():
        spent = {khz: count - before.get(cluster, {}).get(khz, 0) for khz, count in times.items()}
        total = sum(spent.values())
        if total > 0 and min(spent.values()) >= 0:
            found[cluster] = round(sum(khz * count for khz, count in spent.items()) / total / 1000, 1)
    return found


def gpu(text: str) -> str | None:
    """Read maker, name and driver off the line ``GLES: ...`` of ``dumpsys SurfaceFlinger``."""
    found = re.search(r"^\s*GLES: (\S.{0,119})", text, re.MULTILINE)
    return found.group(1).strip() if found else None


def gpu_mhz(text: str) -> float | None:
    """Read the GPU's clock off its devfreq, Hz."""
    hertz = _whole(text.strip())
    return None if hertz is None else _within(hertz / 1e6, _PLAUSIBLE_MHZ)


def room_mib(text: str) -> int | None:
    """Read the free space off ``df -k``."""
    fields = [line.split() for line in text.splitlines()][-1:]
    if fields and len(fields[0]) >= 5 and fields[0][3].isdigit():
        return int(fields[0][3]) >> 10
    return None


def memory_mib(text: str, name: str) -> int | None:
    """Read a line of ``/proc/meminfo``, such as MemTotal."""
    kib = re.search(rf"^{name}:\s*(\d{{1,15}}) kB", text, re.MULTILINE)
    return int(kib.group(1)) >> 10 if kib else None


def _cores(text: str) -> Iterator[tuple[int, float | None, float | None, str]]:
    """Yield number, highest frequency, highest allowed now, governor, from lines ``N kHz kHz name``."""
    for line in text.splitlines():
        if matched := re.fullmatch(r"(\d{1,3}) (\d{1,9}|-) (\d{1,9}|-) ([\w-]{1,40})", line.strip()):
            core, most, now, governor = matched.groups()
            yield int(core), _mhz(most), _mhz(now), governor


def _mhz(khz: str) -> float | None:
    return None if khz == "-" else _within(int(khz) / 1000, _PLAUSIBLE_MHZ)


def _field(text: str, name: str) -> str | None:
    """Return the value of a line ``  name: value`` of its own: "Capacity level" is not "level"."""
    found = re.search(rf"^\s*{name}: (\S{{1,20}})\s*$", text, re.MULTILINE)
    return found.group(1) if found else None


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"-?\d{1,12}", text) else None


def _within(value: float, limits: tuple[float, float]) -> float | None:
    return value if limits[0] <= value <= limits[1] else None
