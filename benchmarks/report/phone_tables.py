"""A phone on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from deepmark.benchmarks.result.document import Round
from deepmark.benchmarks.result.phone import CoreCluster, Phone, PhoneIdentity, PhoneState, core_mask
from deepmark.console import print_table, say

UNREADABLE = "not readable"


def identity_rows(identity: PhoneIdentity) -> list[tuple[str, str]]:
    """What a phone is, a line each; what could not be read says so."""
    android = " ".join(filter(None, (identity.android, f"(API {identity.sdk})" if identity.sdk else None)))
    kinds = " + ".join(map(_cluster, identity.clusters))
    big = ", ".join(map(str, identity.big_cores))
    return [
        ("model", " ".join(filter(None, (identity.manufacturer, identity.model, identity.device))) or UNREADABLE),
        ("SoC", identity.soc or UNREADABLE),
        ("cores", kinds or UNREADABLE),
        ("measured on", f"cores {big} (mask {core_mask(identity.big_cores)})" if big else "all cores"),
        ("memory", f"{identity.memory_mib:,} MiB" if identity.memory_mib else UNREADABLE),
        ("Android", f"{android}{f', {identity.emui}' if identity.emui else ''}" if android else UNREADABLE),
        ("runs", ", ".join(identity.abis) or UNREADABLE),
    ]


def state_text(state: PhoneState) -> str:
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


def print_phone(phone: Phone, created: str) -> None:
    """Say what was measured on, how it was, and with which programs."""
    say(f"{phone.identity.title}; {created}")
    if phone.identity.emulated:
        say("EMULATED: no phone was measured; these times say nothing about any")
    facts = (
        *identity_rows(phone.identity),
        ("at the start", state_text(phone.start)),
        ("runtime", f"{phone.runtime}, power {phone.power}, bound to cores {cores_text(phone.cores)}"),
        ("vectors", ", ".join(f"{name}: {count} equal" for name, count in phone.verified.items())),
    )
    print_table(("", ""), facts)


TURN_COLUMNS = ("", "s", "median ms", "battery, °C", "thermal", "MHz", "capped, MHz", "cores used", "waited, s")


def print_turns(contestants: Sequence[tuple[str, Sequence[Round]]]) -> None:
    """Print temperatures and clocks beside every turn's median."""
    print_table(TURN_COLUMNS, turn_rows(contestants), title="Turns: heat and clocks beside the time of a frame")


def turn_rows(contestants: Sequence[tuple[str, Sequence[Round]]]) -> list[tuple[str, ...]]:
    """One line a turn, in the order in which they ran."""
    import numpy as np

    found = []
    for name, rounds in contestants:
        for one in rounds:
            if one.phone is None:
                continue
            before, after = one.phone.before, one.phone.after
            total = np.sum([np.array(times) for times in one.phases.values()], axis=0)
            cells = (
                f"{float(np.median(total)):.2f}",
                f"{_cell(before.battery_c, '.1f')} -> {_cell(after.battery_c, '.1f')}",
                _cell(after.thermal_status, ""),
                _cell(one.conditions.frequency_mhz, ".0f"),
                _cell(min(after.capped_mhz.values(), default=None), ".0f"),
                cores_text(one.phone.cpus_used),
                f"{one.phone.waited_s:.0f}",
            )
            found.append((one.at_s, (name, f"{one.at_s:.0f}", *cells)))
    return [cells for _, cells in sorted(found)]


def cores_text(cores: tuple[int, ...]) -> str:
    """Write cores as a list."""
    return ",".join(map(str, cores)) or "-"


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"


def _cluster(one: CoreCluster) -> str:
    return f"{len(one.cores)}x{f'{one.max_mhz / 1000:.2f} GHz' if one.max_mhz else ' of unknown speed'}"


def _or_not(value: float | None, form: str, unit: str = "") -> str:
    return UNREADABLE if value is None else f"{value:{form}}{unit}"
