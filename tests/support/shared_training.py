"""Three steps in float64, alone or as one of several processes: ``python shared_training.py RESULT``.

In float64 rounding is too small to be magnified by normalisation over a few cells, and by AdamW, into anything.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from deepmark.models.datasets.drawings import draw
from deepmark.models.training.config import TrainConfig
from deepmark.models.training.ranks import Ranks, connected, find_ranks
from deepmark.models.training.trainer import CPU, Trainer

STEPS = 3


def train_in_float64(ranks: Ranks) -> dict[str, Any]:
    """Train on batches of four, and return each step's losses, and weights, average and moments after the last."""
    torch.set_default_dtype(torch.float64)
    try:
        drawings = [draw(5, number, 64) for number in range(6)]
        pictures = [(drawing.image_bgr_u8, drawing.items if number else ()) for number, drawing in enumerate(drawings)]
        training = Trainer(TrainConfig(size=64, batch=4, steps=STEPS), pictures, ranks=ranks)
        lines = []
        for _ in range(STEPS):
            batch = training.batch()
            lines.append(training.advance(replace(batch, images=batch.images.double())))
    finally:
        torch.set_default_dtype(torch.float32)
    state = training.state()
    moments = {f"{n} {name}": value for n, kept in state.optimiser["state"].items() for name, value in kept.items()}
    losses = [{"loss": line.loss, "hps": line.hps, "grad_norm": line.grad_norm} for line in lines]
    return {"losses": losses, "weights": state.weights, "average": state.average, "moments": moments}


if __name__ == "__main__":
    torch.set_num_threads(1)
    this = find_ranks()
    with connected(this, CPU):
        result = train_in_float64(this)
    torch.save(result, Path(sys.argv[1]) / f"{this.rank}.pt")
