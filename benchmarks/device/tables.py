"""A phone on the terminal."""

from __future__ import annotations

from deepmark.benchmarks.device.record import Cluster, Identity, State

UNREADABLE = "not readable"


def identity_rows(identity: Identity) -> list[tuple[str, str]]:
    """What a phone is, a line each; what could not be read says so."""
    android = " ".join(filter(None, (identity.android, f"(API {identity.sdk})" if identity.sdk else None)))
    kinds = " + ".join(map(_cluster, identity.clusters))
    big = ", ".join(map(str, identity.big_cores))
    return [
        ("model", " ".join(filter(None, (identity.manufacturer, identity.model, identity.device))) or UNREADABLE),
        ("SoC", identity.soc or UNREADABLE),
        ("cores", kinds or UNREADABLE),
        ("measured on", f"cores {big} (mask {mask(identity.big_cores)})" if big else "all cores"),
        ("memory", f"{identity.memory_mib:,} MiB" if identity.memory_mib else UNREADABLE),
        ("Android", f"{android}{f', {identity.emui}' if identity.emui else ''}" if android else UNREADABLE),
        ("runs", ", ".join(identity.abis) or UNREADABLE),
    ]


def state_text(state: State) -> str:
    """How a phone is, in a line."""
    saver = {None: UNREADABLE, True: "on", False: "off"}[state.saver]
    caps = ", ".join(f"core {core} at {mhz:.0f} MHz" for core, mhz in state.capped_mhz.items())
    return "; ".join(
        (
            f"battery {_or_not(state.battery_c, '.1f', ' °C')}, {_or_not(state.battery_percent, '', ' %')}",
            f"thermal status {_or_not(state.thermal_status, '')}",
            f"saver {saver}",
            f"screen {(state.screen or UNREADABLE).lower()}",
            f"clocks capped: {caps or 'none seen'}",
            f"free {_or_not(state.room_mib, ',', ' MiB')}",
        )
    )


def mask(cores: tuple[int, ...]) -> str:
    """Write cores as ``taskset`` takes them: hexadecimal, core 0 is the lowest bit."""
    return f"{sum(1 << core for core in cores):x}"


def _cluster(one: Cluster) -> str:
    return f"{len(one.cores)}x{f'{one.max_mhz / 1000:.2f} GHz' if one.max_mhz else ' of unknown speed'}"


def _or_not(value: float | None, form: str, unit: str = "") -> str:
    return UNREADABLE if value is None else f"{value:{form}}{unit}"
