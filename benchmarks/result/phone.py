"""The part of the result document that only a phone has. What could not be read is None, never a guess."""

from __future__ import annotations

from typing import Literal

import msgspec

from deepmark.runtime.native.tool_chain import Runtime


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
        serial: serial number; in a result a hash of it.
        manufacturer: manufacturer in the phone's own words; None where it cannot be read.
        model: model in the phone's own words, such as ELS-NX9; None where it cannot be read.
        device: device in the phone's own words, such as HWELS; None where it cannot be read.
        platform: property ``ro.board.platform``; None where it cannot be read.
        soc: name of the processor in the field; None where nothing of it can be read.
        android: version of Android; None where it cannot be read.
        sdk: API level; None where it cannot be read.
        emui: version of EMUI; None on phones that are not Huawei's.
        fingerprint: fingerprint of the Android build; None where it cannot be read.
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

    @property
    def title(self) -> str:
        """Name it in a few words; an emulated one says so first."""
        name = " ".join(filter(None, (self.manufacturer, self.model))) or self.serial
        soc = f" ({self.soc})" if self.soc else ""
        return f"{'EMULATED ' if self.emulated else ''}{name}{soc}"

    @property
    def big_cores(self) -> tuple[int, ...]:
        """All cores but those of the slowest cluster; all, where there is one kind or nothing could be read."""
        kinds = self.clusters[1:] or self.clusters
        return tuple(sorted(core for one in kinds for core in one.cores))


class PhoneState(_Strict, frozen=True):
    """How a phone is at a moment.

    Attributes:
        battery_c: temperature of the battery, in degrees Celsius; None where it cannot be read.
        battery_percent: charge of the battery; None where it cannot be read.
        thermal_status: Android's thermal status, 0 (none) to 6 (shutdown); None where it cannot be read.
        saver: whether the battery saver is on; None where it cannot be read.
        screen: property ``mWakefulness``, such as Awake; None where it cannot be read.
        capped_mhz: core -> highest frequency now allowed; only cores that are held below what they can do.
        memory_available_mib: memory that the kernel holds available; None where it cannot be read.
        room_mib: free space below /data/local/tmp; None where it cannot be read.
    """

    battery_c: float | None
    battery_percent: int | None
    thermal_status: int | None
    saver: bool | None
    screen: str | None
    capped_mhz: dict[str, float]
    memory_available_mib: int | None
    room_mib: int | None


class PhoneTurn(_Strict, frozen=True):
    """What one turn of one contestant looked like on the phone.

    Attributes:
        before: state just before it.
        after: state just after it.
        mean_mhz: cluster's first core -> mean frequency during it (``time_in_state``); empty where not readable.
        cpus_allowed: list of cores, as the kernel showed it to the program.
        cpus_used: cores that samples ended on.
        device_s: length by the phone's clock.
        host_s: length by this computer's clock, with the start of the program.
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


class Phone(_Strict, frozen=True):
    """The phone that was measured on.

    Attributes:
        identity: what it is.
        start: how it was when the measurement began.
        runtime: ``ndk``: Android's tools and MNN's release; ``glibc-wheel``: the library of the Python package with its
            own C library.
        runtime_sha256: hash of all the files that were copied to it to run.
        power: power mode that MNN was asked for.
        cores: cores that the programs were bound to.
        verified: contestant -> number of test vectors that passed on the phone.
    """

    identity: PhoneIdentity
    start: PhoneState
    runtime: Runtime
    runtime_sha256: str
    power: Literal["normal", "high", "low"]
    cores: tuple[int, ...]
    verified: dict[str, int]


def core_mask(cores: tuple[int, ...]) -> str:
    """Write cores as ``taskset`` takes them: hexadecimal, core 0 is the lowest bit."""
    return f"{sum(1 << core for core in cores):x}"
