"""The part of the result document that only a phone has. What could not be read is None, never a guess."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from deepmark.runtime.native.tool_chain import Runtime

SOCS = {"kirin9000": "Kirin 9000", "zuma": "Tensor G3", "zumapro": "Tensor G4", "kona": "Snapdragon 865"}
KIRIN_990, KIRIN_990_5G, KIRIN_990_UNKNOWN = "Kirin 990", "Kirin 990 5G", "Kirin 990 or 990 5G"
_MIDDLE_MHZ = 2200.0  # of the Kirin 990: 2090 without 5G, 2360 with it; both say kirin990
_WIDENING = re.compile(r"kirin|hi\d", re.IGNORECASE)


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the document."""


class CoreCluster(_Strict, frozen=True):
    """Cores of one kind.

    Attributes:
        cores: numbers of the cores.
        max_mhz: highest frequency that they can do; None where it cannot be read.
        governor: governor of their frequency; None where it cannot be read.
    """

    cores: tuple[int, ...]
    max_mhz: float | None
    governor: str | None


class PhoneIdentity(_Strict, frozen=True):
    """What a phone is.

    Attributes:
        serial: serial number of the phone itself, where it tells, or of its connection; in a result a hash of it; empty
            where an app measured, which is not told.
        manufacturer: manufacturer in the phone's own words; None where it cannot be read.
        model: model in the phone's own words, such as ELS-NX9; None where it cannot be read.
        device: device in the phone's own words, such as HWELS; None where it cannot be read.
        platform: property ``ro.board.platform``; None where it cannot be read.
        soc: name of the processor in the field; None where nothing of it can be read.
        android: version of Android; None where it cannot be read.
        sdk: API level; None where it cannot be read.
        emui: version of EMUI; None on phones that are not Huawei's.
        harmony: version of HarmonyOS (``hw_sc.build.platform.version``); None on phones that have none.
        kernel: release of the kernel; None where it cannot be read.
        gpu: maker, name and driver of the GPU, as the screen's compositor names them; None where it cannot be read.
        fingerprint: fingerprint of the Android build, or what it shows as its name where an app measured; None where it
            cannot be read.
        abis: instruction sets, the preferred one first.
        emulated: whether it says of itself that it is no phone (``ro.deepmark.emulated``).
        clusters: clusters of cores, from the slowest to the fastest; empty where they cannot be read.
        memory_mib: installed memory; None where it cannot be read.
    """

    serial: str
    manufacturer: str | None
    model: str | None
    device: str | None
    platform: str | None
    soc: str | None
    android: str | None
    sdk: int | None
    emui: str | None
    fingerprint: str | None
    abis: tuple[str, ...]
    emulated: bool
    clusters: tuple[CoreCluster, ...]
    memory_mib: int | None
    harmony: str | None = None
    kernel: str | None = None
    gpu: str | None = None

    @property
    def title(self) -> str:
        """Name it in a few words; an emulated one says so first."""
        name = " ".join(filter(None, (self.manufacturer, self.model))) or self.serial
        soc = f" ({self.soc})" if self.soc else ""
        return f"{'EMULATED ' if self.emulated else ''}{name}{soc}"

    @property
    def all_cores(self) -> tuple[int, ...]:
        """All cores that are on; empty where they cannot be read."""
        return tuple(sorted(core for one in self.clusters for core in one.cores))

    @property
    def big_cores(self) -> tuple[int, ...]:
        """All cores but those of the slowest cluster; all, where there is one kind or nothing could be read.

        All also where that would be the fastest pair alone of a Huawei phone: its kernel widens such a binding to the
        next cluster without an error (core_ctl.c of the Kirin 990's published kernels).
        """
        pair_alone = len(self.clusters) == 2 and len(self.clusters[-1].cores) == 2
        if pair_alone and _WIDENING.match(self.platform or ""):
            return self.all_cores
        kinds = self.clusters[1:] or self.clusters
        return tuple(sorted(core for one in kinds for core in one.cores))

    def cores_for(self, threads: int) -> tuple[int, ...]:
        """Choose the cores to bind programs to: the big ones; all, where there are fewer of them than threads."""
        return self.big_cores if len(self.big_cores) >= threads else self.all_cores


class PhoneState(_Strict, frozen=True):
    """How a phone is at a moment.

    Attributes:
        battery_c: temperature of the battery, in degrees Celsius; None where it cannot be read or is not live.
        battery_percent: charge of the battery; None where it cannot be read, is not live, or there is no battery.
        skin_c: temperature of the shell's warmest sensor, in degrees Celsius; None where it cannot be read.
        thermal_status: Android's thermal status, 0 (none) to 6 (shutdown); None where it cannot be read or is not live.
        saver: whether the battery saver is on; None where it cannot be read.
        screen: property ``mWakefulness``, such as Awake; None where it cannot be read.
        capped_mhz: core -> highest frequency now allowed; only cores that are held below what they can do. None where
            the limits cannot be read.
        cores_off: cores that are switched off, as hot phones do.
        gpu_mhz: clock of the GPU; None where it cannot be read.
        memory_available_mib: memory that the kernel holds available; None where it cannot be read.
        room_mib: free space below /data/local/tmp; None where it cannot be read.
        notes: what the phone said and was not believed, and why.
    """

    battery_c: float | None
    battery_percent: int | None
    thermal_status: int | None
    saver: bool | None
    screen: str | None
    capped_mhz: dict[str, float] | None
    memory_available_mib: int | None
    room_mib: int | None
    skin_c: float | None = None
    cores_off: tuple[int, ...] = ()
    gpu_mhz: float | None = None
    notes: tuple[str, ...] = ()


class PhoneTurn(_Strict, frozen=True):
    """What one turn of one contestant looked like on the phone.

    Attributes:
        before: state just before it.
        after: state just after it.
        during: states during it, about one a second; empty where only the app could have looked.
        mean_mhz: cluster's first core -> mean frequency during it (``time_in_state``); empty where not readable.
        cpus_allowed: list of cores, as the kernel showed it to the program.
        cpus_used: cores that samples ended on.
        device_s: length by the phone's clock.
        host_s: length by this computer's clock, with the start of the program; of the app by the phone's other clock,
            which goes on while it sleeps.
        waited_s: time that the phone was given before it to cool down.
    """

    before: PhoneState
    after: PhoneState
    mean_mhz: dict[str, float]
    cpus_allowed: str
    cpus_used: tuple[int, ...]
    device_s: float
    host_s: float
    waited_s: float
    during: tuple[PhoneState, ...] = ()

    @property
    def states(self) -> tuple[PhoneState, ...]:
        """All states, in their order."""
        return (self.before, *self.during, self.after)


class Phone(_Strict, frozen=True):
    """The phone that was measured on.

    Attributes:
        identity: what it is.
        start: how it was when the measurement began.
        runtime: ``ndk``: Android's tools and MNN's release; ``glibc-wheel``: the library of the Python package with its
            own C library; ``app``: the Android app's.
        runtime_sha256: hash of all the files that were copied to it to run; None where nothing was.
        power: power mode that MNN was asked for.
        cores: cores that the programs were to be bound to; what the kernel made of it is in the turns.
        verified: contestant -> number of test vectors that passed there just before; empty where an app measured.
        app: version of the Android app that measured; None where this program did.
    """

    identity: PhoneIdentity
    start: PhoneState
    runtime: Runtime | Literal["app"]
    runtime_sha256: str | None
    power: Literal["normal", "high", "low"]
    cores: tuple[int, ...]
    verified: dict[str, int]
    app: str | None = None

    @property
    def programs(self) -> str:
        """Say whose programs measured."""
        return self.runtime if self.app is None else f"the app's, version {self.app}"


def core_mask(cores: tuple[int, ...]) -> str:
    """Write cores as ``taskset`` takes them: hexadecimal, core 0 is the lowest bit."""
    return f"{sum(1 << core for core in cores):x}"


def cores_of(text: str) -> set[int]:
    """Read a list as the kernel writes it: ``0,4-7``; empty where it is none."""
    found: set[int] = set()
    for part in text.split(","):
        matched = re.fullmatch(r"(\d{1,3})(?:-(\d{1,3}))?", part.strip())
        if matched is None:
            return set()
        first, last = matched.group(1), matched.group(2) or matched.group(1)
        found |= set(range(int(first), int(last) + 1))
    return found


def soc_name(platform: str | None, clusters: Sequence[CoreCluster]) -> str | None:
    """Return the name that a processor has in the field; None where it is not known here.

    Both Kirin 990 say ``kirin990``: the highest frequency of the middle cluster tells them apart.
    """
    if platform != "kirin990":
        return SOCS.get(platform or "")
    middle = clusters[1].max_mhz if len(clusters) == 3 else None
    if middle is None:
        return KIRIN_990_UNKNOWN
    return KIRIN_990_5G if middle > _MIDDLE_MHZ else KIRIN_990
