"""Lists of lists as flat arrays: a thousand short lists in a handful of NumPy calls."""

from __future__ import annotations

import numpy as np

from deepmark.runtime.arrays import F32, Index


def expand(starts: Index, counts: Index) -> tuple[Index, Index]:
    """Write out the ranges ``starts[i] : starts[i] + counts[i]`` one after the other.

    Returns:
        Of every element the range it comes from, and its value; both (sum(counts),).

    >>> expand(np.array([5, 0, 7]), np.array([2, 0, 3]))
    (array([0, 0, 2, 2, 2]), array([5, 6, 7, 8, 9]))
    """
    owner = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    return owner, np.arange(len(owner)) + (starts - first)[owner]


def argmax_of_each(owner: Index, values: F32) -> Index:
    """Find the largest value of every owner; of equal ones the first.

    Args:
        owner: (n,) owner of each value, ascending.
        values: (n,) finite numbers.

    Returns:
        (m,) positions in ``values``, one for each owner that occurs.

    >>> argmax_of_each(np.array([0, 0, 2, 2, 2]), np.float32([1, 1, 3, 5, 4]))
    array([0, 3])
    """
    if not len(owner):
        return np.zeros(0, np.intp)
    is_first = np.ones(len(owner), np.bool_)
    is_first[1:] = owner[1:] != owner[:-1]
    starts = np.flatnonzero(is_first)
    largest = np.maximum.reduceat(values, starts)
    counts = np.diff(starts, append=len(owner))
    is_largest = np.flatnonzero(values == np.repeat(largest, counts))
    return is_largest[np.searchsorted(is_largest, starts)]  # the first at or after the start of each


def highest_of_each(owner: Index, values: F32, count: int) -> Index:
    """Find the ``count`` largest values of every owner; of equal ones the first.

    Args:
        owner: (n,) owner of each value, ascending.
        values: (n,) finite numbers.
        count: most values of an owner, >= 1.

    Returns:
        (m,) positions in ``values``, ascending.

    >>> highest_of_each(np.array([0, 0, 2, 2, 2]), np.float32([1, 1, 3, 5, 3]), 2)
    array([0, 1, 2, 3])
    """
    counts = np.bincount(owner)
    if not len(owner) or counts.max() <= count:
        return np.arange(len(owner))
    order = np.lexsort((-values, owner))  # stable; owners stay where they are
    rank = np.arange(len(owner)) - np.repeat(counts.cumsum() - counts, counts)
    return np.sort(order[rank < count])
