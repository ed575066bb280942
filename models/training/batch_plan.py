"""Which pictures a step shows, and how large: the batches of a whole training, before any picture is read.

The pictures of every epoch pass by in an order of chance. Each waits for others that are shown in the same sizes; where
a batch of them is together, it is the next. What waits at the end of an epoch waits on in the next one. So every
picture passes once an epoch, no batch is short, and where all pictures are shown alike, as in a square, the batches are
the plain order, cut into pieces.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Self

import numpy as np
import numpy.typing as npt

from deepmark.models.training.chance import ORDER, SIZES, stream
from deepmark.runtime.arrays import I64
from deepmark.runtime.input_fit import Fit, input_size


@dataclass(frozen=True, slots=True, eq=False)
class PlannedBatch:
    """One step's pictures.

    Attributes:
        pictures: (B,) numbers of the pictures.
        input_hw: height and width that all of them are shown in, in pixels.
    """

    pictures: I64
    input_hw: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class _PlannedEpoch:
    """The batches that an epoch completes: (n, B) pictures and (n,) groups; and who is left waiting in each group."""

    pictures: I64
    groups: I64
    waiting: tuple[I64, ...]


class BatchPlan:
    """An endless row of batches; batch k depends on the arguments and k alone, so a run that is resumed needs its step.

    Args:
        shown: (N, S, 2) height and width, in pixels, that each of the N pictures is shown in at each of S sizes, of
            which every batch has one by chance. Those whose rows are equal share batches.
        batch: number of pictures in a batch.
        seed: seed of order and sizes; None shows the pictures in their own order, at their only size.
    """

    def __init__(self, shown: npt.ArrayLike, *, batch: int = 1, seed: int | None = 0) -> None:
        table = np.asarray(shown, np.int64)
        rows, groups = np.unique(table.reshape(len(table), -1), axis=0, return_inverse=True)
        self.batch = batch
        self._seed = seed
        self._sizes = rows.reshape(len(rows), -1, 2)  # (groups, S, 2)
        self._groups = groups.reshape(-1)
        self._firsts = [0]  # number of the first batch that each epoch completes
        self._waiting: list[tuple[I64, ...]] = [tuple(np.zeros(0, np.int64) for _ in rows)]  # as each epoch begins
        self._lock = Lock()  # threads make batches ahead
        self._completed = lru_cache(maxsize=2)(self._complete)

    @classmethod
    def of_one_size(cls, pictures: int, input_hw: tuple[int, int], *, batch: int = 1, seed: int | None = 0) -> Self:
        """Make a plan that shows every picture in one size."""
        return cls(np.broadcast_to(np.array(input_hw), (pictures, 1, 2)), batch=batch, seed=seed)

    def __getitem__(self, step: int) -> PlannedBatch:
        """Return the batch of a step, from 0 on."""
        with self._lock:
            while self._firsts[-1] <= step:
                done = self._completed(len(self._firsts) - 1)
                self._firsts.append(self._firsts[-1] + len(done.pictures))
                self._waiting.append(done.waiting)
            epoch = bisect_right(self._firsts, step) - 1
            done = self._completed(epoch)
        row = step - self._firsts[epoch]
        height, width = self._sizes[done.groups[row], self._size(step)].tolist()
        return PlannedBatch(done.pictures[row], (height, width))

    def _size(self, step: int) -> int:
        count = self._sizes.shape[1]
        if self._seed is None or count == 1:
            return 0
        return int(stream(self._seed, SIZES, step).integers(count))

    def _complete(self, epoch: int) -> _PlannedEpoch:
        """Let an epoch's pictures pass by."""
        count = len(self._groups)
        order = np.arange(count) if self._seed is None else stream(self._seed, ORDER, epoch).permutation(count)
        batches, groups, times, left = [], [], [], []
        for group, waiting in enumerate(self._waiting[epoch]):
            (passing,) = np.nonzero(self._groups[order] == group)
            row = np.concatenate([waiting, order[passing]])
            full = len(row) // self.batch
            batches.append(row[: full * self.batch].reshape(full, self.batch))
            groups.append(np.full(full, group))
            times.append(passing[np.arange(1, full + 1) * self.batch - len(waiting) - 1])  # of the last of each batch
            left.append(row[full * self.batch :])
        by_time = np.argsort(np.concatenate(times))
        return _PlannedEpoch(np.concatenate(batches)[by_time], np.concatenate(groups)[by_time], tuple(left))


def shown_sizes(pictures: I64, sizes: tuple[int, ...], *, fit: Fit, multiple: int) -> I64:
    """Return the (N, S, 2) table that a `BatchPlan` takes.

    Args:
        pictures: (N, 2) height and width of the pictures, in pixels.
        sizes: longer sides of the network's input, in pixels, multiples of ``multiple``.
        fit: whether the input has the picture's shape, or is a square.
        multiple: number of pixels that height and width must be multiples of.
    """
    shapes, inverse = np.unique(pictures, axis=0, return_inverse=True)
    table = [
        [input_size((h, w), (size, size), multiple=multiple, fit=fit) for size in sizes] for h, w in shapes.tolist()
    ]
    return np.array(table, np.int64)[inverse.reshape(-1)]
