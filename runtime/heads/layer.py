"""A small matrix product in pieces that a BLAS computes on one thread.

NumPy's BLAS divides larger products between threads, and on a busy machine one of them is late: a product of 0.9 ms
then takes 8 to 30 ms (docs/decisions/0008-sparse-heads.md). OpenBLAS keeps a product of at most 2**18 multiply-adds on
the calling thread, so layers are cut into blocks below that. The pieces fit the cache, which makes them as fast as the
whole, and a result does not depend on the number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepmark.runtime.arrays import F32, Index

BLOCK_ROWS = 24  # of the weights; the fastest pair of several below 2**18 / 576
BLOCK_COLUMNS = 16


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """``weight @ x + bias`` for columns x.

    Attributes:
        weight: (M', K), M' rounded up to whole blocks by rows of zeros.
        bias: (M', 1).
        rows: M, the rows that mean something.
    """

    weight: F32
    bias: F32
    rows: int

    @classmethod
    def of(cls, weight: F32, bias: F32) -> Layer:
        """Make a layer of weights (M, K) and biases (M,)."""
        rows = len(weight)
        missing = -rows % BLOCK_ROWS
        return cls(
            weight=np.pad(weight, ((0, missing), (0, 0))),
            bias=np.pad(bias, (0, missing))[:, None],
            rows=rows,
        )

    def take(self, rows: Index) -> Layer:
        """Return the layer that computes only these rows, in this order."""
        whole = np.zeros(len(rows) + -len(rows) % BLOCK_ROWS, np.intp)  # the last block is filled up with row 0
        whole[: len(rows)] = rows
        return Layer(self.weight.take(whole, axis=0), self.bias.take(whole, axis=0), len(rows))

    def __call__(self, columns: F32) -> F32:
        """Compute (K, N) -> (M, N) in float32."""
        depth, count = columns.shape
        missing = -count % BLOCK_COLUMNS
        if missing:
            columns = np.concatenate([columns, np.zeros((depth, missing), np.float32)], axis=1)
        high, wide = len(self.weight) // BLOCK_ROWS, columns.shape[1] // BLOCK_COLUMNS
        left = self.weight.reshape(high, 1, BLOCK_ROWS, depth)
        right = columns.reshape(depth, wide, BLOCK_COLUMNS).transpose(1, 0, 2)
        blocks = np.matmul(left, right)  # (high, wide, BLOCK_ROWS, BLOCK_COLUMNS)
        product: F32 = blocks.transpose(0, 2, 1, 3).reshape(len(self.weight), wide * BLOCK_COLUMNS)
        product += self.bias
        return product[: self.rows, :count]
