"""The cache of heads stays within its room."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deepmark.models.evaluation.store import IN_USE_S, SUFFIX, make_room

NOW = 2_000_000_000.0


def model(cache: Path, name: str, *, days_ago: float, suffix: str = SUFFIX) -> Path:
    folder = cache / name
    folder.mkdir()
    (folder / f"a{suffix}").write_bytes(b"x" * 1000)
    os.utime(folder, (NOW - days_ago * 86400, NOW - days_ago * 86400))
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    model(tmp_path, "month", days_ago=30)
    model(tmp_path, "week", days_ago=7)
    model(tmp_path, "hour", days_ago=1 / 24)
    model(tmp_path, "foreign", days_ago=400, suffix=".txt")
    (tmp_path / "file").write_text("not a folder")
    return tmp_path


def left(cache: Path) -> set[str]:
    return {folder.name for folder in cache.iterdir()}


@pytest.mark.parametrize(
    ("most", "gone"),
    [(3000, set()), (2999, {"month"}), (1500, {"month", "week"}), (0, {"month", "week"})],
)
def test_the_least_recently_used_go_first_and_recent_ones_stay(cache: Path, most: int, gone: set[str]) -> None:
    make_room(cache, cache / "now", most=most, now=NOW)
    assert left(cache) == {"month", "week", "hour", "foreign", "file", "now"} - gone
    assert IN_USE_S == 86400


def test_the_folder_in_use_stays_however_old(cache: Path) -> None:
    make_room(cache, cache / "month", most=0, now=NOW)
    assert left(cache) == {"month", "hour", "foreign", "file"}
    assert (cache / "month").stat().st_mtime == NOW
