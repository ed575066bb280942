"""The tiny network with deformable convolutions, as ONNX; never written to by a test."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_deformable import tiny_deformable
from tiny_network import HEADS, tiny_manifest

from deepmark.exporter.to_onnx import export_onnx


@pytest.fixture(scope="session")
def native_onnx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("deformable") / "native.onnx"
    metadata = tiny_manifest().to_json(compact=True).decode()
    export_onnx(
        tiny_deformable(), path, heads=tuple(HEADS), size=(64, 96), dynamic=True, logits=True, metadata=metadata
    )
    return path
