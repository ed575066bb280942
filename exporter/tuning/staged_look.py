"""One look at a picture, decoded as far as no parameter matters: every object that any blur of ``hm`` makes a centre.

The decoder treats objects independently of each other until it sorts them. So the objects of all values of
``sigma_center`` are located once and their landmarks refined once per ``sigma_keypoint``, by the decoder's own
functions; ``alpha`` and ``gamma`` only combine what these give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepmark.models.evaluation.compact_heads import CompactHeads
from deepmark.models.evaluation.picture_heads import CompactLook
from deepmark.runtime.arrays import F32, F64, Index, Mask
from deepmark.runtime.decoding.decoder import mean_values
from deepmark.runtime.decoding.landmarks import Landmarks, Pairs, refine
from deepmark.runtime.decoding.padded import PaddedMaps
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.decoding.peaks import Centres, boxes_at, find_centres, require_cells
from deepmark.runtime.heads.maps import Heads
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.transform import Letterbox

NO_CENTRE = np.float32(-1)


@dataclass(frozen=True, slots=True, eq=False)
class LookPositions:
    """The P landmarks of some objects, one object after the other, before technique 3.

    Attributes:
        coarse: (2, P) regressed x, y, in cells.
        refined: (2, P) x, y found in the heatmap, in cells.
        is_refined: (P,) whether one was found in the heatmap.
        transform: the picture's transform from cells to pixels.
    """

    coarse: F32
    refined: F32
    is_refined: Mask
    transform: Letterbox

    def combine(self, gamma: float) -> F32:
        """Give final positions, (P, 2) in pixels of the picture: Eq. (3) as the decoder computes it."""
        weight = np.float32(gamma)
        mixed = weight * self.refined + (1 - weight) * self.coarse
        return self.transform.to_image(np.where(self.is_refined, mixed, self.coarse).T)


class StagedLook:
    """The N objects of one look, sorted by class and then by cell.

    Args:
        look: heads of the picture, and its place in the network's input.
        schema: classes and groups.
        params: parameters that are not searched for; the four others of it are not looked at.
        sigma_centers: values of ``sigma_center`` that may be asked for.

    Attributes:
        class_ids: (N,) class of each object.
        centre_scores: (values of sigma_center, N) blurred centre score; `NO_CENTRE` where it is not among the best K.
        boxes: (N, 4) x1, y1, x2, y2 in pixels of the picture.
        has_landmark_map: whether the network has ``hm_hp``; without it scores are centre scores.
    """

    def __init__(
        self, look: CompactLook, schema: KeypointSchema, params: DecoderParams, sigma_centers: Sequence[float]
    ) -> None:
        heads = look.heads.restore()
        self.has_landmark_map = heads.hm_hp is not None
        found = [
            find_centres(PaddedMaps.blurred(heads.hm, sigma, params.border), params.top_k) for sigma in sigma_centers
        ]
        in_map = heads.hm.shape[1] * heads.hm.shape[2]
        keys = np.unique(np.concatenate([one.class_ids * in_map + one.cells for one in found]))
        self.class_ids, cells = keys // in_map, keys % in_map
        self.centre_scores = np.full((len(found), len(keys)), NO_CENTRE, np.float32)
        for row, one in zip(self.centre_scores, found, strict=True):
            row[np.searchsorted(keys, one.class_ids * in_map + one.cells)] = one.scores
        y, x = np.divmod(cells, heads.hm.shape[2])
        centres = Centres(np.zeros(len(keys), np.float32), self.class_ids, cells, np.stack([x, y]).astype(np.float32))
        self._pairs = Pairs.of(schema, self.class_ids)
        regressed = heads.at_centres(cells, self._pairs.owner, self._pairs.group)
        self._sizes = np.maximum(require_cells(regressed.sizes, "wh"), 0)
        self._boxes = boxes_at(centres, self._sizes, regressed.offsets)
        moved = require_cells(regressed.displacements, "hps")
        self._coarse = centres.xy.take(self._pairs.owner, axis=1) + moved
        self._heads, self._transform = look.heads, look.transform
        corners = np.ascontiguousarray(self._boxes.T).reshape(-1, 2, 2)
        self.boxes = self._transform.to_image(corners).reshape(-1, 4)

    def refine(self, params: DecoderParams, objects: Index) -> tuple[F64, LookPositions]:
        """Look the landmarks up in the heatmap.

        Args:
            params: parameters, of which ``sigma_keypoint`` matters, and what is not searched for.
            objects: (n,) objects whose positions are wanted, ascending.

        Returns:
            ``Score_kps`` of Eq. (1) of all objects, (N,), and the positions.
        """
        heads = _landmark_heads(self._heads)
        whole = replace(params, gamma=1.0)  # refined positions as they are
        landmarks = refine(self._pairs, self._coarse, self._sizes, self._boxes, heads, whole)
        return mean_values(self._pairs, landmarks, params), self._positions(landmarks, objects)

    def _positions(self, landmarks: Landmarks, objects: Index) -> LookPositions:
        wanted = np.zeros(len(self.class_ids), np.bool_)
        wanted[objects] = True
        pairs = wanted[self._pairs.owner]
        return LookPositions(
            coarse=self._coarse[:, pairs],
            refined=landmarks.xy[:, pairs],
            is_refined=landmarks.refined[pairs],
            transform=self._transform,
        )


def _landmark_heads(compact: CompactHeads) -> Heads:
    """Restore what `refine` reads, which is a third of the work; the other heads are zeros that are never touched."""
    (_, height, width), groups = compact.hm.shape, compact.schema.num_groups
    return Heads(
        hm=np.zeros(compact.hm.shape, np.float32),
        wh=np.zeros((2, height, width), np.float32),
        hps=np.zeros((2 * groups, height, width), np.float32) if groups else None,
        hm_hp=None if compact.hm_hp is None else compact.hm_hp.restore(),
        hp_offset=None if compact.hp_offset is None else compact.hp_offset.restore(),
    )
