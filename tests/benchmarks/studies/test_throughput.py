"""Ways through the same frames take turns, and an input that cannot be read is no fast one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from outcome import Outcome

from deepmark.errors import DataError


@pytest.mark.slow
def test_every_way_is_measured_on_all_frames(
    study: Callable[..., Outcome], demo_bundle: Path, demo_pictures: tuple[Path, ...], tmp_path: Path
) -> None:
    for path in demo_pictures[:2]:
        shutil.copy(path, tmp_path)
    found = json.loads(study("throughput", demo_bundle, tmp_path, "--rounds", 2, "--json").out)
    assert (found["frames"], found["rounds"]) == (2, 2)
    assert found["engine"].startswith("mnn ")
    assert [one["way"] for one in found["comparisons"]] == [
        "overlapped",
        "2 processes of 1 thread",
        "network, 4 frames as one input",
    ]
    for one in found["comparisons"]:
        assert 0 < one["rate"] < 5000  # a busy machine has less than one frame a second
        assert 0 < one["rate_against"] < 5000
        assert one["low"] <= one["ratio"] <= one["high"]
        assert one["ratio"] == pytest.approx(one["rate"] / one["rate_against"], rel=0.7)


@pytest.mark.slow
def test_a_picture_that_cannot_be_read_ends_it(
    study: Callable[..., Outcome], demo_bundle: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(DataError, match=r"a\.png is no picture"):
        study("throughput", demo_bundle, tmp_path)
