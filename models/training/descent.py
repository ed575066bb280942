"""What a step of every training has in common: the rate, a finite loss and gradient, the optimiser and the average."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn

from deepmark.errors import DivergedError
from deepmark.models.training.optimisation_config import OptimisationConfig
from deepmark.models.training.optimiser import Ema, learning_rate, make_optimiser

Config = TypeVar("Config", bound=OptimisationConfig)
Network = TypeVar("Network", bound=nn.Module)


class Descent(Generic[Config, Network]):
    """A network on its way down, with all that moves with it; what the loss is, its children know.

    Args:
        config: configuration of the training.
        network: network to train.
        average: average of its weights.

    Attributes:
        DIVERGED: hint for a training that diverged.
        config: configuration of the training.
        step: number of steps done.
        network: network in training.
        average: average of its weights.
        optimiser: optimiser of its weights.
    """

    DIVERGED: ClassVar[str]

    def __init__(self, config: Config, network: Network, average: Ema) -> None:
        self.config = config
        self.network = network
        self.network.train()
        self.average = average
        self.optimiser = make_optimiser(network, lr=config.lr, weight_decay=config.weight_decay)
        self.step = 0

    def restore(
        self,
        step: int,
        *,
        weights: Mapping[str, Tensor],
        average: Mapping[str, Tensor],
        average_updates: int,
        optimiser: dict[str, Any],
    ) -> None:
        """Go on from after a step.

        Args:
            step: number of steps done.
            weights: trained weights by name.
            average: averaged weights by name.
            average_updates: number of steps that the average has seen.
            optimiser: state of the optimiser.
        """
        self.network.load_state_dict(dict(weights), strict=True)
        self.average.load(average, average_updates)
        self.optimiser.load_state_dict(optimiser)
        self.step = step

    def set_rate(self) -> float:
        """Give the optimiser the next step's learning rate, and return it."""
        lr = learning_rate(self.step, self.config.steps, self.config.lr)
        for group in self.optimiser.param_groups:
            group["lr"] = lr
        return lr

    def descend(self, loss: Tensor) -> float:
        """Move the weights and their average against the gradient of a loss, and return its norm before clipping.

        Raises:
            DivergedError: the gradient is not finite; the weights are those of the step before.
        """
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip).item()
        self.require_finite("gradient", norm)
        self.optimiser.step()
        self.average.update(self.network)
        self.step += 1
        return norm

    def require_finite(self, what: str, value: float) -> None:
        """Refuse a value of the next step, called ``what``, that is NaN or infinite.

        Raises:
            DivergedError: it is.
        """
        if not math.isfinite(value):
            raise DivergedError(
                f"step {self.step + 1}: the {what} is {value}; the training diverged and was stopped",
                hint=self.DIVERGED,
            )
