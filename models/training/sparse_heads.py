"""The regression heads at the few cells that the loss looks at.

``wh``, ``reg`` and ``hps`` are compared with a target at the objects' centre cells only, ``hp_offset`` at landmarks'.
A head's 3x3 convolution needs nine feature vectors for one cell: these are gathered and multiplied, and four of six
dense heads need not be computed. Values and gradients are those of the dense heads.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_WINDOW = torch.tensor([(row, column) for row in range(3) for column in range(3)])  # of a 3x3 kernel, row by row


def gather_patches(features: Tensor, cells: Tensor) -> Tensor:
    """Return the 3x3 feature vectors around cells, 0 beyond the map.

    Args:
        features: (B, C, h, w).
        cells: (N, 3) picture, row, column.

    Returns:
        (N, 9, C), row by row.
    """
    padded = functional.pad(features.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))  # (B, h + 2, w + 2, C)
    _, height, width, channels = padded.shape
    window = _WINDOW.to(cells.device)
    rows = cells[:, 1, None] + window[:, 0]  # (N, 9): the padding moved every cell by one
    columns = cells[:, 2, None] + window[:, 1]
    flat = (cells[:, 0, None] * height + rows) * width + columns
    return padded.reshape(-1, channels).index_select(0, flat.reshape(-1)).view(-1, 9, channels)


def run_head(head: nn.Module, patches: Tensor) -> Tensor:
    """Apply one head of `deepmark.models.mdla34.make_head` to the middle cells of patches.

    Args:
        head: Conv 3x3, ReLU, Conv 1x1; or a single Conv 1x1.
        patches: (N, 9, C) of `gather_patches`.

    Returns:
        (N, channels of the head).
    """
    if isinstance(head, nn.Conv2d):
        return _pointwise(head, patches[:, 4])
    assert isinstance(head, nn.Sequential)
    first, _, last = head
    assert isinstance(first, nn.Conv2d)
    assert isinstance(last, nn.Conv2d)
    kernel = first.weight.permute(0, 2, 3, 1).flatten(1)  # (head_conv, 9 * C), in the order of the patches
    hidden = functional.linear(patches.flatten(1), kernel, first.bias).relu()
    return _pointwise(last, hidden)


def _pointwise(conv: nn.Conv2d, vectors: Tensor) -> Tensor:
    """Apply a 1x1 convolution to vectors, (N, C) -> (N, channels)."""
    return functional.linear(vectors, conv.weight.flatten(1), conv.bias)
