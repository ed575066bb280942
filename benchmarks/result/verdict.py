"""Whether a measurement may be believed, and whether a phone may be measured on at all.

The limits are stated here, in ``--help``, in docs/performance.md and in docs/phone.md. A result is unstable when a
contestant drifted (it became faster or slower from the first third of its runs to the last), when its runs spread
widely, or when the cores it was pinned to worked for somebody else, were taken away by the hypervisor, or changed their
frequency; on a phone also for its temperature, held clocks, withheld cores and a clock that jumped. Samples are never
dropped for it: an unstable result is shown as one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deepmark.benchmarks.result.document import BenchResult, ContestantResult
from deepmark.benchmarks.result.phone import PhoneIdentity, PhoneState, PhoneTurn, cores_of
from deepmark.benchmarks.result.statistics import drift, summarise
from deepmark.errors import DeepMarkError, UnstableError

MAX_DRIFT = 0.05  # of the median, and only if the interval excludes none at all
MAX_SPREAD = 0.05  # MAD of the median
MAX_OTHERS = 0.10  # of the cores' time used by other programs
MAX_STEAL = 0.02  # of the cores' time given to other machines
MAX_FREQUENCY_LOSS = 0.10  # of the highest frequency seen
CLOCK_TICK_S = 0.01  # the kernel counts in these: over less than `LEAST_TICKS` of them shares mean nothing
LEAST_TICKS = 100
MAX_CLOCK_EXCESS = 0.05  # of a turn, and
CLOCK_SLACK_S = 2.0  # beside it

ABI = "arm64-v8a"
COOL_C = 38.0  # battery; phones are throttled from about 40 on
SEVERE_STATUS = 2  # Android's THERMAL_STATUS_MODERATE: user experience not much impacted, but work is throttled
LEAST_PERCENT = 15
LEAST_ROOM_MIB = 128
LEAST_MEMORY_MIB = 512


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one contestant's times may be believed, and what speaks against it."""

    name: str
    reasons: tuple[str, ...]

    @property
    def stable(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons


def judge(result: BenchResult) -> tuple[Verdict, ...]:
    """Judge every contestant."""
    bound = () if result.phone is None or result.phone.identity.emulated else result.phone.cores
    return tuple(Verdict(one.name, (*_reasons(one), *_on_phone(one, bound))) for one in result.contestants)


def require_reliable(result: BenchResult, *, some_may_fail: bool = False) -> None:
    """Refuse a result that lacks a model, or that may not be believed.

    Args:
        result: what was measured.
        some_may_fail: whether what was not measured is a result, too: a way that a phone cannot go.

    Raises:
        DeepMarkError: a model could not be measured.
        UnstableError: the times of a contestant may not be believed.
    """
    lost = [one for one in result.failures if one.kind == "model"]
    if lost and not some_may_fail:
        named = "; ".join(one.sentence for one in lost)
        raise DeepMarkError(f"{len(lost)} could not be measured, the others were: {named}", hint=lost[0].hint)
    unstable = [one for one in judge(result) if not one.stable]
    if unstable:
        raise UnstableError(
            f"the result is unstable: {unstable[0].name}: {unstable[0].reasons[0]}",
            hint="let the phone cool down, plug it in, and measure again"
            if result.phone
            else "close other programs and measure again; give more --rounds",
        )


def _on_phone(one: ContestantResult, bound: tuple[int, ...]) -> Iterator[str]:
    return phone_reasons([turn.phone for turn in one.rounds if turn.phone is not None], bound)


def _reasons(one: ContestantResult) -> Iterator[str]:
    total = one.times("total")
    moved, summary = drift(total), summarise(total)
    if abs(moved.value - 1) > MAX_DRIFT and moved.excludes_one:
        change = "slower" if moved.value > 1 else "faster"
        yield f"the last third of its runs was {abs(moved.value - 1):.0%} {change} than the first"
    if summary.mad > MAX_SPREAD * summary.median:
        yield f"its runs spread by {summary.mad / summary.median:.0%} (MAD)"
    conditions = [turn.conditions for turn in one.rounds]
    core_s = sum(turn.core_s for turn in conditions)
    if core_s >= LEAST_TICKS * CLOCK_TICK_S:
        others = sum(turn.busy_s - turn.own_s for turn in conditions) / core_s
        steal = sum(turn.steal_s for turn in conditions) / core_s
        if others > MAX_OTHERS:
            yield f"other programs used {others:.0%} of its cores' time"
        if steal > MAX_STEAL:
            yield f"other machines took {steal:.0%} of its cores' time"
    speeds = [turn.frequency_mhz for turn in conditions if turn.frequency_mhz]
    if speeds and min(speeds) < (1 - MAX_FREQUENCY_LOSS) * max(speeds):
        yield f"the frequency went between {min(speeds):.0f} and {max(speeds):.0f} MHz"


def phone_reasons(turns: Sequence[PhoneTurn], bound: tuple[int, ...]) -> Iterator[str]:
    """Name what speaks against a contestant's turns.

    Args:
        turns: all turns of the contestant.
        bound: cores that the program was bound to; empty where it was not, or where cores mean nothing (an emulated
            phone).
    """
    states = [state for turn in turns for state in turn.states]
    hot = [reason for state in states for reason in temperature_reasons(state)]
    if hot:
        yield hot[0]
    capped = {core: mhz for state in states for core, mhz in (state.capped_mhz or {}).items()}
    if capped:
        core, mhz = min(capped.items(), key=lambda one: one[1])
        yield f"the phone held its clocks down: core {core} at {mhz:.0f} MHz"
    if any(state.saver for state in states):
        yield "the battery saver was on"
    if any(state.screen in {"Asleep", "Dozing"} for state in states):
        yield "the screen went off"
    for turn in turns:
        if turn.device_s > turn.host_s * (1 + MAX_CLOCK_EXCESS) + CLOCK_SLACK_S:
            yield f"the phone's clock jumped: {turn.device_s:.0f} s there, {turn.host_s:.0f} s here"
            break
    if bound:
        allowed = set.intersection(*(cores_of(turn.cpus_allowed) or set(bound) for turn in turns)) if turns else set()
        used = {core for turn in turns for core in turn.cpus_used}
        asked = set(bound)
        if lost := asked - allowed:
            yield f"the phone withheld cores: {_shown(lost)} of {_shown(asked)}"
        if off := asked & {core for state in states for core in state.cores_off}:
            yield f"the phone switched cores off: {_shown(off)} of {_shown(asked)}"
        if strange := used - asked:
            got = f"the kernel widened that to {_shown(allowed)}" if strange <= allowed else "the phone ignored it"
            yield f"it ran on cores {_shown(strange)} and was to be bound to {_shown(asked)}: {got}"


def _shown(cores: set[int]) -> str:
    return ",".join(map(str, sorted(cores)))


def unusable(identity: PhoneIdentity) -> str | None:
    """Return why this program can not run there at all; None where it can, or where the phone does not say.

    The first instruction set is the processor's own; emulators on x86 name arm64-v8a behind it, which they translate.
    """
    if identity.abis and identity.abis[0] != ABI:
        translated = f", translating {ABI}" if ABI in identity.abis else ""
        return f"it runs {', '.join(one for one in identity.abis if one != ABI)}{translated}, and {ABI} is needed"
    return None


def obstacles(state: PhoneState) -> Iterator[str]:
    """Name what must be put right by hand before a measurement."""
    if state.saver:
        yield "the battery saver is on"
    if state.battery_percent is not None and state.battery_percent < LEAST_PERCENT:
        yield f"the battery is at {state.battery_percent} %, below {LEAST_PERCENT} %"
    if state.room_mib is not None and state.room_mib < LEAST_ROOM_MIB:
        yield f"{state.room_mib} MiB are free, {LEAST_ROOM_MIB} are needed"
    if state.memory_available_mib is not None and state.memory_available_mib < LEAST_MEMORY_MIB:
        yield f"{state.memory_available_mib} MiB of memory are available, {LEAST_MEMORY_MIB} are needed"


def temperature_reasons(state: PhoneState) -> Iterator[str]:
    """Name what only waiting puts right."""
    if state.battery_c is not None and state.battery_c > COOL_C:
        yield f"its battery has {state.battery_c:.1f} °C, above {COOL_C:.0f} °C"
    if state.thermal_status is not None and state.thermal_status >= SEVERE_STATUS:
        yield f"Android says that it is hot (thermal status {state.thermal_status})"
