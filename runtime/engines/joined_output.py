"""The one output in which a graph for a GPU gives all heads, told apart again.

A driver copies each output by itself, and waits for the GPU each time. So `deepmark export --for gpu` joins them along
the channels, in an order that the manifest names (`HeadsSpec.joined`). Graphs that do not are left as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate, pairwise

from deepmark.errors import BundleError
from deepmark.runtime.arrays import F32
from deepmark.runtime.keypoints.head_names import JOINED


def separated(outputs: Mapping[str, F32], parts: Mapping[str, int]) -> dict[str, F32]:
    """Return a graph's outputs by name; those that it gives joined are views of that output.

    Args:
        outputs: name of each output of the graph -> (N, C, H/4, W/4).
        parts: name -> channels of each part of the joined output, in order (`HeadsSpec.parts`).

    Raises:
        BundleError: the joined output has another number of channels than its parts.
    """
    if JOINED not in outputs:
        return dict(outputs)
    joined, ends = outputs[JOINED], list(accumulate(parts.values(), initial=0))
    if joined.shape[1] != ends[-1]:
        named = ", ".join(f"{name} {count}" for name, count in parts.items()) or "none"
        raise BundleError(
            f"output {JOINED!r} has {joined.shape[1]} channels, its manifest says {ends[-1]}: {named}",
            hint="export the model again",
        )
    return {name: joined[:, start:end] for name, (start, end) in zip(parts, pairwise(ends), strict=True)}


def joined_shape(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Return the shape of the output that joins outputs of these shapes, (N, C, H/4, W/4) each, by its name."""
    batch, _, height, width = next(iter(shapes.values()))
    return {JOINED: (batch, sum(shape[1] for shape in shapes.values()), height, width)}
