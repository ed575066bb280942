"""Write ``heads.npz``: the weights that a sparse graph leaves out, for the runtime."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deepmark.runtime.arrays import F32
from deepmark.runtime.keypoints.head_names import GATHERED_HEADS

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, eq=False)
class HeadArchive:
    """The content of ``heads.npz``.

    Attributes:
        content: of the file; `deepmark.runtime.heads.weights` describes it.
        channels: of the heads in it, by name.
        features: channels of the features that they read.
    """

    content: bytes
    channels: dict[str, int]
    features: int

    @property
    def sha256(self) -> str:
        """Hash of the file, hex."""
        return hashlib.sha256(self.content).hexdigest()


def archive_heads(network: torch.nn.Module, heads: Iterable[str]) -> HeadArchive:
    """Pack the weights of those of a network's ``heads`` that a sparse graph leaves out; equal weights, equal bytes."""
    arrays: dict[str, F32] = {}
    channels: dict[str, int] = {}
    features = 0
    for name in (head for head in heads if head in GATHERED_HEADS):
        weights = {f"{name}.{key}": tensor.numpy() for key, tensor in network.get_submodule(name).state_dict().items()}
        first, *_, last = weights.values()  # the first convolution's weight, the last one's bias
        features, channels[name] = first.shape[1], len(last)
        arrays |= {key: np.ascontiguousarray(values, np.float32) for key, values in weights.items()}
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    return HeadArchive(stream.getvalue(), channels, features)
