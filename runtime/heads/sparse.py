"""Heads of a sparse graph: the heatmaps, the features, and the other heads, which are computed where they are read.

``wh``, ``reg`` and ``hps`` are read at the object centres only, at most ``top_k`` cells, and ``hp_offset`` only where a
landmark was found. Each is a 3x3 convolution, a ReLU and a 1x1 convolution of the same features, so single cells of it
are two matrix products on 3x3 patches: the numbers of the whole maps, up to rounding, for a hundredth of the work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from deepmark.errors import DataError
from deepmark.runtime.arrays import F32, Index
from deepmark.runtime.heads.maps import NOWHERE, PROBABILITY_HEADS, CentreValues, Heads, require_map, sigmoid
from deepmark.runtime.heads.weights import Branch, HeadWeights
from deepmark.runtime.keypoints.head_names import FEATURES

CELLS_AT_ONCE = 512  # of `SparseHeads.dense`: 1.2 MB of patches stay in the cache, 2.5 times as fast as 10 MB


@dataclass(frozen=True, slots=True, eq=False)
class SparseHeads:
    """What a sparse graph gives for one image, (C, H, W) float32 as in `Heads`, and the weights to go on with.

    Attributes:
        hm: (classes, H, W) centre heatmap, probabilities in [0, 1].
        features: (F, H, W) maps that every head reads.
        weights: weights of the other heads.
        hm_hp: (groups, H, W) landmark heatmap, probabilities in [0, 1], or None.
    """

    hm: F32
    features: F32
    weights: HeadWeights
    hm_hp: F32 | None = None

    def __post_init__(self) -> None:
        """Refuse maps and weights that do not belong together.

        Raises:
            DataError: a map is no (C, H, W) float32 array, or its channels or cells do not fit the others.
        """
        require_map(self.hm, "hm", like=self.hm)
        require_map(self.features, FEATURES, like=self.hm)
        if len(self.features) != self.weights.channels:
            raise DataError(f"{FEATURES} must have {self.weights.channels} channels, found {len(self.features)}")
        if self.hm_hp is not None:
            require_map(self.hm_hp, "hm_hp", like=self.hm)
            if len(self.hm_hp) != self.groups:
                raise DataError(f"head 'hm_hp' must have {self.groups} channels, found {len(self.hm_hp)}")

    @property
    def groups(self) -> int:
        """Number of landmark groups; 0 for boxes only."""
        hps = self.weights.centres.last.get("hps")
        return 0 if hps is None else hps.rows // 2

    def at_centres(self, cells: Index, owner: Index, group: Index) -> CentreValues:
        """Compute ``wh``, ``reg`` and ``hps``, the latter for groups that an object has; see `ReadableHeads`."""
        branch = self.weights.centres
        hidden = branch.hidden(self.features, cells)
        sizes, offsets = (branch.last[name](hidden[name]) if name in hidden else None for name in ("wh", "reg"))
        assert sizes is not None
        if "hps" not in hidden:
            return CentreValues(sizes, offsets, NOWHERE)
        used = np.flatnonzero(np.bincount(group, minlength=self.groups))
        position = np.zeros(self.groups, np.intp)
        position[used] = np.arange(len(used))
        rows = np.stack([2 * used, 2 * used + 1], axis=1).reshape(-1)
        displacements = branch.last["hps"].take(rows)(hidden["hps"])  # (2 * used, N)
        x = 2 * position.take(group)
        return CentreValues(sizes, offsets, displacements[np.stack([x, x + 1]), owner])

    def at_landmarks(self, cells: Index) -> F32 | None:
        """Compute ``hp_offset``, each cell once; see `ReadableHeads`."""
        if self.weights.landmarks is None:
            return None
        once, position = np.unique(cells, return_inverse=True)
        return self.weights.landmarks(self.features, once)["hp_offset"].take(position, axis=1)

    def dense(self) -> Heads:
        """Compute the other heads at every cell, in the way in which single cells are computed."""
        branches = [branch for branch in (self.weights.centres, self.weights.landmarks) if branch is not None]
        maps = {name: head for branch in branches for name, head in self._everywhere(branch).items()}
        return Heads(hm=self.hm, hm_hp=self.hm_hp, **maps)

    def _everywhere(self, branch: Branch) -> dict[str, F32]:
        height, width = self.hm.shape[1:]
        parts = [
            branch(self.features, np.arange(start, min(start + CELLS_AT_ONCE, height * width)))
            for start in range(0, height * width, CELLS_AT_ONCE)
        ]
        return {
            name: np.concatenate([part[name] for part in parts], axis=1).reshape(-1, height, width)
            for name in branch.last
        }


def heads_from_outputs(
    outputs: Mapping[str, F32], *, logits: bool, weights: HeadWeights | None = None
) -> Heads | SparseHeads:
    """Make the decoder's input of a graph's outputs.

    Args:
        outputs: name of each output -> (C, H, W) float32.
        logits: whether ``hm`` and ``hm_hp`` come without their sigmoid.
        weights: weights of the heads that the graph does not give; None for a graph that gives them all (features
            beside them are then not needed).

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
