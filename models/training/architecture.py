"""The network that a training begins with, and its weights under CenterNet's names."""

from __future__ import annotations

from torch import Tensor

from deepmark.models.loading import build_network
from deepmark.models.networks import KeypointNetwork
from deepmark.models.recognition.architectures import ARCHITECTURES
from deepmark.models.recognition.layout import Layout, Tensors
from deepmark.runtime.keypoints.head_names import head_channels


def fresh_network(arch: str, classes: int, groups: int) -> KeypointNetwork:
    """Build a network with fresh weights and all six heads.

    Args:
        arch: name of `ARCHITECTURES`.
        classes: number of object classes.
        groups: number of landmark groups.
    """
    row = ARCHITECTURES[arch]
    return build_network(Layout(row.body, head_channels(classes, groups), row.head_conv))


def to_file(arch: str, weights: Tensors) -> dict[str, Tensor]:
    """Give a network's weights the names that CenterNet's files have."""
    row = ARCHITECTURES[arch]
    return {row.family.to_file(name, row.body): tensor for name, tensor in weights.items()}


def from_file(arch: str, weights: Tensors) -> dict[str, Tensor]:
    """Give weights under the names of CenterNet's files those of our network."""
    row = ARCHITECTURES[arch]
    return row.family.to_ours(weights, row.body)
