"""The networks that are exported and trained here, as one type."""

from __future__ import annotations

from torch import Tensor, nn

from deepmark.models.dlav0_34 import DLAv0
from deepmark.models.hourglass import Hourglass
from deepmark.models.mdla34 import MDLA34
from deepmark.models.resnet import ResNet

KeypointNetwork = MDLA34 | DLAv0 | ResNet | Hourglass


def stacks(network: KeypointNetwork, image: Tensor) -> list[tuple[nn.Module, Tensor]]:
    """Compute what the heads of every stack read, the last stack last; all networks but an hourglass have one.

    Args:
        network: network.
        image: (B, 3, H, W) normalised pictures.

    Returns:
        Module with a submodule for each head, and its features, (B, F, H/4, W/4).
    """
    if isinstance(network, Hourglass):
        return list(zip((*network.earlier, network), network.stack_features(image), strict=True))
    return [(network, network.features(image))]
