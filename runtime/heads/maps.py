"""What the network gives for one image: maps with one cell for `STRIDE` input pixels, and how the decoder reads them.

The decoder scans the two heatmaps; of the other heads it reads single cells only. `ReadableHeads` is exactly that:
`Heads` has every head as a map and looks values up, `deepmark.runtime.heads.sparse.SparseHeads` computes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from deepmark.errors import DataError
from deepmark.runtime.arrays import F32, Index
from deepmark.runtime.keypoints.head_names import HEAD_ORDER, LANDMARK_HEADS

STRIDE = 4  # input pixels per heatmap cell
PROBABILITY_HEADS = ("hm", "hm_hp")  # a sigmoid belongs to these
NOWHERE: F32 = np.empty((2, 0), np.float32)  # where the landmarks of boxes are displaced to


@dataclass(frozen=True, slots=True, eq=False)
class CentreValues:
    """What the network says at N object centres, as it says it, in cells.

    Attributes:
        sizes: (2, N) width and height, from ``wh``.
        offsets: (2, N) position x, y inside the cell, from ``reg``; None without that head.
        displacements: (2, P) landmark minus integer centre, from ``hps``; P is 0 without that head.
    """

    sizes: F32
    offsets: F32 | None
    displacements: F32


class ReadableHeads(Protocol):
    """One image's heads as the decoder reads them."""

    @property
    def hm(self) -> F32:
        """(classes, H, W) centre heatmap, probabilities in [0, 1]."""
        ...

    @property
    def hm_hp(self) -> F32 | None:
        """(groups, H, W) landmark heatmap, probabilities in [0, 1], or None."""
        ...

    @property
    def groups(self) -> int:
        """Number of landmark groups; 0 for boxes only."""
        ...

    def at_centres(self, cells: Index, owner: Index, group: Index) -> CentreValues:
        """Read the regressions of N objects with P landmarks in all.

        Args:
            cells: (N,) flat cell of each object, y * W + x.
            owner: (P,) object of each landmark.
            group: (P,) group of each landmark.
        """
        ...

    def at_landmarks(self, cells: Index) -> F32 | None:
        """Read ``hp_offset``, (2, n), at n flat cells; None without that head."""
        ...

    def dense(self) -> Heads:
        """Return every head as a map: for tools and tests."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """The network's heads for one image, (C, H, W) float32; H and W are the sides of its input divided by `STRIDE`.

    Attributes:
        hm: (classes, H, W) centre heatmap, probabilities in [0, 1].
        wh: (2, H, W) box width and height in cells.
        hps: (2 * groups, H, W) landmark minus integer centre in cells; channels alternate x, y. None for boxes only,
            and then ``hm_hp`` and ``hp_offset`` are None too.
        reg: (2, H, W) sub-cell offset x, y of the centre, or None.
        hm_hp: (groups, H, W) landmark heatmap, probabilities in [0, 1], or None.
        hp_offset: (2, H, W) sub-cell offset x, y of a landmark, shared by all groups, or None.
    """

    hm: F32
    wh: F32
    hps: F32 | None = None
    reg: F32 | None = None
    hm_hp: F32 | None = None
    hp_offset: F32 | None = None

    def __post_init__(self) -> None:
        """Refuse maps that do not belong together.

        Raises:
            DataError: a head is not a (C, H, W) float32 array, or its channels or cells do not fit the others.
        """
        expected_channels = {"wh": 2, "reg": 2, "hp_offset": 2}
        for name in HEAD_ORDER:
            head = getattr(self, name)
            if head is None:
                continue
            require_map(head, name, like=self.hm)
            if head.shape[0] != expected_channels.get(name, head.shape[0]):
                raise DataError(f"head {name!r} must have {expected_channels[name]} channels, found {head.shape[0]}")
        if self.hps is None:
            for name in LANDMARK_HEADS:
                if getattr(self, name) is not None:
                    raise DataError(f"head {name!r} is of landmarks, but there is no head 'hps'")
            return
        if not len(self.hps) or len(self.hps) % 2:
            raise DataError(f"head 'hps' must have an even number of channels (x, y), found {len(self.hps)}")
        if self.hm_hp is not None and len(self.hps) != 2 * len(self.hm_hp):
            raise DataError(f"head 'hps' must have 2 * {len(self.hm_hp)} channels, found {len(self.hps)}")

    @property
    def groups(self) -> int:
        """Number of landmark groups; 0 for boxes only."""
        return 0 if self.hps is None else len(self.hps) // 2

    def at_centres(self, cells: Index, owner: Index, group: Index) -> CentreValues:
        """Look up ``wh``, ``reg`` and ``hps``; see `ReadableHeads`."""
        cells_in_map = self.hm.shape[1] * self.hm.shape[2]
        x = 2 * group * cells_in_map + cells.take(owner)
        return CentreValues(
            sizes=_at(self.wh, cells),
            offsets=None if self.reg is None else _at(self.reg, cells),
            displacements=NOWHERE if self.hps is None else self.hps.reshape(-1).take(np.stack([x, x + cells_in_map])),
        )

    def at_landmarks(self, cells: Index) -> F32 | None:
        """Look up ``hp_offset``; see `ReadableHeads`."""
        return None if self.hp_offset is None else _at(self.hp_offset, cells)

    def dense(self) -> Heads:
        """Return the heads as they are."""
        return self


def _at(head: F32, cells: Index) -> F32:
    return head.reshape(len(head), -1).take(cells, axis=1)


def require_map(head: object, name: str, *, like: F32) -> None:
    """Require a (C, H, W) float32 array with as many cells as another map.

    Raises:
        DataError: it is none.
    """
    if not isinstance(head, np.ndarray) or head.ndim != 3 or head.dtype != np.float32:
        found = f"{head.dtype} {head.shape}" if isinstance(head, np.ndarray) else type(head).__name__
        raise DataError(f"head {name!r} must be a float32 array (C, H, W), found {found}")
    if head.shape[1:] != like.shape[1:]:
        raise DataError(f"head {name!r} has {head.shape[1:]} cells, but hm has {like.shape[1:]}")


def sigmoid(logits: F32) -> F32:
    """Turn logits into probabilities, elementwise."""
    with np.errstate(over="ignore"):  # exp overflows to infinity below -88: the quotient is then 0, as it should be
        return np.float32(1) / (np.float32(1) + np.exp(-logits))
