"""How weights move: AdamW, a learning rate that rises and falls, and an average of the weights beside them."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

WARM_UP = 0.04  # share of the steps in which the learning rate rises


def make_optimiser(network: nn.Module, *, lr: float, weight_decay: float) -> torch.optim.AdamW:
    """Build AdamW; vectors (biases, and scale and shift of batch normalisation) do not decay."""
    weights = [p for p in network.parameters() if p.ndim > 1]
    vectors = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr)


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Return the rate of a step (0-based): linear over the first `WARM_UP`, then half a cosine down to almost 0."""
    warm = max(1, round(WARM_UP * steps))
    if step < warm:
        return peak * (step + 1) / warm
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))


class Ema:
    """The exponential moving average of a network's weights and statistics.

    The decay grows from 0.1 to ``decay``: an average of few steps must not remember the fresh weights.

    Args:
        network: network that is averaged; its weights now are the average's first.
        decay: decay of the average, in [0, 1).
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False).eval()
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move the average towards a network's present weights; counters are copied."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        for average, value in zip(self._tensors(self.network), self._tensors(network), strict=True):
            if average.is_floating_point():
                average.lerp_(value, 1 - decay)
            else:
                average.copy_(value)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the averaged weights by name."""
        return self.network.state_dict()

    def load(self, weights: Mapping[str, Tensor], updates: int) -> None:
        """Go on from an average of so many updates."""
        self.network.load_state_dict(dict(weights), strict=True)
        self.updates = updates

    @staticmethod
    def _tensors(network: nn.Module) -> list[Tensor]:
        return list(network.state_dict().values())
