"""Heads of noise: each landmark map has about seven times as many peaks as `TOP_K` lets in."""

from __future__ import annotations

import numpy as np

from deepmark.runtime.heads.maps import Heads
from deepmark.runtime.heads.sparse import SparseHeads
from deepmark.runtime.heads.weights import Branch, HeadWeights, LinearLayer

TOP_K = 20
GROUPS = 17
CELLS = (39, 32)


def crowded_heads(*, levels: int | None = None) -> Heads:
    """With few ``levels`` of the landmark maps most of their peaks are equal: the first ones count."""
    rng = np.random.default_rng(1)
    noise = rng.random((GROUPS, *CELLS)).astype(np.float32)
    return Heads(
        hm=rng.random((1, *CELLS)).astype(np.float32),
        wh=rng.uniform(20, 30, (2, *CELLS)).astype(np.float32),
        hps=rng.uniform(-9, 9, (2 * GROUPS, *CELLS)).astype(np.float32),
        reg=rng.random((2, *CELLS)).astype(np.float32),
        hm_hp=noise if levels is None else np.round(noise * levels) / np.float32(levels),
        hp_offset=rng.random((2, *CELLS)).astype(np.float32),
    )


def crowded_sparse_heads() -> SparseHeads:
    """The same maps; the other heads are linear in two features, a column of noise each."""
    rng, dense = np.random.default_rng(3), crowded_heads()

    def layer(rows: int, low: float, high: float) -> LinearLayer:
        middle, reach = (low + high) / 2, (high - low) / 2
        weight = rng.uniform(-reach / 2, reach / 2, (rows, 2)).astype(np.float32)
        return LinearLayer.of(weight, np.full(rows, middle, np.float32))

    return SparseHeads(
        hm=dense.hm,
        hm_hp=dense.hm_hp,
        features=rng.uniform(-1, 1, (2, *CELLS)).astype(np.float32),
        weights=HeadWeights(
            2,
            Branch(None, {"wh": layer(2, 20, 30), "reg": layer(2, 0, 1), "hps": layer(2 * GROUPS, -9, 9)}),
            Branch(None, {"hp_offset": layer(2, 0, 1)}),
        ),
    )
