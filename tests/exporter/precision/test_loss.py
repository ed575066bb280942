"""What a precision costs, and when that is too much."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tiny import tiny_schema

from deepmark.errors import ParityError, UsageError
from deepmark.exporter.objects import decode_objects
from deepmark.exporter.parity import ParitySample
from deepmark.exporter.precision.loss import LossTally, broken_heads, map_loss, require
from deepmark.exporter.precision.plan import Limits
from deepmark.models.evaluation.drawn_accuracy import Accuracy
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.heads.maps import Heads
from deepmark.runtime.provenance import AveragePrecisionLoss, HeadLoss, PrecisionLoss

SCHEMA, PARAMS = tiny_schema(), DecoderParams()


def _heads() -> Heads:
    """One shirt whose landmarks lie 3 cells to the left and right of its centre."""
    maps = {name: np.zeros((count, 16, 16), np.float32) for name, count in (("hm", 2), ("wh", 2), ("hps", 6))}
    maps["hm"][0, 8, 8] = 0.9
    maps["wh"][:] = 8
    maps["hps"][:4] = np.array([-3, 0.5, 3, 0.5], np.float32)[:, None, None]
    return Heads(**maps)


def _sample(heads: Heads) -> ParitySample:
    return ParitySample({}, {}, decode_objects(heads, SCHEMA, PARAMS), heads)


def _loss(changed: Heads) -> PrecisionLoss:
    tally = LossTally(SCHEMA, PARAMS)
    tally.add(_sample(_heads()), _sample(changed))
    return tally.result()


def _changed(name: str, by: float) -> Heads:
    return replace(_heads(), **{name: getattr(_heads(), name) + np.float32(by)})


def test_the_same_heads_cost_nothing() -> None:
    loss = _loss(_heads())
    assert (loss.pictures, loss.objects, loss.kept) == (1, 2, 1)
    assert loss.landmark_error == loss.box_error == 0
    assert {(one.head, one.max_error, one.kept) for one in loss.heads} == {("hm", 0, 1), ("wh", 0, 1), ("hps", 0, 1)}
    require(loss, Limits(min_kept=1), "w8")


def test_a_small_error_is_measured_in_its_head_and_in_the_landmarks() -> None:
    loss = _loss(_changed("hps", 0.25))
    errors = {one.head: (one.max_error, one.mean_error) for one in loss.heads}
    assert errors == {"hm": (0, 0), "wh": (0, 0), "hps": (0.25, 0.25)}
    assert loss.kept == 1
    assert loss.landmark_error == pytest.approx(0.25 * 2**0.5, rel=1e-3)
    assert loss.box_error == 0


def test_the_head_that_breaks_objects_is_named_and_the_others_are_not() -> None:
    loss = _loss(_changed("hps", 4))
    assert {one.head: one.kept for one in loss.heads} == {"hm": 1, "wh": 1, "hps": 0}
    with pytest.raises(ParityError, match=r"int8 is not good enough: 0\.0% of 2 .* broken heads: hps$") as error:
        require(loss, Limits(), "int8")
    assert error.value.exit_code == 3
    assert error.value.report is loss
    assert "--calibration" in str(error.value.hint)


def test_nan_is_never_good_enough_even_where_no_object_reads_it() -> None:
    heads = _heads()
    heads.wh[0, 0, 0] = np.nan
    loss = _loss(heads)
    assert broken_heads(loss, Limits()) == ("wh",)
    with pytest.raises(ParityError, match="broken heads: wh"):
        require(loss, Limits(min_kept=0), "fp16")


def test_no_object_at_all_proves_nothing() -> None:
    heads = replace(_heads(), hm=np.zeros((2, 16, 16), np.float32))
    tally = LossTally(SCHEMA, PARAMS)
    tally.add(_sample(heads), _sample(heads))
    with pytest.raises(ParityError, match="no picture shows an object"):
        require(tally.result(), Limits(min_kept=0), "w8")


def _with_accuracy(points: float, boxes: float) -> PrecisionLoss:
    head = HeadLoss(head="hm", max_error=0, mean_error=0, kept=1)
    accuracy = AveragePrecisionLoss(pictures=9, fp32_points=0.6, points=points, fp32_boxes=0.7, boxes=boxes)
    return PrecisionLoss(1, 2, 1.0, 0.0, 0.0, (head,), accuracy)


@pytest.mark.parametrize(("points", "boxes"), [(0.59, 0.7), (0.6, 0.69), (0.7, 0.695)])
def test_either_map_may_fall_by_the_limit_and_no_more(points: float, boxes: float) -> None:
    loss = _with_accuracy(points, boxes)
    assert loss.accuracy is not None
    require(loss, Limits(max_map_drop=loss.accuracy.drop), "w8")
    with pytest.raises(ParityError, match=r"mAP_pt falls from 0\.6000 .* on 9 drawings, 0\.004 is allowed"):
        require(loss, Limits(max_map_drop=0.004), "w8")


def test_both_figures_of_both_models_are_kept() -> None:
    found = map_loss(Accuracy(0.5, 0.4), Accuracy(0.45, 0.41), 7)
    assert found == AveragePrecisionLoss(pictures=7, fp32_points=0.5, points=0.45, fp32_boxes=0.4, boxes=0.41)
    assert found.drop == pytest.approx(0.05)


def test_a_model_that_finds_nothing_cannot_lose_anything() -> None:
    with pytest.raises(UsageError, match="mAP of 0 on drawings"):
        map_loss(Accuracy(0, 0), Accuracy(0, 0), 7)
