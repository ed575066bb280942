"""The small part of a picture's heads that any decoding of it reads, without loss.

A search decodes the same picture with hundreds of parameters, and an evaluation reads thousands of pictures. Whole,
heads take 3.4 MB at 256 pixels. `CompactHeads` keeps what `decode` can read under *any* sigmas, alpha, gamma, mask and
border, for at most ``Reach.top_k`` objects and landmarks above ``Reach.keypoint_threshold``; restored heads have zeros
elsewhere and decode to the same detections bit for bit.

Why that is exact. A blurred value is a mean of nine cells, so it is never above the largest of them. For landmarks: a
cell can pass the threshold only if it or a neighbour is above it; its value reads one ring of cells more. For centres
`centre_bounds` finds a floor that the best K are above under every sigma: a cell whose nine are all below it is never
among them, and the test for a maximum reads two rings around a cell that is not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from deepmark.models.evaluation.centre_bounds import around, find_centre_bounds
from deepmark.runtime.arrays import F32, Index, Mask
from deepmark.runtime.decoding.decoder import decode
from deepmark.runtime.decoding.landmarks import Pairs
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.heads.maps import Heads, ReadableHeads
from deepmark.runtime.keypoints.schema import KeypointSchema

Bits = npt.NDArray[np.uint8]

LOOSER = np.float32(0.999)  # of a threshold: nine float32 weights may add up to a hair more than 1


@dataclass(frozen=True, slots=True)
class Reach:
    """Which parameters restored heads decode exactly under.

    Attributes:
        top_k: largest number of objects.
        keypoint_threshold: lowest threshold of a landmark.
    """

    top_k: int = 100
    keypoint_threshold: float = 0.1

    @classmethod
    def of(cls, params: DecoderParams) -> Reach:
        """Reach a search's usual parameters, and these."""
        usual = cls()
        return cls(max(usual.top_k, params.top_k), min(usual.keypoint_threshold, params.keypoint_threshold))

    def covers(self, params: DecoderParams) -> bool:
        """Tell whether heads of this reach decode exactly under ``params``."""
        return params.top_k <= self.top_k and params.keypoint_threshold >= self.keypoint_threshold


@dataclass(frozen=True, slots=True, eq=False)
class SparseMaps:
    """Some cells of maps.

    Attributes:
        shape: shape of the maps; (C, H, W), or (1, H, W) for a pair of maps of which the same cells are kept.
        kept: (ceil(C * H * W / 8),) a bit for every cell.
        values: (n,) values of the cells that are kept, in their order; (2, n) of a pair.
    """

    shape: tuple[int, int, int]
    kept: Bits
    values: F32

    @classmethod
    def of(cls, maps: F32, mask: Mask) -> SparseMaps:
        """Keep the marked cells."""
        return cls((len(maps), *maps.shape[1:]), np.packbits(mask), maps[mask])

    def restore(self) -> F32:
        """Return whole maps, 0 where nothing was kept."""
        mask = np.unpackbits(self.kept, count=int(np.prod(self.shape))).view(np.bool_)
        maps = np.zeros((*self.values.shape[:-1], mask.size), np.float32)
        maps[..., mask] = self.values
        return maps.reshape(-1, *self.shape[1:])


@dataclass(frozen=True, slots=True, eq=False)
class CompactHeads:
    """What is left of one picture's heads.

    Attributes:
        schema: classes and groups of the network.
        reach: parameters that it was made for.
        hm: kept cells of the centre heatmaps.
        centres: (m,) cells of ``hm``, flat and ascending, that some sigma may make a centre.
        wh: (2, m) width and height at the centres.
        hps: (2, k) x and y of the landmarks of each centre's class, in its order.
        reg: (2, m) offsets of the centres; None without that head.
        hm_hp: kept cells of the landmark heatmaps; None without that head.
        hp_offset: offsets of the cells that a landmark may come from; None without that head.
    """

    schema: KeypointSchema
    reach: Reach
    hm: SparseMaps
    centres: npt.NDArray[np.uint32]
    wh: F32
    hps: F32
    reg: F32 | None
    hm_hp: SparseMaps | None
    hp_offset: SparseMaps | None

    @classmethod
    def of(cls, heads: ReadableHeads, schema: KeypointSchema, reach: Reach | None = None) -> CompactHeads:
        """Keep what decoding within ``reach`` (None for the usual one) can read.

        Raises:
            DataError: the heads do not fit the schema, or hold values that no network gives; as `decode` says it.
        """
        decode(heads, schema, replace(DecoderParams.baseline(), top_k=1))  # refuses what it would refuse later
        reach = reach or Reach()
        bounds = find_centre_bounds(heads.hm, reach.top_k)
        high: Mask = np.greater(heads.hm, bounds.floor)
        class_ids, cells = np.divmod(bounds.possible, heads.hm[0].size)
        pairs = Pairs.of(schema, class_ids)
        regressed = heads.at_centres(cells, pairs.owner, pairs.group)
        hm_hp, source = None, np.zeros((1, *heads.hm.shape[1:]), np.bool_)
        if heads.hm_hp is not None:
            above = heads.hm_hp > np.float32(reach.keypoint_threshold) * LOOSER
            hm_hp = SparseMaps.of(heads.hm_hp, around(above, 2))
            source = around(np.asarray(above.any(axis=0, keepdims=True)), 1)
        offsets = heads.at_landmarks(np.flatnonzero(source))
        return cls(
            schema=schema,
            reach=reach,
            hm=SparseMaps.of(heads.hm, around(high, 3)),
            centres=bounds.possible.astype(np.uint32),
            wh=regressed.sizes,
            hps=regressed.displacements,
            reg=regressed.offsets,
            hm_hp=hm_hp,
            hp_offset=None if offsets is None else SparseMaps(source.shape, np.packbits(source), offsets),
        )

    def restore(self) -> Heads:
        """Return heads that decode to the same detections, bit for bit; 0 where nothing was kept."""
        _, height, width = self.hm.shape
        class_ids, cells = np.divmod(self.centres.astype(np.intp), height * width)
        hps = None
        if not self.schema.boxes_only:
            pairs = Pairs.of(self.schema, class_ids)
            hps = np.zeros((self.schema.num_groups, 2, height * width), np.float32)
            hps[pairs.group, :, cells[pairs.owner]] = self.hps.T
            hps = hps.reshape(-1, height, width)
        return Heads(
            hm=self.hm.restore(),
            wh=self._write(cells, self.wh),
            hps=hps,
            reg=None if self.reg is None else self._write(cells, self.reg),
            hm_hp=None if self.hm_hp is None else self.hm_hp.restore(),
            hp_offset=None if self.hp_offset is None else self.hp_offset.restore(),
        )

    def _write(self, cells: Index, values: F32) -> F32:
        head = np.zeros((2, *self.hm.shape[1:]), np.float32)
        head.reshape(2, -1)[:, cells] = values
        return head
