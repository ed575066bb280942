"""Small refiners with seeded weights, and drawings in memory to train them on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from deepmark.models.datasets.drawings import DrawnItem, draw
from deepmark.models.refiner.checkpoint import RefinerState, count_channels, save_refiner
from deepmark.models.refiner.config import RefinerConfig
from deepmark.models.refiner.network import make_refiner
from deepmark.runtime.arrays import Image8


class Drawings:
    """A few drawings, made at once."""

    def __init__(self, count: int, size: int = 128, seed: int = 3) -> None:
        self._drawn = [draw(seed, number, size) for number in range(1, count + 1)]

    def __len__(self) -> int:
        return len(self._drawn)

    def __getitem__(self, index: int) -> tuple[Image8, Sequence[DrawnItem]]:
        return self._drawn[index].image_bgr_u8, self._drawn[index].items


def write_fresh_refiner(path: Path, *, classes: str = "all", backbone: str = "slim", side: int = 64) -> RefinerConfig:
    """Write the checkpoint of a refiner that was not trained, with statistics and maps as if it had been."""
    config = RefinerConfig(classes=classes, backbone=backbone, height=side, width=side, steps=1)
    channels = count_channels(config.channels(config.load_schema()))
    torch.manual_seed(7)
    network = make_refiner(backbone, channels, config.sigma)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.2, 0.4)
            assert module.running_var is not None
            torch.nn.init.uniform_(module.running_var, 500, 2000)
    torch.nn.init.normal_(network.final.weight, std=0.05)
    save_refiner(RefinerState(config, 0, network.state_dict()), path)
    return config
