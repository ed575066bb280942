"""A share of the pictures: staged as they come, then asked about one set of parameters after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepmark.exporter.tuning.staged_picture import StagedPicture
from deepmark.exporter.tuning.staged_set import Judgement, StagedSet
from deepmark.models.evaluation.average_precision import Verdicts
from deepmark.models.evaluation.picture_heads import PictureHeads
from deepmark.models.evaluation.picture_items import PictureItems
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.keypoints.schema import KeypointSchema


@dataclass(frozen=True, slots=True)
class StagingPlan:
    """What pictures are staged for.

    Attributes:
        schema: classes, groups and sigmas.
        params: parameters that are not searched for; the four others of it are not looked at.
        sigma_centers: values of ``sigma_center`` that may be asked for.
    """

    schema: KeypointSchema
    params: DecoderParams
    sigma_centers: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledHeads:
    """A picture's heads and what is to be found in it; ``position`` is the picture's among all."""

    position: int
    heads: PictureHeads
    items: PictureItems


class Shard:
    """The pictures of one process."""

    def __init__(self, plan: StagingPlan) -> None:
        self._plan = plan
        self._staged: list[StagedPicture] = []
        self._items: list[PictureItems] = []
        self._positions: list[int] = []
        self._set: StagedSet | None = None

    def add(self, pictures: Sequence[LabelledHeads]) -> int:
        """Stage pictures; return their number. Not after the first question."""
        assert self._set is None
        plan = self._plan
        for one in pictures:
            self._staged.append(StagedPicture(one.heads, plan.schema, plan.params, plan.sigma_centers))
            self._items.append(one.items)
            self._positions.append(one.position)
        return len(pictures)

    def judge(self, params: DecoderParams, *, boxes: bool) -> Judgement:
        """Tell what becomes of every detection; pictures by their position among all. See `StagedSet.evaluate`."""
        if self._set is None:
            plan = self._plan
            self._set = StagedSet(self._staged, self._items, plan.schema, plan.params, plan.sigma_centers)
        outcome = self._set.evaluate(params, boxes=boxes)
        positions = np.array(self._positions, np.intp)
        return Judgement(_placed(outcome.points, positions), _placed(outcome.boxes, positions))


def _placed(verdicts: Verdicts | None, positions: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Verdicts | None:
    return None if verdicts is None else replace(verdicts, pictures=positions[verdicts.pictures])
