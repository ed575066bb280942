"""Several processes give what one gives, in any number, and one that dies ends the search with a sentence."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
from tuning_pictures import SCHEMA, make_pictures, make_truth

from deepmark.errors import DataError, EngineError
from deepmark.exporter.tuning.shard import LabelledHeads, StagingPlan
from deepmark.exporter.tuning.staged_set import Judgement
from deepmark.exporter.tuning.worker_pool import open_pool
from deepmark.models.evaluation.average_precision import Verdicts
from deepmark.models.evaluation.picture_items import by_picture
from deepmark.runtime.decoding.params import DecoderParams

FIXED = DecoderParams(nms="soft")
PLAN = StagingPlan(SCHEMA, FIXED, (0.0, 0.45))
MANY = [replace(FIXED, alpha=alpha, sigma_center=sigma) for alpha in (0.2, 0.8) for sigma in (0.0, 0.45)]


def labelled(count: int) -> list[LabelledHeads]:
    pictures = make_pictures(count)
    items = by_picture(make_truth(pictures))
    return [LabelledHeads(at, one, items[one.image_id]) for at, one in enumerate(pictures)]


def assert_same(found: Judgement, expected: Judgement) -> None:
    for one, two in ((found.points, expected.points), (found.boxes, expected.boxes)):
        assert one is not None
        assert two is not None
        for name in Verdicts.__slots__:
            np.testing.assert_array_equal(getattr(one, name), getattr(two, name), err_msg=name)


@pytest.mark.slow
def test_two_processes_give_what_one_gives_and_end_with_the_block() -> None:
    pictures = labelled(21)
    steps: list[int] = []
    with open_pool(PLAN, iter(pictures), 1) as alone:
        expected = list(alone.judge(MANY, boxes=True))
    with open_pool(PLAN, iter(pictures), 2, lambda: steps.append(1)) as pool:
        found = list(pool.judge(MANY, boxes=True))
        assert len(multiprocessing.active_children()) == 2

    assert not multiprocessing.active_children()
    assert len(steps) == 21
    assert len(found) == len(MANY)
    for one, two in zip(found, expected, strict=True):
        assert_same(one, two)


@pytest.mark.slow
def test_a_killed_process_is_one_sentence_and_takes_the_other_with_it() -> None:
    with open_pool(PLAN, iter(labelled(4)), 2) as pool:
        pid = multiprocessing.active_children()[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(EngineError, match="worker process of the search was killed by SIGKILL"):
            list(pool.judge(MANY, boxes=False))

    assert not multiprocessing.active_children()


@pytest.mark.slow
def test_an_error_in_a_process_is_raised_here() -> None:
    bad = labelled(2)
    (look,) = bad[1].heads.looks
    without = replace(look, heads=replace(look.heads, wh=look.heads.wh * np.nan))
    broken = replace(bad[1], heads=replace(bad[1].heads, looks=(without,)))

    with (
        pytest.raises(DataError, match="'wh' must hold finite numbers"),
        open_pool(PLAN, iter([bad[0], broken]), 2),
    ):
        pass

    assert not multiprocessing.active_children()
