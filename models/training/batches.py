"""Samples -> tensors for one step. Objects of all pictures stand in one list, so nothing is padded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from deepmark.models.training.samples import TrainingSample
from deepmark.models.training.targets import Cells


@dataclass(frozen=True, slots=True, eq=False)
class TrainingBatch:
    """B pictures with N objects and M landmarks; the targets are those of `deepmark.models.training.targets.Targets`.

    Attributes:
        images: (B, 3, H, W) normalised, channels last in memory.
        hm: (B, classes, H/4, W/4).
        hm_hp: (B, groups, H/4, W/4).
        centres: (N, 3) picture, row, column.
        wh: (N, 2).
        reg: (N, 2).
        hps: (N, 2 * groups).
        hps_known: (N, 2 * groups) bool.
        landmarks: (M, 3) picture, row, column.
        hp_offset: (M, 2).
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
