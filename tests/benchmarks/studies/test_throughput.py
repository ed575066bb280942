"""Ways through the same frames take turns, and an input that cannot be read is no fast one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from deepmark.benchmarks.studies.throughput import command
from deepmark.errors import DataError


@pytest.mark.slow
def test_every_way_is_measured_on_all_frames(
    demo_bundle: Path, demo_pictures: tuple[Path, ...], tmp_path: Path
) -> None:
    for path in demo_pictures[:2]:
        shutil.copy(path, tmp_path)
    done = CliRunner().invoke(command, [str(demo_bundle), str(tmp_path), "--rounds", "2", "--json"])
    assert done.exception is None, done.output
    found = json.loads(done.stdout)
    assert (found["frames"], found["rounds"]) == (2, 2)
    assert found["engine"].startswith("mnn ")
    assert [one["way"] for one in found["comparisons"]] == [
        "overlapped",
        "2 processes of 1 thread",
        "network, 4 frames as one input",
    ]
    for one in found["comparisons"]:
        assert 0.5 < one["rate"] < 5000
        assert 0.5 < one["rate_against"] < 5000
        assert one["low"] <= one["ratio"] <= one["high"]
        assert one["ratio"] == pytest.approx(one["rate"] / one["rate_against"], rel=0.7)


def test_a_picture_that_cannot_be_read_ends_it(demo_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    done = CliRunner().invoke(command, [str(demo_bundle), str(tmp_path)])
    assert isinstance(done.exception, DataError)
    assert "a.png is no picture" in str(done.exception)
