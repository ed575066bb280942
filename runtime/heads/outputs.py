"""From a graph's outputs to what the decoder reads."""

from __future__ import annotations

from collections.abc import Mapping

from deepmark.runtime.arrays import F32
from deepmark.runtime.heads.maps import PROBABILITY_HEADS, Heads, sigmoid
from deepmark.runtime.heads.sparse import SparseHeads
from deepmark.runtime.heads.weights import HeadWeights
from deepmark.runtime.keypoints.head_names import FEATURES


def heads_from_outputs(
    outputs: Mapping[str, F32], *, logits: bool, weights: HeadWeights | None = None
) -> Heads | SparseHeads:
    """Make the decoder's input of a graph's outputs.

    Args:
        outputs: name -> (C, H, W).
        logits: whether ``hm`` and ``hm_hp`` come without their sigmoid.
        weights: of the heads that the graph does not give; None where it gives them all (features beside them are then
            not needed).

    Raises:
        DataError: the maps do not belong together.
    """
    maps = {
        name: sigmoid(head) if logits and name in PROBABILITY_HEADS else head
        for name, head in outputs.items()
        if name != FEATURES
    }
    if weights is None:
        return Heads(**maps)
    return SparseHeads(**maps, features=outputs[FEATURES], weights=weights)
