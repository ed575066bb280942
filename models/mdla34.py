"""DLA-34 and mDLA-34, the paper's network, with CenterNet's tensor names.

DLA-34 for keypoints (Zhou et al., "Objects as Points"); mDLA-34 has a plain 3x3 convolution in place of each deformable
one.
Data flows top to bottom, in the order of this file::

    image (B, 3, H, W)
      DLA      deep layer aggregation: six levels, strides 1, 2, 4, 8, 16, 32
      DLAUp    merges strides 4..32 pairwise, coarse to fine
      IDAUp    merges what that gives at strides 4, 8, 16 into 64 channels at stride 4
      heads    conv 3x3, ReLU, conv 1x1: one per map
    {name: (B, C, H/4, W/4)}

H and W must be multiples of 32. The heads are raw: the sigmoid of ``hm`` and ``hm_hp`` belongs to whoever exports or
decodes. Written anew after ``pose_dla_dcn.py`` of https://github.com/xingyizhou/CenterNet (commit 4c50fd3, MIT,
copyright 2019 Xingyi Zhou), whose backbone is that of https://github.com/ucbdrive/dla.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from deepmark.models.heads import add_heads, run_heads
from deepmark.models.places import PLACES, MakePlace, Place

CHANNELS = (16, 32, 64, 128, 256, 512)  # of level0..level5
FEATURES = CHANNELS[2]  # channels that every head reads, at stride 4

# The reference computes these projections and then ignores the result: a tree of two levels hands its residual to a
# subtree that makes its own. They stand in every real checkpoint and in the paper's parameter count, so the network
# holds them; no forward pass reads them.
DEAD = ("base.level3.project.", "base.level4.project.")


class MDLA34(nn.Module):
    """The whole network.

    Args:
        heads: channels of each head by name (`head_names.head_channels`); the output has this order.
        head_conv: channels between the two convolutions of a head; 0 makes each head a single 1x1 convolution.
        place: what stands at the 16 places of deformable convolutions: ``"plain"`` is the paper's mDLA-34.
    """

    multiple = 32  # pixels that height and width must be multiples of

    def __init__(self, heads: Mapping[str, int], *, head_conv: int = 256, place: Place = "plain") -> None:
        super().__init__()
        self.head_names = tuple(heads)
        self.base = DLA()
        self.dla_up = DLAUp(CHANNELS[2:], PLACES[place])
        self.ida_up = IDAUp(FEATURES, CHANNELS[2:5], (1, 2, 4), PLACES[place])
        add_heads(self, heads, head_conv, features=FEATURES)

    def features(self, image: Tensor) -> Tensor:
        """Compute what the heads read: (B, 3, H, W) normalised -> (B, 64, H/4, W/4)."""
        levels = self.base(image)
        merged = self.dla_up(levels[2:])  # strides 4, 8, 16, 32
        features: Tensor = self.ida_up(merged[:3])[-1]
        return features

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Compute the raw heads: (B, 3, H, W) normalised -> {name: (B, C, H/4, W/4)}."""
        return run_heads(self, self.head_names, self.features(image))


# --- backbone ---------------------------------------------------------------------------------------------------------


class DLA(nn.Module):
    """DLA-34 without its classifier: an image becomes six maps with `CHANNELS` channels, strides 1 to 32."""

    def __init__(self) -> None:
        super().__init__()
        c0, c1, c2, c3, c4, c5 = CHANNELS
        self.base_layer = conv_bn_relu(3, c0, kernel=7)
        self.level0 = conv_bn_relu(c0, c0)
        self.level1 = conv_bn_relu(c0, c1, stride=2)
        self.level2 = Tree(1, c1, c2, stride=2)
        self.level3 = Tree(2, c2, c3, stride=2, level_root=True)
        self.level4 = Tree(2, c3, c4, stride=2, level_root=True)
        self.level5 = Tree(1, c4, c5, stride=2, level_root=True)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Compute all levels: (B, 3, H, W) -> (B, 16, H, W), (B, 32, H/2, W/2) ... (B, 512, H/32, W/32)."""
        x = self.base_layer(image)
        levels = []
        for level in (self.level0, self.level1, self.level2, self.level3, self.level4, self.level5):
            x = level(x)
            levels.append(x)
        return levels


class Tree(nn.Module):
    """Hierarchical deep aggregation: two subtrees (or blocks) in a row, joined with all that came before by a root.

    Args:
        depth: 1 holds two `BasicBlock` and a `Root`, 2 holds two trees of depth 1.
        cin: number of channels of the input.
        cout: number of channels of the output.
        stride: stride of the first block.
        level_root: whether the downsampled input goes to the root as well.
        root_dim: channels that arrive at the root from enclosing trees and this one; 0 for the two blocks' alone.
    """

    def __init__(
        self, depth: int, cin: int, cout: int, *, stride: int = 1, level_root: bool = False, root_dim: int = 0
    ) -> None:
        super().__init__()
        root_dim = (root_dim or 2 * cout) + (cin if level_root else 0)
        self.depth = depth
        self.level_root = level_root
        self.downsample = nn.MaxPool2d(stride) if stride > 1 else nn.Identity()
        self.project = (
            nn.Identity() if cin == cout else nn.Sequential(nn.Conv2d(cin, cout, 1, bias=False), nn.BatchNorm2d(cout))
        )
        self.tree1: nn.Module
        self.tree2: nn.Module
        if depth == 1:
            self.tree1 = BasicBlock(cin, cout, stride)
            self.tree2 = BasicBlock(cout, cout)
            self.root = Root(root_dim, cout)
        else:
            self.tree1 = Tree(depth - 1, cin, cout, stride=stride)
            self.tree2 = Tree(depth - 1, cout, cout, root_dim=root_dim + cout)

    def forward(self, x: Tensor, children: tuple[Tensor, ...] = ()) -> Tensor:
        """Compute (B, cin, h, w) -> (B, cout, h/stride, w/stride); ``children`` are maps for the innermost root."""
        bottom = self.downsample(x)
        if self.level_root:
            children = (*children, bottom)
        if self.depth == 1:
            x1 = self.tree1(x, self.project(bottom))
            joined: Tensor = self.root(self.tree2(x1, x1), x1, *children)
            return joined
        x1 = self.tree1(x)  # makes its own residual: this tree's `project` is one of the `DEAD`
        deeper: Tensor = self.tree2(x1, (*children, x1))
        return deeper


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a residual: relu(bn(conv(relu(bn(conv(x))))) + residual)."""

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        """Compute (B, cin, h, w) -> (B, cout, h/stride, w/stride), the shape of ``residual``."""
        x = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(x)) + residual)


class Root(nn.Module):
    """Joins maps of one size: relu(bn(conv 1x1 of their concatenation))."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)
        self.bn = nn.BatchNorm2d(cout)

    def forward(self, *maps: Tensor) -> Tensor:
        """Join maps (B, _, h, w) whose channels sum to ``cin`` into (B, cout, h, w)."""
        return torch.relu(self.bn(self.conv(torch.cat(maps, 1))))


def conv_bn_relu(cin: int, cout: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Build a padded convolution without bias, its batch normalisation and a ReLU."""
    conv = nn.Conv2d(cin, cout, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(cout), nn.ReLU())


# --- neck -------------------------------------------------------------------------------------------------------------


class DLAUp(nn.Module):
    """Iterated upsampling: (strides 4, 8, 16, 32) -> the same strides, each merged with everything coarser.

    Args:
        channels: channels of the inputs, fine to coarse; the outputs have the same, the coarsest stays as it is.
        make: maker of the blocks' convolutions.
    """

    def __init__(self, channels: Sequence[int], make: MakePlace) -> None:
        super().__init__()
        self.steps = len(channels) - 1
        for step in range(self.steps):
            cout = channels[-step - 2]
            # Everything coarser was brought to one size and one width by the step before.
            cins = (cout, *[channels[-step - 1]] * (step + 1))
            self.add_module(f"ida_{step}", IDAUp(cout, cins, (1, *[2] * (step + 1)), make))

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Merge maps, fine to coarse, into as many of the same shapes."""
        maps = list(maps)
        merged = [maps[-1]]
        for step in range(self.steps):
            maps[-step - 2 :] = self.get_submodule(f"ida_{step}")(maps[-step - 2 :])
            merged.insert(0, maps[-1])
        return merged


class IDAUp(nn.Module):
    """Iterative deep aggregation: brings each coarser map to the first one's size and width and adds it in turn.

    Args:
        cout: number of channels of every output.
        cins: channels of the inputs; the first has ``cout``.
        factors: ratios of the first input's size to each input's.
        make: maker of the blocks' convolutions.
    """

    def __init__(self, cout: int, cins: Sequence[int], factors: Sequence[int], make: MakePlace) -> None:
        super().__init__()
        for i, (cin, factor) in enumerate(zip(cins[1:], factors[1:], strict=True), 1):
            self.add_module(f"proj_{i}", ConvBlock(cin, cout, make))
            self.add_module(f"up_{i}", upsampling(cout, factor))
            self.add_module(f"node_{i}", ConvBlock(cout, cout, make))

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Merge maps, fine to coarse, into as many of the first one's shape; the last has seen them all."""
        merged = [maps[0]]
        for i, coarser in enumerate(maps[1:], 1):
            raised = self.get_submodule(f"up_{i}")(self.get_submodule(f"proj_{i}")(coarser))
            merged.append(self.get_submodule(f"node_{i}")(raised + merged[-1]))
        return merged


class ConvBlock(nn.Module):
    """A place of a deformable convolution, or of what stands for one: relu(bn(conv))."""

    def __init__(self, cin: int, cout: int, make: MakePlace) -> None:
        super().__init__()
        self.actf = nn.Sequential(nn.BatchNorm2d(cout), nn.ReLU())
        self.conv = make(cin, cout)

    def forward(self, x: Tensor) -> Tensor:
        """Compute (B, cin, h, w) -> (B, cout, h, w)."""
        activated: Tensor = self.actf(self.conv(x))
        return activated


def upsampling(channels: int, factor: int) -> nn.ConvTranspose2d:
    """Build a depthwise transposed convolution that starts as bilinear interpolation by ``factor``, and is trained."""
    up = nn.ConvTranspose2d(
        channels, channels, 2 * factor, stride=factor, padding=factor // 2, groups=channels, bias=False
    )
    centre = (2 * factor - 1) / (2 * factor)
    ramp = [1 - abs(i / factor - centre) for i in range(2 * factor)]
    with torch.no_grad():
        up.weight.copy_(torch.tensor([[a * b for b in ramp] for a in ramp]))
    return up
