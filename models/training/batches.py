"""Samples -> tensors for one step, made ahead of the step that takes them.

Objects of all pictures of a batch stand in one list, so nothing is padded. Threads make batches ahead: OpenCV and NumPy
let others run while they compute, nothing is copied between processes, and pictures, zip files and labels are in memory
once. Batches come in their order, and a batch is a function of its step alone; so the number of threads changes no
result.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from itertools import islice
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from deepmark.models.training.samples import TrainingSample
from deepmark.models.training.targets import Cells

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, eq=False)
class TrainingBatch:
    """B pictures with N objects and M landmarks; the targets are those of `deepmark.models.training.targets.Targets`.

    Attributes:
        images: (B, 3, H, W) normalised pictures, channels last in memory.
        hm: (B, classes, H/4, W/4) centre heatmaps.
        hm_hp: (B, groups, H/4, W/4) landmark heatmaps.
        centres: (N, 3) picture, row and column of every object's centre.
        wh: (N, 2) width and height of the objects, in cells.
        reg: (N, 2) offsets of the centres in their cells.
        hps: (N, 2 * groups) landmarks relative to the centre's cell.
        hps_known: (N, 2 * groups) whether these are labelled.
        landmarks: (M, 3) picture, row and column of every landmark.
        hp_offset: (M, 2) offsets of the landmarks in their cells.
    """

    images: Tensor
    hm: Tensor
    hm_hp: Tensor
    centres: Tensor
    wh: Tensor
    reg: Tensor
    hps: Tensor
    hps_known: Tensor
    landmarks: Tensor
    hp_offset: Tensor

    def to(self, device: torch.device) -> TrainingBatch:
        """Return the batch on a device."""
        return TrainingBatch(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


def collate(samples: Sequence[TrainingSample]) -> TrainingBatch:
    """Join samples of one size."""
    targets = [sample.targets for sample in samples]

    def joined(name: str) -> Tensor:
        return torch.from_numpy(np.concatenate([getattr(one, name) for one in targets]))

    def stacked(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(one, name) for one in targets]))

    images = torch.from_numpy(np.stack([sample.image for sample in samples]))
    return TrainingBatch(
        images=images.contiguous(memory_format=torch.channels_last),
        hm=stacked("hm"),
        hm_hp=stacked("hm_hp"),
        centres=_addresses([one.centres for one in targets]),
        wh=joined("wh"),
        reg=joined("reg"),
        hps=joined("hps"),
        hps_known=joined("hps_known"),
        landmarks=_addresses([one.landmarks for one in targets]),
        hp_offset=joined("hp_offset"),
    )


def _addresses(cells: Sequence[Cells]) -> Tensor:
    """Put the picture's number before each cell and turn x, y into row, column."""
    numbered = [np.column_stack([np.full(len(one), n), one[:, ::-1]]) for n, one in enumerate(cells)]
    return torch.from_numpy(np.concatenate(numbered))


@contextmanager
def made_ahead(make: Callable[[int], Made], steps: range, loaders: int) -> Iterator[Iterator[Made]]:
    """Yield what ``make`` returns for each step, in order, made by so many threads while the block runs.

    What ``make`` raises is raised where its result is taken. At most ``loaders`` + 1 results wait or are being made.

    Args:
        make: function called from the threads; with no threads, when its result is taken.
        steps: numbers of the steps.
        loaders: number of threads; 0 to make each when it is taken.
    """
    if loaders == 0:
        yield map(make, steps)
        return
    with closing(_queue(make, steps, loaders)) as made:
        yield made


def _queue(make: Callable[[int], Made], steps: range, loaders: int) -> Generator[Made, None, None]:
    pool = ThreadPoolExecutor(loaders, thread_name_prefix="loader")
    ahead: deque[Future[Made]] = deque()
    coming = iter(steps)
    try:
        ahead.extend(pool.submit(make, step) for step in islice(coming, loaders + 1))
        while ahead:
            made = ahead.popleft().result()
            ahead.extend(pool.submit(make, step) for step in islice(coming, 1))
            yield made
    finally:
        pool.shutdown(cancel_futures=True)
