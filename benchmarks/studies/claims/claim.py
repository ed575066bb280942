"""A claim: a ratio, the bound that it should keep, and whether it does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from deepmark.benchmarks.result.statistics import Ratio

Met = Literal["yes", "no", "open"]


@dataclass(frozen=True, slots=True)
class Claim:
    """One row of the table.

    Attributes:
        what: words for what is divided by what.
        ratio: the ratio that was found.
        low: lower end of the ratio's 95 % interval; None where nothing took turns.
        high: upper end of the ratio's 95 % interval; None where nothing took turns.
        goal: bound that the ratio should keep, for example ``"<= 0.85"``; empty where there is none.
        met: whether the ratio keeps the bound, ``"open"`` where its interval holds both; None where there is no bound,
            and before `judged`.
        processor: ratio of processor times, in which others do not count; None where they were not taken.
    """

    what: str
    ratio: float
    low: float | None = None
    high: float | None = None
    goal: str = ""
    met: Met | None = None
    processor: float | None = None

    @classmethod
    def of(cls, what: str, found: Ratio, goal: str = "", *, processor: float | None = None) -> Claim:
        """Make a row of a ratio with its interval."""
        return cls(what, found.value, found.low, found.high, goal, processor=processor)


def judged(claim: Claim) -> Claim:
    """Say whether a claim holds; one without a goal is a figure only."""
    if not claim.goal:
        return claim
    sign, text = claim.goal.split()
    limit = float(text)
    ends = [one for one in (claim.low, claim.high) if one is not None] or [claim.ratio]
    kept = [one >= limit if sign == ">=" else one <= limit for one in ends]
    met: Met = "yes" if all(kept) else "open" if any(kept) else "no"
    return replace(claim, met=met)
