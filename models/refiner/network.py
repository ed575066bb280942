"""PoseFix's network: a picture of an object and its landmarks as they were found -> a map for each landmark.

A ResNet whose first convolution sees the picture and a Gaussian for every landmark, three dense transposed
convolutions, and one map of logits a channel at a quarter of the size. A landmark is the expectation over its map.

After https://github.com/mks0601/PoseFix_RELEASE (MIT, copyright 2019 Gyeongsik Moon). The small one, `SlimRefiner`, is
ours: its Gaussians are drawn at half the size, its decoder takes what the encoder had at the same size, as 64 channels
at a 32nd of the size cannot say where forty landmarks are, and its maps begin with a peak where the landmark was found
(docs/decisions/0033-refiner.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from deepmark.models.resnet import BLOCKS, BOTTLENECKS, DENSE_NECK, WIDTHS, Bottleneck, PlainBlock, dense_neck
from deepmark.runtime.heads.maps import STRIDE
from deepmark.runtime.refinement.refiner_manifest import PIXEL_MEAN

Backbone = Literal["resnet18", "resnet50", "resnet101", "resnet152", "slim"]
DEPTHS: dict[str, int] = {"resnet18": 18, "resnet50": 50, "resnet101": 101, "resnet152": 152}
BACKBONES = (*DEPTHS, "slim")
MULTIPLE = 32  # pixels that height and width must be multiples of
PEAK = 255.0  # of a Gaussian: as bright as the picture
EPSILON = 1e-9  # of batch normalisation, PoseFix's
_SLIM = (24, 32, 48, 64)  # channels at strides 4, 8, 16, 32
_SLIM_STEM = 16
_SLIM_HEAD = 48
_SLIM_TRUST = 8.0  # logits that a landmark's own place is ahead by at the start


class ResNetRefiner(nn.Module):
    """The whole network of the paper, with a ResNet of any depth.

    Args:
        backbone: name in `DEPTHS`.
        channels: number of channels that landmarks have, K.
        sigma: width of the Gaussians in input pixels.
    """

    mean: Tensor

    def __init__(self, backbone: str, channels: int, sigma: float) -> None:
        super().__init__()
        depth = DEPTHS[backbone]
        block = Bottleneck if depth in BOTTLENECKS else PlainBlock
        self.backbone, self.channels, self.sigma = backbone, channels, sigma
        self.conv1 = nn.Conv2d(3 + channels, WIDTHS[0], 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        width = WIDTHS[0]
        for layer, (inner, count) in enumerate(zip(WIDTHS, BLOCKS[depth], strict=True), 1):
            first = block(width, inner, stride=1 if layer == 1 else 2)
            width = first.channels
            self.add_module(f"layer{layer}", nn.Sequential(first, *(block(width, inner) for _ in range(count - 1))))
        self.deconv_layers = nn.Sequential(*dense_neck(width))
        self.final = nn.Conv2d(DENSE_NECK[-1], channels, 1)
        _start(self)

    def forward(self, image: Tensor, pose: Tensor) -> Tensor:
        """Compute logits: (B, 3, H, W) BGR in [0, 255] and (B, K, 3) x, y, given -> (B, K, H/4, W/4)."""
        x = torch.cat([(image - self.mean), draw_pose(pose, image.shape[2:], self.sigma)], dim=1)
        x = torch.relu(self.bn1(self.conv1(x)))
        x = nn.functional.max_pool2d(x, 3, stride=2, padding=1)  # (B, 64, H/4, W/4)
        for layer in range(1, len(WIDTHS) + 1):
            x = self.get_submodule(f"layer{layer}")(x)
        logits: Tensor = self.final(self.deconv_layers(x))
        return logits


class SlimRefiner(nn.Module):
    """A network of less than half a million weights for a few dozen landmarks.

    Args:
        channels: number of channels that landmarks have, K.
        sigma: width of the Gaussians in input pixels.
    """

    mean: Tensor

    backbone = "slim"

    def __init__(self, channels: int, sigma: float) -> None:
        super().__init__()
        self.channels, self.sigma = channels, sigma
        self.conv1 = nn.Conv2d(3, _SLIM_STEM, 7, stride=2, padding=3, bias=False)
        self.pose1 = nn.Conv2d(channels, _SLIM_STEM, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(_SLIM_STEM)
        width = _SLIM_STEM
        for layer, out in enumerate(_SLIM, 1):
            blocks = nn.Sequential(PlainBlock(width, out, stride=2), PlainBlock(out, out))
            self.add_module(f"layer{layer}", blocks)
            width = out
        self.up = nn.ModuleList(
            nn.Sequential(nn.ConvTranspose2d(below, out, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(out))
            for below, out in zip(_SLIM[:0:-1], _SLIM[-2::-1], strict=True)
        )
        self.head = nn.Sequential(nn.Conv2d(_SLIM[0], _SLIM_HEAD, 3, padding=1, bias=False), nn.BatchNorm2d(_SLIM_HEAD))
        self.final = nn.Conv2d(_SLIM_HEAD, channels, 1)
        self.trust = nn.Parameter(torch.full((1, channels, 1, 1), _SLIM_TRUST / PEAK))
        _start(self)

    def forward(self, image: Tensor, pose: Tensor) -> Tensor:
        """Compute logits: (B, 3, H, W) BGR in [0, 255] and (B, K, 3) x, y, given -> (B, K, H/4, W/4)."""
        drawn = draw_pose(pose, image.shape[2:], self.sigma, step=2)  # (B, K, H/2, W/2)
        x = torch.relu(self.bn1(self.conv1(image - self.mean) + self.pose1(drawn)))
        levels = []
        for layer in range(1, len(_SLIM) + 1):
            x = self.get_submodule(f"layer{layer}")(x)
            levels.append(x)
        for step, level in zip(self.up, levels[-2::-1], strict=True):
            x = torch.relu(step(x) + level)
        found = draw_pose(pose, image.shape[2:], self.sigma, step=STRIDE)
        logits: Tensor = self.final(torch.relu(self.head(x))) + found * self.trust  # (B, K, H/4, W/4)
        return logits


def make_refiner(backbone: str, channels: int, sigma: float) -> ResNetRefiner | SlimRefiner:
    """Make a network with fresh weights."""
    return SlimRefiner(channels, sigma) if backbone == "slim" else ResNetRefiner(backbone, channels, sigma)


class RefinerGraph(nn.Module):
    """What is exported: rendering, network, softmax and expectation as one graph.

    Args:
        network: network in eval mode.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, pose: Tensor) -> Tensor:
        """Refine: (B, 3, H, W) BGR in [0, 255] and (B, K, 3) x, y, given -> (B, K, 2) x, y in input pixels."""
        return STRIDE * expected_cell(self.network(image, pose))


def draw_pose(pose: Tensor, size: Sequence[int], sigma: float, *, step: int = 1) -> Tensor:
    """Draw a Gaussian of `PEAK` for each landmark, as an outer product; nothing for one that is not given.

    Args:
        pose: (B, K, 3) x, y in input pixels, and 1 where it is given, else 0.
        size: height and width of the input, in pixels.
        sigma: width of the Gaussians in input pixels.
        step: input pixels from one sample to the next.

    Returns:
        (B, K, H/step, W/step).
    """
    height, width = int(size[0]), int(size[1])
    rows = torch.arange(0, height, step, dtype=pose.dtype, device=pose.device)
    columns = torch.arange(0, width, step, dtype=pose.dtype, device=pose.device)
    factor = -0.5 / sigma**2
    across = torch.exp((pose[:, :, 0:1] - columns).square() * factor)  # (B, K, W/step)
    down = torch.exp((pose[:, :, 1:2] - rows).square() * factor) * (pose[:, :, 2:3] * PEAK)
    return down[..., None] * across[:, :, None]


def expected_cell(logits: Tensor) -> Tensor:
    """Return the expectation (B, K, 2) x, y in cells under the softmax of each map (B, K, h, w)."""
    height, width = int(logits.shape[2]), int(logits.shape[3])
    share = torch.softmax(logits.flatten(2), dim=2)  # (B, K, h w)
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    cells = torch.stack([columns, rows], dim=-1).reshape(-1, 2).to(share)
    return share @ cells


def _start(network: nn.Module) -> None:
    """Make fresh weights, and the mean of pictures, which is in no checkpoint."""
    network.register_buffer("mean", torch.tensor(PIXEL_MEAN).reshape(1, 3, 1, 1), persistent=False)
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.BatchNorm2d):
            module.eps = EPSILON
    final = network.get_submodule("final")
    assert isinstance(final, nn.Conv2d)
    assert final.bias is not None
    nn.init.normal_(final.weight, std=1e-3)
    nn.init.zeros_(final.bias)
