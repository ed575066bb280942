"""Whether a phone may be measured on now, and why not. The limits are stated here and in docs/phone.md."""

from __future__ import annotations

from collections.abc import Iterator

from deepmark.benchmarks.result.phone import Identity, State

ABI = "arm64-v8a"
COOL_C = 38.0  # battery; phones are throttled from about 40 on
SEVERE_STATUS = 2  # Android's THERMAL_STATUS_MODERATE: user experience not much impacted, but work is throttled
LEAST_PERCENT = 15
LEAST_ROOM_MIB = 128
LEAST_MEMORY_MIB = 512


def unusable(identity: Identity) -> str | None:
    """Say why this program can not run there at all; None where it can, or where the phone does not tell."""
    if identity.abis and ABI not in identity.abis:
        return f"it runs {', '.join(identity.abis)}, and {ABI} is needed"
    return None


def obstacles(state: State) -> Iterator[str]:
    """Name what must be put right by hand before a measurement."""
    if state.saver:
        yield "the battery saver is on"
    if state.battery_percent is not None and state.battery_percent < LEAST_PERCENT:
        yield f"the battery is at {state.battery_percent} %, below {LEAST_PERCENT} %"
    if state.room_mib is not None and state.room_mib < LEAST_ROOM_MIB:
        yield f"{state.room_mib} MiB are free, {LEAST_ROOM_MIB} are needed"
    if state.memory_available_mib is not None and state.memory_available_mib < LEAST_MEMORY_MIB:
        yield f"{state.memory_available_mib} MiB of memory are available, {LEAST_MEMORY_MIB} are needed"


def heat(state: State) -> Iterator[str]:
    """Name what only waiting puts right."""
    if state.battery_c is not None and state.battery_c > COOL_C:
        yield f"its battery has {state.battery_c:.1f} °C, above {COOL_C:.0f} °C"
    if state.thermal_status is not None and state.thermal_status >= SEVERE_STATUS:
        yield f"Android says that it is hot (thermal status {state.thermal_status})"
