"""Batch normalisation over the whole batch when several processes share it.

torch's own SyncBatchNorm computes on GPUs only, so it could not be tested everywhere; this one is a few lines of
differentiable operations and does the same on every device.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function

from deepmark.models.training.ranks import Ranks


class WholeBatchNorm2d(nn.BatchNorm2d):
    """`nn.BatchNorm2d` with the statistics of all processes' shares, which must be of one shape.

    Args:
        norm: normalisation whose weights, statistics and settings it takes over.
        ranks: processes that share the batch.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, norm: nn.BatchNorm2d, ranks: Ranks) -> None:
        assert norm.momentum is not None
        super().__init__(norm.num_features, eps=norm.eps, momentum=norm.momentum)
        self.load_state_dict(norm.state_dict())
        self.train(norm.training)
        self.ranks = ranks

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, h, w); bfloat16 is computed with in float32, as torch's does."""
        if not self.training:
            return super().forward(x)
        values = x.to(torch.promote_types(x.dtype, torch.float32))
        mean, variance = self._statistics(values)
        self._remember(mean.detach(), variance.detach(), self.ranks.size * x.numel() // x.shape[1])
        scale = self.weight * (variance + self.eps).rsqrt()
        shift = self.bias - mean * scale
        return (values * scale.view(-1, 1, 1) + shift.view(-1, 1, 1)).to(x.dtype)

    def _statistics(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and biased variance over all processes, (C,) each; one exchange, and one for the gradient."""
        own = torch.stack(torch.var_mean(values, (0, 2, 3), correction=0))  # (2, C)
        nothing = torch.zeros_like(own)
        table = torch.stack([own if rank == self.ranks.rank else nothing for rank in range(self.ranks.size)])
        everyone: Tensor = _Sum.apply(table, self.ranks)  # type: ignore[no-untyped-call]  # (ranks, 2, C)
        variances, means = everyone.unbind(1)
        mean = means.mean(0)
        return mean, (variances + (means - mean) ** 2).mean(0)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        assert self.momentum is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * count / (count - 1), self.momentum)


class _Sum(Function):
    """Adds up a tensor over all processes; so does the gradient, as each process's loss depends on every summand."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, ranks: Ranks) -> Tensor:
        ctx.ranks = ranks
        return ranks.sum(values.clone())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.ranks.sum(gradients[0].clone(memory_format=torch.contiguous_format)), None


def share_statistics(network: nn.Module, ranks: Ranks) -> None:
    """Replace every batch normalisation of a network, in place, by one over the batch of all processes."""
    for name, child in network.named_children():
        if isinstance(child, nn.BatchNorm2d):
            network.add_module(name, WholeBatchNorm2d(child, ranks))
        else:
            share_statistics(child, ranks)
