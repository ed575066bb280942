"""Picking in many groups at once is the decoder's suppression of each, bit for bit."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from deepmark.exporter.tuning.suppression import SuppressionTables, pick
from deepmark.runtime.decoding.nms import hard_nms, pairwise_iou, soft_nms
from deepmark.runtime.decoding.params import DecoderParams


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 9), min_size=1, max_size=6),
    seed=st.integers(0, 2**32),
    ties=st.booleans(),
    params=st.sampled_from(
        [
            DecoderParams(nms="soft"),
            DecoderParams(nms="soft", nms_sigma=0.05, nms_score=0.3),
            DecoderParams(nms="hard", nms_iou=0.3),
        ]
    ),
)
def test_every_group_is_suppressed_as_by_the_decoder(
    sizes: list[int], seed: int, ties: bool, params: DecoderParams
) -> None:
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    corners = rng.uniform(0, 20, (len(groups), 2))
    boxes = np.hstack([corners, corners + rng.uniform(5, 20, (len(groups), 2))]).astype(np.float32)
    scores = rng.random(len(groups)).astype(np.float32)
    if ties:
        scores = np.round(scores, 1).astype(np.float32)
    taking_part = np.flatnonzero(rng.random(len(groups)) < 0.8)
    objects = taking_part[np.lexsort((-scores[taking_part], groups[taking_part]))]

    kept, left = pick(SuppressionTables.of(boxes, groups, params), objects, groups[objects], scores[objects])

    expected: list[int] = []
    decayed: list[float] = []
    for group in range(len(sizes)):
        own = np.flatnonzero(groups[objects] == group)
        overlap, before = pairwise_iou(boxes[objects[own]]), scores[objects[own]]
        if params.nms == "soft":
            stays, after = soft_nms(overlap, before, sigma=params.nms_sigma, threshold=params.nms_score)
        else:
            stays, after = hard_nms(overlap, before, threshold=params.nms_iou)
        expected += own[stays].tolist()
        decayed += after.tolist()
    assert kept.tolist() == expected
    assert left.tolist() == decayed
