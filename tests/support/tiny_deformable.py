"""The tiny network with deformable convolutions of every kind that our networks have: as wide, wider and narrower."""

from __future__ import annotations

import torch
from tiny_network import HEADS, TinyNetwork, tiny_network
from torch import Tensor, nn

from deepmark.models.deformable import DeformableConv2d


class DeformableBlock(nn.Module):
    """(B, cin, h, w) -> (B, cout, h, w): relu(bn(deformable convolution)), with the names of our networks."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.actf = nn.Sequential(nn.BatchNorm2d(cout), nn.ReLU(inplace=True))
        self.conv = DeformableConv2d(cin, cout)

    def forward(self, x: Tensor) -> Tensor:
        activated: Tensor = self.actf(self.conv(x))
        return activated


class TinyDeformable(TinyNetwork):
    """(B, 3, H, W) -> raw heads (B, C, H/4, W/4)."""

    def __init__(self) -> None:
        super().__init__(HEADS, 8)
        self.wider = DeformableBlock(16, 24)
        self.narrower = DeformableBlock(24, 16)
        self.node = DeformableBlock(16, 16)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        features = self.level(self.stem(image))
        deep = self.narrower(self.wider(self.deep(self.down(features))))
        features = self.node(features + self.up(deep))
        return {name: self.get_submodule(name)(features) for name in self.heads}


def tiny_deformable(*, spread: float = 0.3) -> TinyDeformable:
    """Make one whose offsets reach some cells; ``spread`` is the deviation of the offset branches' weights."""
    plain = tiny_network()
    torch.manual_seed(8)
    network = TinyDeformable()
    network.load_state_dict(plain.state_dict(), strict=False)
    for name, values in network.state_dict().items():
        if "conv_offset_mask" in name:
            values.normal_(0, spread)
        elif "actf" in name and name.endswith("running_var"):
            values.uniform_(0.5, 1.5)
        elif "actf" in name and name.endswith(("running_mean", "bias")):
            values.normal_(0, 0.2)
    return network.eval().requires_grad_(False)
