"""What speaks against times that were taken on a phone: heat, held clocks, lost cores, a clock that jumped."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from deepmark.benchmarks.result.fitness import heat
from deepmark.benchmarks.result.phone import PhoneTurn

MAX_CLOCK_EXCESS = 0.05  # of a turn, and
CLOCK_SLACK_S = 2.0  # beside it


def phone_reasons(turns: Sequence[PhoneTurn], bound: tuple[int, ...]) -> Iterator[str]:
    """Name what speaks against a contestant's turns.

    Args:
        turns: all of them.
        bound: cores that the program was bound to; none: it was not, or cores mean nothing (an emulated phone).
    """
    states = [state for turn in turns for state in (turn.before, turn.after)]
    hot = [reason for state in states for reason in heat(state)]
    if hot:
        yield hot[0]
    capped = {core: mhz for state in states for core, mhz in state.capped_mhz.items()}
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
        if lost := set(bound) - allowed:
            yield f"the phone withheld cores: {_shown(lost)} of {_shown(set(bound))}"
        if strange := used - set(bound):
            yield f"it ran on cores {_shown(strange)}, and was bound to {_shown(set(bound))}"


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


def _shown(cores: set[int]) -> str:
    return ",".join(map(str, sorted(cores)))
