"""dlav0_34: CenterNet's older network without deformable convolutions.

The backbone and the heads are mDLA-34's; the neck differs: maps are projected by 1x1 convolutions, brought to one size
and *concatenated* instead of added, and there is no last aggregation ``ida_up``. Written anew after ``dlav0.py`` of
https://github.com/xingyizhou/CenterNet (commit 4c50fd3, MIT, copyright 2019 Xingyi Zhou), with its tensor names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from deepmark.models.heads import add_heads, run_heads
from deepmark.models.mdla34 import CHANNELS, DLA, FEATURES, conv_bn_relu, upsampling


class DLAv0(nn.Module):
    """The whole network: (B, 3, H, W) normalised -> {name: (B, C, H/4, W/4)} raw heads.

    Args:
        heads: channels of each head by name; the output has this order.
        head_conv: channels between the two convolutions of a head; 0 makes each head a single 1x1 convolution.
    """

    multiple = 32  # pixels that height and width must be multiples of

    def __init__(self, heads: Mapping[str, int], *, head_conv: int = 256) -> None:
        super().__init__()
        self.head_names = tuple(heads)
        self.base = DLA()
        self.dla_up = ConcatDLAUp(CHANNELS[2:])
        add_heads(self, heads, head_conv, features=FEATURES)

    def features(self, image: Tensor) -> Tensor:
        """Compute what the heads read: (B, 3, H, W) normalised -> (B, 64, H/4, W/4)."""
        features: Tensor = self.dla_up(self.base(image)[2:])
        return features

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Compute the raw heads: (B, 3, H, W) normalised -> {name: (B, C, H/4, W/4)}."""
        return run_heads(self, self.head_names, self.features(image))


class ConcatDLAUp(nn.Module):
    """Iterated upsampling: strides 4, 8, 16, 32 become one map at stride 4.

    Args:
        channels: channels of the inputs, fine to coarse; the output has those of the first.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.steps = len(channels) - 1
        for step in range(self.steps):
            self.add_module(f"ida_{step}", ConcatIDAUp(channels[-step - 2], channels[-step - 1], coarser=step + 1))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Merge maps, fine to coarse, into one of the first one's shape."""
        maps = list(maps)
        for step in range(self.steps):
            maps[-step - 1 :] = self.get_submodule(f"ida_{step}")(maps[-step - 2 :])
        return maps[-1]


class ConcatIDAUp(nn.Module):
    """Brings each coarser map, all of half the first one's size, to its size and width and concatenates it in turn.

    Args:
        cout: channels of the first map and of every output.
        cin: channels of the coarser maps.
        coarser: number of coarser maps.
    """

    def __init__(self, cout: int, cin: int, *, coarser: int) -> None:
        super().__init__()
        for i in range(1, coarser + 1):
            self.add_module(f"proj_{i}", conv_bn_relu(cin, cout, kernel=1))
            self.add_module(f"up_{i}", upsampling(cout, 2))
            self.add_module(f"node_{i}", conv_bn_relu(2 * cout, cout))

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Merge n maps, the first at twice the size of the others, into n - 1 of the first one's shape."""
        merged = [maps[0]]
        for i, coarser in enumerate(maps[1:], 1):
            raised = self.get_submodule(f"up_{i}")(self.get_submodule(f"proj_{i}")(coarser))
            merged.append(self.get_submodule(f"node_{i}")(torch.cat((merged[-1], raised), 1)))
        return merged[1:]
