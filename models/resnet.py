"""ResNet with an upsampling neck: CenterNet's ``res_N`` and ``resdcn_N``, with their tensor names.

The backbone is torchvision's ResNet without its classifier (He et al., "Deep Residual Learning"; the stride of a
bottleneck is in its 3x3 convolution). The necks are those of "Simple Baselines for Human Pose Estimation" (Xiao et al.)
and of CenterNet::

    image (B, 3, H, W)
      conv1, layer1..layer4   strides 2, 4, 8, 16, 32
      deconv_layers           three steps to stride 4:
                                dense neck:      transposed convolution
                                light necks:     3x3 convolution, deformable or plain; transposed convolution
      heads                   conv 3x3, ReLU, conv 1x1: one per map
    {name: (B, C, H/4, W/4)}

H and W must be multiples of 32; at others the maps have not H/4 x W/4 cells, and nothing would say so. Written anew
after ``msra_resnet.py`` and ``resnet_dcn.py`` of https://github.com/xingyizhou/CenterNet (commit 4c50fd3, MIT,
copyright 2019 Xingyi Zhou; Microsoft).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from deepmark.models.heads import add_heads, run_heads
from deepmark.models.places import PLACES, Place

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}  # by depth
BOTTLENECKS = (50, 101, 152)  # depths whose blocks have three convolutions
WIDTHS = (64, 128, 256, 512)  # channels inside the blocks of layer1..layer4
EXPANSION = 4  # a bottleneck's channels outside, by those inside
DENSE_NECK = (256, 256, 256)  # channels after each step
LIGHT_NECK = (256, 128, 64)


class ResNet(nn.Module):
    """The whole network.

    Args:
        depth: number of layers, one of `BLOCKS`.
        heads: channels of each head by name (`head_names.head_channels`); the output has this order.
        head_conv: channels between the two convolutions of a head; 0 makes each head a single 1x1 convolution.
        place: what stands at the three places of deformable convolutions: ``"deformable"`` is ``resdcn_N``; None for
            the dense neck of ``res_N``, which has no such places.
    """

    multiple = 32  # pixels that height and width must be multiples of

    def __init__(
        self, depth: int, heads: Mapping[str, int], *, head_conv: int = 64, place: Place | None = None
    ) -> None:
        super().__init__()
        self.head_names = tuple(heads)
        block = Bottleneck if depth in BOTTLENECKS else PlainBlock
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        channels = 64
        for layer, (width, count) in enumerate(zip(WIDTHS, BLOCKS[depth], strict=True), 1):
            first = block(channels, width, stride=1 if layer == 1 else 2)
            channels = first.channels
            self.add_module(f"layer{layer}", nn.Sequential(first, *(block(channels, width) for _ in range(count - 1))))
        self.deconv_layers = nn.Sequential(*(_light_neck(channels, place) if place else dense_neck(channels)))
        add_heads(self, heads, head_conv, features=(LIGHT_NECK if place else DENSE_NECK)[-1])

    def features(self, image: Tensor) -> Tensor:
        """Compute what the heads read: (B, 3, H, W) normalised -> (B, 256 or 64, H/4, W/4)."""
        x = torch.relu(self.bn1(self.conv1(image)))
        x = nn.functional.max_pool2d(x, 3, stride=2, padding=1)  # (B, 64, H/4, W/4)
        for layer in range(1, len(WIDTHS) + 1):
            x = self.get_submodule(f"layer{layer}")(x)
        features: Tensor = self.deconv_layers(x)
        return features

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Compute the raw heads: (B, 3, H, W) normalised -> {name: (B, C, H/4, W/4)}."""
        return run_heads(self, self.head_names, self.features(image))


# --- backbone ---------------------------------------------------------------------------------------------------------


class PlainBlock(nn.Module):
    """Two 3x3 convolutions beside a residual; (B, cin, h, w) -> (B, width, h/stride, w/stride)."""

    def __init__(self, cin: int, width: int, *, stride: int = 1) -> None:
        super().__init__()
        self.channels = width
        self.conv1 = nn.Conv2d(cin, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(cin, self.channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Compute relu(bn(conv(relu(bn(conv(x))))) + shortcut(x))."""
        inner = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(inner)) + self.downsample(x))


class Bottleneck(nn.Module):
    """Convolutions 1x1, 3x3, 1x1 beside a residual; (B, cin, h, w) -> (B, 4 width, h/stride, w/stride)."""

    def __init__(self, cin: int, width: int, *, stride: int = 1) -> None:
        super().__init__()
        self.channels = EXPANSION * width
        self.conv1 = nn.Conv2d(cin, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, self.channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(self.channels)
        self.downsample = _shortcut(cin, self.channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Compute relu(bn(conv(...)) + shortcut(x))."""
        inner = torch.relu(self.bn1(self.conv1(x)))
        inner = torch.relu(self.bn2(self.conv2(inner)))
        return torch.relu(self.bn3(self.conv3(inner)) + self.downsample(x))


def _shortcut(cin: int, cout: int, stride: int) -> nn.Module:
    if stride == 1 and cin == cout:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))


# --- necks ------------------------------------------------------------------------------------------------------------


def dense_neck(channels: int) -> Iterator[nn.Module]:
    """Build the neck of ``res_N``: three dense transposed convolutions, each to twice the size."""
    for width in DENSE_NECK:
        yield from _doubling(channels, width)
        channels = width


def _light_neck(channels: int, place: Place) -> Iterator[nn.Module]:
    for width in LIGHT_NECK:
        yield from (PLACES[place](channels, width), nn.BatchNorm2d(width), nn.ReLU())
        yield from _doubling(width, width)
        channels = width


def _doubling(cin: int, cout: int) -> tuple[nn.Module, ...]:
    """Build a step to twice the size: a dense transposed convolution, its normalisation and a ReLU."""
    up = nn.ConvTranspose2d(cin, cout, 4, stride=2, padding=1, bias=False)
    return up, nn.BatchNorm2d(cout), nn.ReLU()
