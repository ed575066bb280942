"""Random sparse heads, and the same heads dense as torch's convolutions give them."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from deepmark.runtime.heads.maps import Heads
from deepmark.runtime.heads.sparse import SparseHeads
from deepmark.runtime.heads.weights import HeadWeights, read_head_weights


def random_arrays(heads: Mapping[str, int], features: int, hidden: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Weights of these heads as ``heads.npz`` has them; ``hidden`` 0 makes each a single 1x1 convolution."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for name, channels in heads.items():
        shapes: dict[str, tuple[int, ...]] = {
            f"{name}.weight": (channels, features, 1, 1),
            f"{name}.bias": (channels,),
        }
        if hidden:
            shapes = {f"{name}.0.weight": (hidden, features, 3, 3), f"{name}.0.bias": (hidden,)}
            shapes |= {f"{name}.2.weight": (channels, hidden, 1, 1), f"{name}.2.bias": (channels,)}
        for key, shape in shapes.items():
            spread = 1 / math.sqrt(max(math.prod(shape[1:]), 1))
            arrays[key] = (rng.standard_normal(shape) * spread).astype(np.float32)
        if name == "wh":
            arrays["wh.2.bias" if hidden else "wh.bias"] += 6  # boxes that hold something
    return arrays


def packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The bytes of ``heads.npz``."""
    stream = io.BytesIO()
    named: dict[str, Any] = dict(arrays)  # Any: numpy's types expect its options, too
    np.savez(stream, **named)
    return stream.getvalue()


def weights_of(arrays: Mapping[str, np.ndarray], heads: Mapping[str, int], features: int) -> HeadWeights:
    return read_head_weights(packed(arrays), heads, features=features, source="heads.npz")


def dense_by_torch(sparse: SparseHeads, arrays: Mapping[str, np.ndarray], heads: Mapping[str, int]) -> Heads:
    """All heads as maps, by torch's own convolutions of the same features."""
    features = torch.from_numpy(sparse.features)[None]

    def convolved(x: torch.Tensor, name: str, padding: int) -> torch.Tensor:
        weight, bias = (torch.from_numpy(arrays[f"{name}.{part}"]) for part in ("weight", "bias"))
        return functional.conv2d(x, weight, bias, padding=padding)

    maps = {}
    for name in heads:
        if f"{name}.weight" in arrays:
            maps[name] = convolved(features, name, 0)
        else:
            maps[name] = convolved(functional.relu(convolved(features, f"{name}.0", 1)), f"{name}.2", 0)
    return Heads(sparse.hm, hm_hp=sparse.hm_hp, **{name: head[0].numpy() for name, head in maps.items()})
