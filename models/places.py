"""What stands at the places where CenterNet has deformable convolutions (DCN); the same choice in every network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import nn

from deepmark.models.deformable import DeformableConv2d

Place = Literal["deformable", "plain", "plain-nobias", "pointwise"]
MakePlace = Callable[[int, int], nn.Module]  # channels in and out -> a layer that keeps height and width

PLACES: dict[Place, MakePlace] = {
    "deformable": DeformableConv2d,
    "plain": lambda cin, cout: nn.Conv2d(cin, cout, 3, padding=1),
    "plain-nobias": lambda cin, cout: nn.Conv2d(cin, cout, 3, padding=1, bias=False),
    "pointwise": lambda cin, cout: nn.Conv2d(cin, cout, 1, bias=False),
}
