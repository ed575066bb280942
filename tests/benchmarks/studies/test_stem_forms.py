"""Ways to write the first convolution: all give the same numbers, and a network that begins otherwise is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from outcome import Outcome
from tiny import export_tiny, make_manifest, write_bundle

from deepmark.benchmarks.studies.stem_forms import FORMS, TOLERANCE, measure
from deepmark.errors import DataError


@pytest.mark.slow
def test_every_form_and_shape_is_timed(study: Callable[..., Outcome], demo_bundle: Path) -> None:
    rows = json.loads(study("stem_forms", demo_bundle, "--rounds", 2, "--json").out)
    parts = [(row["part"].partition(",")[0], row["engine"]) for row in rows]
    expected = [("first three layers", "mnn")] * len(FORMS) + [("whole network", "mnn")] * 2
    assert parts == expected + [("whole network", "onnxruntime")] * 2 + [("whole network", "mnn")] * 6
    sizes = [row["part"].partition(", ")[2] for row in rows[len(FORMS) + 4 :: 2]]
    assert sizes == ["128x96", "96x128", "128x96"]
    for row in rows:
        assert row["low"] <= row["ratio"] <= row["high"]
        assert row["largest_error"] < TOLERANCE
        assert (row["memory_mib"] is None) == (row["engine"] == "onnxruntime")
    own, square = rows[len(FORMS) + 4 :][:2]
    assert square["memory_mib"] <= own["memory_mib"]


def test_another_network_is_refused(tmp_path: Path) -> None:
    manifest = make_manifest()
    export_tiny(tmp_path / "tiny.onnx", manifest)
    bundle = write_bundle(tmp_path / "tiny.deepmark", manifest, {"model.onnx": tmp_path / "tiny.onnx"})
    with pytest.raises(DataError, match="does not begin with a 7x7 convolution of all pixels"):
        measure(bundle, rounds=2)
