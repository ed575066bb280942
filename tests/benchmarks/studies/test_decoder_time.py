"""The decoder's benchmark: it measures what it says it measures."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from outcome import Outcome

from deepmark.benchmarks.studies.decoder_time import SETTINGS
from deepmark.benchmarks.studies.support.scene import SceneLoad, make_scene
from deepmark.runtime.decoding.decoder import decode
from deepmark.runtime.decoding.nms import pairwise_iou
from deepmark.runtime.decoding.padded import PaddedMaps
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.decoding.peaks import find_centres
from deepmark.runtime.decoding.stage_clock import STAGES
from deepmark.runtime.keypoints.schema import KeypointSchema


def test_the_scene_is_the_load_that_the_goal_names() -> None:
    schema = KeypointSchema.deepfashion2()
    heads = make_scene(schema, SceneLoad())
    assert heads.hm.shape == (13, 64, 64)
    assert len(find_centres(PaddedMaps.of(heads.hm), 10_000).cells) > 500  # weak peaks to sort through
    found = decode(heads, schema, DecoderParams(score_threshold=0.2))
    assert len(found) >= 20
    assert len(set(found.class_ids.tolist())) >= 8
    overlap = pairwise_iou(found.boxes)
    np.fill_diagonal(overlap, 0)
    assert (overlap > 0.2).sum() >= 20
    assert sum(flags.mean() > 0.5 for flags in found.refined) >= 20


def test_a_seed_gives_one_scene() -> None:
    schema = KeypointSchema.deepfashion2()
    one, same, other = (make_scene(schema, SceneLoad((16, 16), seed=seed)) for seed in (1, 1, 2))
    assert one.hm_hp is not None
    assert same.hm_hp is not None
    assert other.hm_hp is not None
    np.testing.assert_array_equal(one.hm_hp, same.hm_hp)
    assert not np.array_equal(one.hm_hp, other.hm_hp)


@pytest.mark.slow
def test_the_report_has_every_setting_with_shares_that_add_up(study: Callable[..., Outcome]) -> None:
    report = json.loads(study("decoder_time", "--json", "--runs", 3).out)
    assert report["numpy"] == np.__version__
    assert {one["setting"] for one in report["timings"]} == set(SETTINGS)
    for one in report["timings"]:
        assert 0 < one["min_ms"] <= one["median_ms"] <= one["p90_ms"]
        assert sum(one["shares"].values()) == pytest.approx(1, abs=0.01)
        assert set(one["shares"]) <= {*STAGES, "rest"}
        assert "candidates" in one["shares"]
