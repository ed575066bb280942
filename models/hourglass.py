"""Hourglass-104 as CenterNet has it: one or two hourglasses in a row.

Data flows top to bottom, in the order of this file (Newell et al., "Stacked Hourglass Networks"; Law and Deng,
"CornerNet", whose modules these are)::

    image (B, 3, H, W)
      pre          7x7 convolution and residual, to stride 4, 256 channels
      kps.0        an hourglass: five levels down to stride 128 and back
      cnvs.0       3x3 convolution: what the first stack's heads read
      between      inters_, cnvs_, inters: input and output of the first hourglass become the input of the second
      kps.1
      cnvs.1       what the last stack's heads read
      heads        of the last stack; those of earlier stacks are for training alone
    {name: (B, C, H/4, W/4)}

H and W must be multiples of 128. Written anew after ``large_hourglass.py`` of https://github.com/xingyizhou/CenterNet
(commit 4c50fd3, MIT, copyright 2019 Xingyi Zhou; Princeton University), with its tensor names but for the heads:
CenterNet's ``hm.1.0.conv`` and ``hm.1.1`` are ``hm.0`` and ``hm.2`` here, as in every other network, and the first
stack's ``hm.0.*`` stand in ``earlier.0.hm``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from deepmark.models.heads import add_heads, run_heads

STACKS = 2  # of CenterNet
WIDTHS = (256, 256, 384, 384, 384, 512)  # channels at strides 4, 8, ... 128
RESIDUALS = (2, 2, 2, 2, 2, 4)  # residuals in a row, at the same strides
FEATURES = WIDTHS[0]  # channels that every head reads
HEAD_CONV = 256


class Hourglass(nn.Module):
    """The whole network.

    Args:
        heads: channels of each head by name (`head_names.head_channels`); the output has this order.
        head_conv: channels between the two convolutions of a head.
        stacks: number of hourglasses.
    """

    multiple = 128  # pixels that height and width must be multiples of

    def __init__(self, heads: Mapping[str, int], *, head_conv: int = HEAD_CONV, stacks: int = STACKS) -> None:
        super().__init__()
        self.head_names = tuple(heads)
        self.pre = nn.Sequential(ConvNorm(3, 128, kernel=7, stride=2), Residual(128, FEATURES, stride=2))
        self.kps = nn.ModuleList(Level(WIDTHS, RESIDUALS) for _ in range(stacks))
        self.cnvs = nn.ModuleList(ConvNorm(FEATURES, FEATURES) for _ in range(stacks))
        self.inters = nn.ModuleList(Residual(FEATURES, FEATURES) for _ in range(stacks - 1))
        self.inters_ = nn.ModuleList(_mixing() for _ in range(stacks - 1))
        self.cnvs_ = nn.ModuleList(_mixing() for _ in range(stacks - 1))
        self.earlier = nn.ModuleList(nn.Module() for _ in range(stacks - 1))
        for stack in self.earlier:
            add_heads(stack, heads, head_conv, features=FEATURES)
        add_heads(self, heads, head_conv, features=FEATURES)

    def stack_features(self, image: Tensor) -> list[Tensor]:
        """Compute what the heads of each stack read: (B, 3, H, W) normalised -> (B, 256, H/4, W/4) each."""
        x = self.pre(image)
        found: list[Tensor] = []
        for stack, (hourglass, convolution) in enumerate(zip(self.kps, self.cnvs, strict=True)):
            found.append(convolution(hourglass(x)))
            if stack < len(self.inters):
                mixed = self.inters_[stack](x) + self.cnvs_[stack](found[-1])
                x = self.inters[stack](torch.relu(mixed))
        return found

    def features(self, image: Tensor) -> Tensor:
        """Compute what the last stack's heads read: (B, 3, H, W) normalised -> (B, 256, H/4, W/4)."""
        return self.stack_features(image)[-1]

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Compute the last stack's raw heads: (B, 3, H, W) normalised -> {name: (B, C, H/4, W/4)}."""
        return run_heads(self, self.head_names, self.features(image))


class Level(nn.Module):
    """One level of an hourglass with all that is coarser inside it; (B, widths[0], h, w) in and out.

    Args:
        widths: channels at this size, at half of it, and so on.
        residuals: residuals in a row at the same sizes.
    """

    def __init__(self, widths: Sequence[int], residuals: Sequence[int]) -> None:
        super().__init__()
        (here, below, *deeper), (count, count_below, *_) = widths, residuals
        self.up1 = _row(here, here, count)
        self.low1 = _row(here, below, count, stride=2)
        self.low2 = Level(widths[1:], residuals[1:]) if deeper else _row(below, below, count_below)
        self.low3 = _row_back(below, here, count)

    def forward(self, x: Tensor) -> Tensor:
        """Add what was seen at half the size, and coarser, to what is seen at this size."""
        coarser = self.low3(self.low2(self.low1(x)))
        raised = functional.interpolate(coarser, scale_factor=2.0, mode="nearest")
        added: Tensor = self.up1(x) + raised
        return added


class Residual(nn.Module):
    """Two 3x3 convolutions beside a residual; (B, cin, h, w) -> (B, cout, h/stride, w/stride)."""

    def __init__(self, cin: int, cout: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.skip: nn.Module = nn.Identity()
        if stride != 1 or cin != cout:
            self.skip = nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))

    def forward(self, x: Tensor) -> Tensor:
        """Compute relu(bn(conv(relu(bn(conv(x))))) + skip(x))."""
        inner = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(inner)) + self.skip(x))


class ConvNorm(nn.Module):
    """A padded convolution without bias, its normalisation and a ReLU."""

    def __init__(self, cin: int, cout: int, *, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, kernel, stride, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(cout)

    def forward(self, x: Tensor) -> Tensor:
        """Compute (B, cin, h, w) -> (B, cout, h/stride, w/stride)."""
        return torch.relu(self.bn(self.conv(x)))


def _row(cin: int, cout: int, count: int, *, stride: int = 1) -> nn.Sequential:
    """Build residuals in a row of which the first changes size and width."""
    first = Residual(cin, cout, stride=stride)
    return nn.Sequential(first, *(Residual(cout, cout) for _ in range(count - 1)))


def _row_back(cin: int, cout: int, count: int) -> nn.Sequential:
    """Build residuals in a row of which the last changes the width."""
    return nn.Sequential(*(Residual(cin, cin) for _ in range(count - 1)), Residual(cin, cout))


def _mixing() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(FEATURES, FEATURES, 1, bias=False), nn.BatchNorm2d(FEATURES))
