"""A phone on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from deepmark.benchmarks.result.document import ContestantResult, Round
from deepmark.benchmarks.result.phone import CoreCluster, Phone, PhoneIdentity, PhoneState, core_mask, cores_of
from deepmark.console import print_table, say

UNREADABLE = "not readable"


def identity_rows(identity: PhoneIdentity) -> list[tuple[str, str]]:
    """What a phone is, a line each; what could not be read says so."""
    android = " ".join(filter(None, (identity.android, f"(API {identity.sdk})" if identity.sdk else None)))
    harmony = f"HarmonyOS {identity.harmony}" if identity.harmony else None
    system = ", ".join(filter(None, (android, identity.emui, harmony)))
    kernel = f"; kernel {identity.kernel}" if identity.kernel else ""
    kinds = " + ".join(map(_cluster, identity.clusters))
    return [
        ("model", " ".join(filter(None, (identity.manufacturer, identity.model, identity.device))) or UNREADABLE),
        ("SoC", identity.soc or UNREADABLE),
        ("cores", kinds or UNREADABLE),
        ("GPU", identity.gpu or UNREADABLE),
        ("memory", f"{identity.memory_mib:,} MiB" if identity.memory_mib else UNREADABLE),
        ("Android", f"{system}{kernel}" if system else UNREADABLE),
        ("runs", ", ".join(identity.abis) or UNREADABLE),
    ]


def choice_row(identity: PhoneIdentity) -> tuple[str, str]:
    """Say which cores a measurement would be bound to."""
    big = identity.big_cores
    rest = "" if big == identity.all_cores else f" for up to {len(big)} threads, all {len(identity.all_cores)} for more"
    return ("measures on", f"{_cores_and_mask(big)}{rest}" if big else "all cores")


def bound_row(phone: Phone, contestants: Sequence[tuple[str, Sequence[Round]]]) -> tuple[str, str]:
    """Say which cores programs were to be bound to, and what the kernel made of it (``Cpus_allowed_list``)."""
    turns = [one.phone for _, rounds in contestants for one in rounds if one.phone is not None]
    allowed = sorted({one.cpus_allowed for one in turns})
    sets = [cores_of(one) for one in allowed]
    asked = f"{_cores_and_mask(phone.cores)}" if phone.cores else "all cores"
    if not allowed or not all(sets):
        got = "what the kernel allowed is not readable"
    elif all(one == set(phone.cores) for one in sets):
        got = "the kernel allowed just these"
    else:
        got = f"the kernel allowed {' and '.join(allowed)}"
    return ("measured on", f"{asked}; {got}")


def _cores_and_mask(cores: tuple[int, ...]) -> str:
    return f"cores {', '.join(map(str, cores))} (mask {core_mask(cores)})"


def state_text(state: PhoneState) -> str:
    """How a phone is, in a line; then what it said and was not believed."""
    saver = {None: UNREADABLE, True: "on", False: "off"}[state.saver]
    return "; ".join(
        (
            f"battery {_or_not(state.battery_c, '.1f', ' °C')}, {_or_not(state.battery_percent, '', ' %')}",
            *([f"shell {state.skin_c:.1f} °C"] if state.skin_c is not None else []),
            f"thermal status {_or_not(state.thermal_status, '')}",
            f"saver {saver}",
            f"screen {(state.screen or UNREADABLE).lower()}",
            f"clocks capped: {_caps(state.capped_mhz)}",
            *([f"cores off: {cores_text(state.cores_off)}"] if state.cores_off else []),
            *([f"GPU {state.gpu_mhz:.0f} MHz"] if state.gpu_mhz is not None else []),
            f"free {_or_not(state.room_mib, ',', ' MiB')}",
            *(f"not believed: {note}" for note in state.notes),
        )
    )


def _caps(capped_mhz: dict[str, float] | None) -> str:
    if capped_mhz is None:
        return UNREADABLE
    return ", ".join(f"core {core} at {mhz:.0f} MHz" for core, mhz in capped_mhz.items()) or "none seen"


def print_phone(phone: Phone, created: str, contestants: Sequence[ContestantResult]) -> None:
    """Say what was measured on, how it was, and with which programs."""
    say(f"{phone.identity.title}; {created}")
    if phone.identity.emulated:
        say("EMULATED: no phone was measured; these times say nothing about any")
    vectors = ", ".join(f"{name}: {count} equal" for name, count in phone.verified.items())
    facts = (
        *identity_rows(phone.identity),
        bound_row(phone, [(one.name, one.rounds) for one in contestants]),
        ("at the start", state_text(phone.start)),
        ("runtime", f"{phone.programs}, power {phone.power}"),
        *([("vectors", vectors)] if phone.app is None else app_rows(contestants)),
    )
    print_table(("", ""), facts)


def app_rows(contestants: Sequence[ContestantResult]) -> list[tuple[str, str]]:
    """Say what numbers of the Android app are of: how each model was decoded, and what is not known of them."""
    return [
        ("measured by", "the Android app, not by this program; each model by itself, they took no turns"),
        ("vectors", "not told: the app's self-test runs them"),
        ("app's memory", "of the whole app: screens, pictures, and what it did before"),
        *((f"{one.name}: decoding", _decoding(one)) for one in contestants),
    ]


def _decoding(one: ContestantResult) -> str:
    return f"techniques {one.settings.get('techniques')}, score at least {one.settings.get('score')}"


TURN_COLUMNS = (
    "",
    "s",
    "median ms",
    "battery, °C",
    "shell, °C",
    "thermal",
    "MHz",
    "capped, MHz",
    "GPU, MHz",
    "cores used",
    "waited, s",
)


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
            later = (*one.phone.during, after)
            statuses = [state.thermal_status for state in later if state.thermal_status is not None]
            total = np.sum([np.array(times) for times in one.phases.values()], axis=0)
            cells = (
                f"{float(np.median(total)):.2f}",
                f"{_cell(before.battery_c, '.1f')} -> {_cell(after.battery_c, '.1f')}",
                _cell(after.skin_c, ".1f"),
                _cell(max(statuses, default=None), ""),
                _cell(one.conditions.frequency_mhz, ".0f"),
                _cell(min((after.capped_mhz or {}).values(), default=None), ".0f"),
                _cell(after.gpu_mhz, ".0f"),
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
