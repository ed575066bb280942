"""The part of the document of results that only a phone has. What could not be read is None, never a guess."""

from __future__ import annotations

from typing import Literal

import msgspec

from deepmark.runtime.native.tool_chain import Runtime


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the document."""


class Cluster(_Strict, frozen=True):
    """Cores of one kind.

    Attributes:
        cores: their numbers.
        max_mhz: what they can do; None where it cannot be read.
        governor: of their frequency.
    """

    cores: tuple[int, ...]
    max_mhz: float | None
    governor: str | None


class Identity(_Strict, frozen=True):
    """What a phone is.

    Attributes:
        serial: of adb.
        manufacturer: likewise all below in the phone's own words.
        model: for example ELS-NX9.
        device: for example HWELS.
        platform: ``ro.board.platform``.
        soc: its name in the field, as far as known.
        android: version.
        sdk: API level.
        emui: version of EMUI, on Huawei's.
        fingerprint: of the build.
        abis: instruction sets, the preferred one first.
        emulated: whether it says of itself that it is none (``ro.deepmark.emulated``).
        clusters: from the slowest to the fastest; empty where they cannot be read.
        memory_mib: installed.
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
    clusters: tuple[Cluster, ...]
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


class State(_Strict, frozen=True):
    """How a phone is at a moment.

    Attributes:
        battery_c: temperature of the battery.
        battery_percent: its charge.
        thermal_status: Android's, 0 (none) to 6 (shutdown).
        saver: whether the battery saver is on.
        screen: ``mWakefulness``, for example Awake.
        capped_mhz: highest frequency now allowed, by cluster; only those below what the cluster can do.
        memory_available_mib: in the kernel's estimate.
        room_mib: free below /data/local/tmp.
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
        cpus_allowed: list, as the kernel showed it to the program.
        cpus_used: cores that samples ended on.
        device_s: how long it took by the phone's clock.
        host_s: likewise by this computer's, with the start of the program.
        waited_s: for the phone to cool down before it.
    """

    before: State
    after: State
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
        runtime_sha256: of all the files that were copied to it to run.
        power: mode that MNN was asked for.
        cores: that the programs were bound to.
        verified: test vectors that passed on the phone, by contestant.
    """

    identity: Identity
    start: State
    runtime: Runtime
    runtime_sha256: str
    power: Literal["normal", "high", "low"]
    cores: tuple[int, ...]
    verified: dict[str, int]


def core_mask(cores: tuple[int, ...]) -> str:
    """Write cores as ``taskset`` takes them: hexadecimal, core 0 is the lowest bit."""
    return f"{sum(1 << core for core in cores):x}"
