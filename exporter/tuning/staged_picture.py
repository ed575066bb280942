"""One picture, decoded as far as no parameter matters, at every scale that it was looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepmark.exporter.tuning.staged_look import LookPositions, StagedLook
from deepmark.models.evaluation.picture_heads import PictureHeads
from deepmark.runtime.arrays import F32, F64, Index
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.keypoints.schema import KeypointSchema


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """The P landmarks of some objects, one object after the other, before technique 3.

    Attributes:
        looks: landmarks of each look's objects.
        order: (P,) place of each landmark among those of all looks.
    """

    looks: tuple[LookPositions, ...]
    order: Index

    def combine(self, gamma: float) -> F32:
        """Give final positions, (P, 2) in pixels of the picture: Eq. (3) as the decoder computes it."""
        points: F32 = np.concatenate([one.combine(gamma) for one in self.looks])[self.order]
        return points


class StagedPicture:
    """The N objects of one picture, sorted by class, then by look, then by cell.

    Args:
        picture: heads of the picture.
        schema: classes and groups.
        params: parameters that are not searched for; the four others of it are not looked at.
        sigma_centers: values of ``sigma_center`` that may be asked for.

    Attributes:
        class_ids: (N,) class of each object.
        looks: (N,) number of the look that found each object.
        centre_scores: (values of sigma_center, N) blurred centre score; `NO_CENTRE` where it is not among the best K.
        boxes: (N, 4) x1, y1, x2, y2 in pixels of the picture.
        has_landmark_map: whether the network has ``hm_hp``; without it scores are centre scores.
        is_merged: whether there are several looks, whose objects are merged by suppression.
    """

    def __init__(
        self, picture: PictureHeads, schema: KeypointSchema, params: DecoderParams, sigma_centers: Sequence[float]
    ) -> None:
        self._looks = [StagedLook(one, schema, params, sigma_centers) for one in picture.looks]
        self._lengths = np.array([len(one.groups) for one in schema.classes])
        class_ids = np.concatenate([one.class_ids for one in self._looks])
        self._order = np.argsort(class_ids, kind="stable")  # place of each object among those of all looks
        self.class_ids = class_ids[self._order]
        counts = [len(one.class_ids) for one in self._looks]
        self.looks = np.repeat(np.arange(len(counts)), counts)[self._order]
        self.centre_scores: F32 = np.concatenate([one.centre_scores for one in self._looks], axis=1)[:, self._order]
        self.boxes: F32 = np.concatenate([one.boxes for one in self._looks])[self._order]
        self.has_landmark_map = self._looks[0].has_landmark_map
        self.is_merged = len(self._looks) > 1

    def refine(self, params: DecoderParams, objects: Index) -> tuple[F64, Positions]:
        """Look the landmarks up in the heatmap.

        Args:
            params: parameters, of which ``sigma_keypoint`` matters, and what is not searched for.
            objects: (n,) objects whose positions are wanted, ascending.

        Returns:
            ``Score_kps`` of Eq. (1) of all objects, (N,), and the positions.
        """
        wanted = np.zeros(len(self.class_ids), np.bool_)
        wanted[self._order[objects]] = True
        means, positions, begin = [], [], 0
        for look in self._looks:
            end = begin + len(look.class_ids)
            mean, found = look.refine(params, np.flatnonzero(wanted[begin:end]))
            means.append(mean)
            positions.append(found)
            begin = end
        scores: F64 = np.concatenate(means)[self._order]
        return scores, Positions(tuple(positions), self._landmark_order(objects))

    def _landmark_order(self, objects: Index) -> Index:
        """Say where the landmarks of some objects lie among those that all looks give."""
        lengths = self._lengths[self.class_ids[objects]]
        by_look = np.argsort(self._order[objects])
        sizes = lengths[by_look]
        starts = np.empty(len(objects), np.intp)
        starts[by_look] = sizes.cumsum() - sizes
        order: Index = np.arange(lengths.sum()) + np.repeat(starts - (lengths.cumsum() - lengths), lengths)
        return order
