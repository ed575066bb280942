"""The heads of every network: one convolution, or a 3x3 and a 1x1, for each map."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor, nn

HEATMAP_BIAS = -2.19  # sigmoid(-2.19) = 0.1: heatmaps start mostly empty (focal loss, Lin et al. 2017)


def add_heads(network: nn.Module, heads: Mapping[str, int], head_conv: int, *, features: int) -> None:
    """Give a network one submodule per head, under the head's name; see `make_head`."""
    for name, channels in heads.items():
        bias = HEATMAP_BIAS if name.startswith("hm") else 0.0
        network.add_module(name, make_head(channels, head_conv, features=features, bias=bias))


def make_head(channels: int, head_conv: int, *, features: int, bias: float) -> nn.Module:
    """Build one head.

    Args:
        channels: channels of its map.
        head_conv: channels between its two convolutions; 0 for a single 1x1 convolution.
        features: channels of what it reads.
        bias: bias of its last convolution before training.
    """
    last = nn.Conv2d(head_conv or features, channels, 1)
    nn.init.constant_(last.bias, bias)  # type: ignore[arg-type]  # nn.Conv2d types its bias as optional
    if not head_conv:
        return last
    first = nn.Conv2d(features, head_conv, 3, padding=1)
    nn.init.zeros_(first.bias)  # type: ignore[arg-type]
    return nn.Sequential(first, nn.ReLU(), last)


def run_heads(network: nn.Module, heads: Iterable[str], features: Tensor) -> dict[str, Tensor]:
    """Compute raw heads by name from (B, F, H/4, W/4) features: each (B, C, H/4, W/4)."""
    return {name: network.get_submodule(name)(features) for name in heads}
