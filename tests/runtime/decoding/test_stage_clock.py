"""The clock of a decoding's stages: it adds up, and changes nothing."""

from __future__ import annotations

import time

import numpy as np
import pytest

from deepmark.runtime.decoding.decoder import decode
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.decoding.stage_clock import STAGES, Stage, StageClock
from deepmark.runtime.heads.maps import Heads
from deepmark.runtime.keypoints.schema import KeypointSchema


def make_heads(schema: KeypointSchema) -> Heads:
    rng = np.random.default_rng(0)
    channels = {"hm": len(schema.classes), "wh": 2, "hps": 2 * schema.num_groups, "hm_hp": schema.num_groups}
    return Heads(**{name: rng.random((count, 12, 10)).astype(np.float32) for name, count in channels.items()})


@pytest.mark.parametrize(
    ("params", "search", "other"),
    [
        (DecoderParams(nms="soft"), "mask search", "nearest search"),
        (DecoderParams.baseline(), "nearest search", "mask search"),
    ],
)
def test_every_stage_but_the_other_search_takes_its_time(params: DecoderParams, search: Stage, other: Stage) -> None:
    schema, clock = KeypointSchema.coco_person(), StageClock()
    start = time.perf_counter_ns()
    found = decode(make_heads(schema), schema, params, clock=clock)
    whole = time.perf_counter_ns() - start
    assert set(clock.spent_ns) == set(STAGES)
    assert {stage for stage, spent in clock.spent_ns.items() if not spent} == {other}
    assert sum(clock.spent_ns.values()) <= whole
    once = clock.spent_ns[search]
    np.testing.assert_array_equal(decode(make_heads(schema), schema, params, clock=clock).boxes, found.boxes)
    assert clock.spent_ns[search] > once
    np.testing.assert_array_equal(decode(make_heads(schema), schema, params).boxes, found.boxes)
