"""Rewrites of the sparse graph: all give the same numbers, and a wrong one is not timed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny import export_tiny, make_manifest, write_bundle

from deepmark.benchmarks.studies import graph_rewrites
from deepmark.benchmarks.studies.graph_rewrites import AS_EXPORTED, REWRITES, measure
from deepmark.errors import DataError
from deepmark.exporter import export
from deepmark.runtime.arrays import F32
from deepmark.runtime.manifest import Preprocess


@pytest.fixture(scope="module")
def sparse(demo_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(demo_checkpoint, ("onnx",), tmp_path_factory.mktemp("r"), size=(64, 64), heads="sparse").path


@pytest.mark.slow
def test_every_rewrite_gives_the_same_numbers_in_both_engines(sparse: Path) -> None:
    found = measure(sparse, threads=1, rounds=2)

    assert [(one.engine, one.name) for one in found] == [
        (engine, rewrite.name) for engine in ("mnn", "onnxruntime") for rewrite in REWRITES
    ]
    for one in found:
        assert one.largest_error < graph_rewrites.TOLERANCE
        assert one.interval[0] <= one.ratio <= one.interval[1]
        assert one.name != AS_EXPORTED or (one.ratio, one.largest_error) == (1, 0)


@pytest.mark.slow
def test_a_rewrite_that_changes_the_numbers_is_named(sparse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def darkened(pixels: F32, how: Preprocess) -> F32:
        return graph_rewrites._normalised(pixels / np.float32(2), how)

    wrong = replace(REWRITES[0], name="half as bright", feed=darkened)
    monkeypatch.setattr(graph_rewrites, "REWRITES", (REWRITES[0], wrong))
    with pytest.raises(DataError, match="half as bright in mnn is off by"):
        measure(sparse, threads=1, rounds=2)


def test_a_dense_bundle_has_nothing_to_rewrite(tiny_bundle: Path) -> None:
    with pytest.raises(DataError, match=r"has no sparse model\.onnx"):
        measure(tiny_bundle, threads=1, rounds=2)


@pytest.fixture
def tiny_bundle(tmp_path: Path) -> Path:
    manifest = make_manifest()
    export_tiny(tmp_path / "tiny.onnx", manifest)
    return write_bundle(tmp_path / "tiny.deepmark", manifest, {"model.onnx": tmp_path / "tiny.onnx"})
