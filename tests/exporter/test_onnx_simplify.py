"""ONNX -> simplified ONNX: the same model, and nobody's notes in it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from tiny_network import HEADS

from deepmark.errors import ConversionError
from deepmark.exporter.onnx_simplify import simplify_onnx


def test_the_simplified_model_gives_the_same_and_keeps_our_metadata_only(tiny_onnx: Path, tmp_path: Path) -> None:
    target = tmp_path / "simple.onnx"
    simplify_onnx(tiny_onnx, target, heads=tuple(HEADS))
    before, after = onnx.load(str(tiny_onnx)), onnx.load(str(target))
    assert [entry.key for entry in after.metadata_props] == ["deepmark"]
    assert after.metadata_props == before.metadata_props
    image = np.random.default_rng(0).normal(size=(1, 3, 64, 32)).astype(np.float32)
    runs = [
        onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(list(HEADS), {"image": image})
        for path in (tiny_onnx, target)
    ]
    for right, other in zip(*runs, strict=True):
        np.testing.assert_allclose(other, right, atol=1e-6)


def test_without_onnxsim_the_hint_is_to_leave_it_out(
    tiny_onnx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxsim", None)
    with pytest.raises(ConversionError, match="onnxsim is not installed") as error:
        simplify_onnx(tiny_onnx, tmp_path / "simple.onnx", heads=tuple(HEADS))
    assert "--simplify" in (error.value.hint or "")
    assert not (tmp_path / "simple.onnx").exists()
