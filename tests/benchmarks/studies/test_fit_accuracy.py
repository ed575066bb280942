"""The study of what inputs of pictures' own shapes cost in accuracy."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from outcome import Outcome

from deepmark.benchmarks.studies.fit_accuracy import FitLoss
from deepmark.models.evaluation.gains import Gain


@pytest.mark.slow
def test_both_fits_are_measured_on_pictures_of_each_shape(
    study: Callable[..., Outcome], demo_bundle: Path, tmp_path: Path
) -> None:
    done = study("fit_accuracy", demo_bundle, "-o", tmp_path / "fits", "--pictures", 3, "--json")
    found = json.loads(done.out)
    assert [(loss["shape"], loss["pictures"]) for loss in found["losses"]] == [("3:4", 4), ("9:16", 4)]
    for loss in found["losses"]:
        for gain in (loss["points"], loss["boxes"]):
            assert 0 < gain["before"] <= 1
            assert gain["low"] <= gain["after"] - gain["before"] <= gain["high"]
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "fits").rglob("*.heads")}
    assert len(kept) == 4
    again = study("fit_accuracy", demo_bundle, "-o", tmp_path / "fits", "--pictures", 3)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert "of either mAP: the worst change is" in again.err


def test_a_model_that_is_not_there_is_refused_before_anything_is_drawn(
    study: Callable[..., Outcome], tmp_path: Path
) -> None:
    with pytest.raises(Exception, match="does not exist"):
        study("fit_accuracy", tmp_path / "none.deepmark", "-o", tmp_path / "fits")
    assert not (tmp_path / "fits").exists()


@pytest.mark.parametrize(("points", "boxes", "small"), [(0.3951, 0.6, True), (0.394, 0.6, False), (0.4, 0.594, False)])
def test_a_loss_is_small_where_neither_map_loses_more_than_half_a_point(
    points: float, boxes: float, small: bool
) -> None:
    loss = FitLoss("m", (256, 256), "3:4", 500, Gain(0.4, points, 0, 0), Gain(0.6, boxes, 0, 0))
    assert loss.is_small == small
