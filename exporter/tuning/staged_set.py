"""Many pictures at once: from decoder parameters to a verdict on every detection.

What two sets of parameters share:

==================  ==============================================================  ==================================
what differs        computed again                                                  kept
==================  ==============================================================  ==================================
``alpha``           scores, order, suppression, verdicts                            objects, landmarks, similarities
``sigma_center``    the same, from the centre scores of that value                  the same
``gamma``           positions, similarities, verdicts                               objects, landmarks
``sigma_keypoint``  landmarks, picture by picture, and everything behind them       objects, boxes, how boxes overlap
==================  ==============================================================  ==================================

Landmark scores and similarities are kept for every value that was asked for, so a map over both sigmas refines no
landmark twice. The results are those of `decode`, of a `Detector` and of the metric; tests hold them to these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepmark.exporter.tuning.judge import Judge, Ranked
from deepmark.exporter.tuning.staged_look import NO_CENTRE
from deepmark.exporter.tuning.staged_picture import Positions, StagedPicture
from deepmark.exporter.tuning.suppression import SuppressionTables, pick
from deepmark.models.evaluation.average_precision import Verdicts
from deepmark.models.evaluation.picture_items import PictureItems
from deepmark.runtime.arrays import F64
from deepmark.runtime.decoding.decoder import rescore
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.keypoints.schema import KeypointSchema


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """What became of all detections under some parameters: of landmarks, where there are some, and of boxes.

    Of the latter where they were asked for.
    """

    points: Verdicts | None
    boxes: Verdicts | None


class StagedSet:
    """Pictures that were decoded as far as no parameter matters.

    Args:
        pictures: pictures, at least one, all made with these schema, params and sigma_centers.
        items: items of each picture.
        schema: classes, groups and sigmas.
        params: parameters that are not searched for; the four others of it are not looked at.
        sigma_centers: values of ``sigma_center`` that may be asked for.
    """

    def __init__(
        self,
        pictures: Sequence[StagedPicture],
        items: Sequence[PictureItems],
        schema: KeypointSchema,
        params: DecoderParams,
        sigma_centers: Sequence[float],
    ) -> None:
        self._boxes_only = schema.boxes_only
        self._sigma_centers = tuple(sigma_centers)
        self._pictures = pictures
        counts = [len(one.class_ids) for one in self._pictures]
        picture_of = np.repeat(np.arange(len(counts)), counts)
        class_ids = np.concatenate([one.class_ids for one in self._pictures])
        self._groups = picture_of * len(schema.classes) + class_ids  # of objects that compete
        self._centre_scores = np.concatenate([one.centre_scores for one in self._pictures], axis=1)
        boxes = np.concatenate([one.boxes for one in self._pictures])
        self._looks = np.concatenate([one.looks for one in self._pictures])
        if params.nms is None and any(one.is_merged for one in self._pictures):  # as `detect_in_picture` merges
            params = replace(params, nms="soft")
        self._suppression = SuppressionTables.of(boxes, self._groups, params) if params.nms else None
        self._judge = Judge(self._pictures, items, schema)
        self._means: dict[float, F64] = {}
        self._similarities: dict[tuple[float, float], F64] = {}
        self._last: tuple[float, list[Positions]] | None = None  # sigma_keypoint that was refined last, and what came

    def evaluate(self, params: DecoderParams, *, boxes: bool) -> Judgement:
        """Tell what becomes of every detection under ``params``, and of its box too if ``boxes``.

        Args:
            params: parameters, like those that the set was made with but for the four that are searched for.
            boxes: whether boxes are judged too.
        """
        ranked = self.rank(params)
        points = None if self._boxes_only else self._judge.points(ranked, self._similarities_at(params))
        return Judgement(points, self._judge.boxes(ranked) if boxes else None)

    def rank(self, params: DecoderParams) -> Ranked:
        """Score, sort and suppress all objects, as the decoder does."""
        centre_scores = self._centre_scores[self._sigma_centers.index(params.sigma_center)]
        objects = np.flatnonzero(centre_scores != NO_CENTRE)
        before = centre_scores[objects]
        means = self._means_at(params)[objects]
        scores = rescore(before, means, params) if self._pictures[0].has_landmark_map else before
        keys = -before, self._looks[objects], -scores, self._groups[objects]
        order = np.lexsort(keys)  # stable: what is equal stays sorted by cell
        order = order[scores[order] >= np.float32(params.score_threshold)]
        objects, scores = objects[order], scores[order]
        if self._suppression is not None:
            kept, scores = pick(self._suppression, objects, self._groups[objects], scores)
            enough = scores >= np.float32(params.score_threshold)
            objects, scores = objects[kept][enough], scores[enough]
        return Ranked(objects, scores)

    def _means_at(self, params: DecoderParams) -> F64:
        if params.sigma_keypoint not in self._means:
            self._refine(params)
        return self._means[params.sigma_keypoint]

    def _similarities_at(self, params: DecoderParams) -> F64:
        key = params.sigma_keypoint, params.gamma
        if key not in self._similarities:
            if self._last is None or self._last[0] != params.sigma_keypoint:
                self._refine(params)
            assert self._last is not None
            self._similarities[key] = self._judge.similarities(self._last[1], params.gamma)
        return self._similarities[key]

    def _refine(self, params: DecoderParams) -> None:
        means, positions = [], []
        for picture, candidates in zip(self._pictures, self._judge.candidates, strict=True):
            mean, found = picture.refine(params, candidates)
            means.append(mean)
            positions.append(found)
        self._means[params.sigma_keypoint] = np.concatenate(means)
        self._last = params.sigma_keypoint, positions
