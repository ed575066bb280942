"""Python and the C++ runtime, compared."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from outcome import Outcome

from deepmark.benchmarks.studies.native_speed import PARTS

pytestmark = pytest.mark.slow


def test_both_sides_are_timed_on_the_same_frames(
    study: Callable[..., Outcome], demo_bundle: Path, demo_pictures: tuple[Path, ...]
) -> None:
    if missing := [tool for tool in ("cmake", "g++", "nm") if shutil.which(tool) is None]:
        pytest.skip(f"needs {', '.join(missing)}")
    options = ("--rounds", 2, "--runs", 3, "--threshold", 0, "--json")

    done = study("native_speed", demo_bundle, *demo_pictures[:2], *options)

    rows = {row["part"]: row for row in json.loads(done.out)}
    assert tuple(rows) == PARTS
    for row in rows.values():
        assert row["runs"] == 6
        assert row["ratio"] == pytest.approx(row["python_ms"] / row["native_ms"], rel=0.05, abs=0.01)
    for side in ("python_ms", "native_ms"):
        assert rows["frame"][side] > max(rows[part][side] for part in PARTS[:-1])
