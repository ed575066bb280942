"""Run the network for its heads and for what they read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmark.runtime.keypoints.head_names import FEATURES

if TYPE_CHECKING:
    import torch


def forward(network: torch.nn.Module, image: torch.Tensor) -> dict[str, torch.Tensor]:
    """Compute raw heads by name and, as `FEATURES`, the one tensor that all of them read.

    The features are caught on their way into a head: the call itself stays the network's own, so that a traced graph
    carries the names of its modules.
    """
    caught: list[torch.Tensor] = []
    hook = network.get_submodule("hm").register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))
    try:
        raw: dict[str, torch.Tensor] = network(image)
    finally:
        hook.remove()
    return {**raw, FEATURES: caught[0]}
