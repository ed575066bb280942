"""Taking turns: what disturbs the machine for a while disturbs everything that is compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def turns(compared: Sequence[T], number: int) -> Sequence[T]:
    """Return the order of one round: every other round goes backwards, so that none has always the same before it.

    >>> [turns("abc", number) for number in range(3)]
    ['abc', 'cba', 'abc']

    Args:
        compared: what takes turns.
        number: the round, counted from 0.
    """
    return compared[::-1] if number % 2 else compared
