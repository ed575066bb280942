"""The comparison of sparse with dense bundles: what it makes of its samples, and that it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepmark.benchmarks.studies.sparse_speed import _summary, compare


def test_the_ratio_is_that_of_runs_side_by_side() -> None:
    slow_and_fast_phases = [(2.0, 1.0), (20.0, 10.0), (4.0, 2.0)] * 20
    found = _summary("mnn 3", "frame", slow_and_fast_phases)
    assert (found.dense_ms, found.sparse_ms, found.ratio, found.low, found.high) == (4, 2, 2, 2, 2)
    assert found.pairs == 60


def test_the_interval_holds_the_ratio_and_is_wide_where_runs_differ() -> None:
    found = _summary("mnn 3", "frame", [(1.0, 1.0), (2.0, 1.0), (3.0, 1.0)] * 5)
    assert found.low <= found.ratio == 2 <= found.high
    assert found.low < found.high


@pytest.mark.slow
def test_every_engine_of_both_bundles_is_compared(demo_bundle: Path, demo_pictures: tuple[Path, ...]) -> None:
    found = compare(demo_bundle, demo_bundle, demo_pictures[:1], rounds=1, threshold=0.3)
    assert [(one.engine.split()[0], one.part) for one in found] == [
        ("mnn", "frame"), ("mnn", "network"), ("onnxruntime", "frame"), ("onnxruntime", "network"),
    ]  # fmt: skip
