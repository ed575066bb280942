"""Streams of chance that do not disturb each other: each belongs to a purpose and a number, whatever ran before."""

from __future__ import annotations

import numpy as np

ORDER, AUGMENTATION, SIZES = 0, 1, 2  # purposes: of an epoch, of a sample, of a step


def stream(*key: int) -> np.random.Generator:
    """Open the stream of a seed, a purpose and a number."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))
