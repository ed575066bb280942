"""Heads of the flip test: a picture and its mirror image, averaged (paper, section 4.2.1; CenterNet's ``--flip_test``).

``hm``, ``wh``, ``hps`` and ``hm_hp`` are the mean of both runs, after the sigmoid; ``reg`` and ``hp_offset`` are the
unflipped run's own. In the mirrored run a cell lies at W - 1 - x, a displacement points the other way, and a left
landmark is a right one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepmark.errors import DataError
from deepmark.runtime.arrays import F32, Index
from deepmark.runtime.heads.maps import CentreValues, Heads, ReadableHeads

_HALF = np.float32(0.5)
_TO_THE_OTHER_SIDE = np.array([[-1], [1]], np.float32)  # x, y


@dataclass(frozen=True, slots=True, eq=False)
class FlippedHeads:
    """Two runs of a network as the heads of one; the regressions of both are read where they are needed.

    Attributes:
        plain: heads of the picture.
        mirrored: heads of its mirror image.
        mirror_groups: (groups,) group that each group becomes in a mirrored picture; empty for boxes only.
        hm: (classes, H, W) mean centre heatmap, probabilities in [0, 1].
        hm_hp: (groups, H, W) mean landmark heatmap, probabilities in [0, 1], or None.
    """

    plain: ReadableHeads
    mirrored: ReadableHeads
    mirror_groups: Index
    hm: F32
    hm_hp: F32 | None

    @classmethod
    def of(cls, plain: ReadableHeads, mirrored: ReadableHeads, mirror_groups: Index) -> FlippedHeads:
        """Average the heatmaps of two runs; `KeypointSchema.mirror_groups` gives ``mirror_groups``, as (groups,) here.

        Raises:
            DataError: the runs are not of one size, or have other groups.
        """
        if plain.hm.shape != mirrored.hm.shape or not plain.groups == mirrored.groups == len(mirror_groups):
            raise DataError(
                f"heads of shape {plain.hm.shape} with {plain.groups} groups and heads of shape {mirrored.hm.shape}"
                f" with {mirrored.groups} are no two runs of one network with {len(mirror_groups)} groups"
            )
        hm_hp = None
        if plain.hm_hp is not None and mirrored.hm_hp is not None:
            hm_hp = _mean(plain.hm_hp, mirrored.hm_hp.take(mirror_groups, axis=0)[..., ::-1])
        return cls(plain, mirrored, mirror_groups, _mean(plain.hm, mirrored.hm[..., ::-1]), hm_hp)

    @property
    def groups(self) -> int:
        """Number of landmark groups."""
        return self.plain.groups

    def at_centres(self, cells: Index, owner: Index, group: Index) -> CentreValues:
        """Read both runs, the second at mirrored cells and groups; see `ReadableHeads`."""
        width = self.hm.shape[2]
        first = self.plain.at_centres(cells, owner, group)
        second = self.mirrored.at_centres(
            cells + (width - 1 - 2 * (cells % width)), owner, self.mirror_groups.take(group)
        )
        return CentreValues(
            sizes=_mean(first.sizes, second.sizes),
            offsets=first.offsets,
            displacements=_mean(first.displacements, second.displacements * _TO_THE_OTHER_SIDE),
        )

    def at_landmarks(self, cells: Index) -> F32 | None:
        """Read ``hp_offset`` of the unflipped run; see `ReadableHeads`."""
        return self.plain.at_landmarks(cells)

    def dense(self) -> Heads:
        """Return every head as a map."""
        plain, mirrored = self.plain.dense(), self.mirrored.dense()
        hps = None
        if plain.hps is not None and mirrored.hps is not None:
            by_group = mirrored.hps.reshape(self.groups, 2, *mirrored.hps.shape[1:])  # (groups, 2, H, W)
            moved = by_group.take(self.mirror_groups, axis=0)[..., ::-1] * _TO_THE_OTHER_SIDE[:, :, None]
            hps = _mean(plain.hps, moved.reshape(plain.hps.shape))
        return Heads(
            hm=self.hm,
            wh=_mean(plain.wh, mirrored.wh[..., ::-1]),
            hps=hps,
            reg=plain.reg,
            hm_hp=self.hm_hp,
            hp_offset=plain.hp_offset,
        )


def _mean(first: F32, second: F32) -> F32:
    total: F32 = first + second
    total *= _HALF
    return total
