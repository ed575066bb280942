"""The tiny network as files, and an export that uses it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_network import HEADS, TinyExport, export_loaded, tiny_loaded, tiny_manifest, tiny_network

from deepmark.exporter.pipeline import ExportResult, export
from deepmark.exporter.to_mnn import convert_to_mnn
from deepmark.exporter.to_onnx import export_onnx


@pytest.fixture(scope="session")
def tiny_onnx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny network as ONNX, with its manifest inside; never written to by a test."""
    path = tmp_path_factory.mktemp("tiny") / "tiny.onnx"
    metadata = tiny_manifest().to_json(compact=True).decode()
    export_onnx(tiny_network(), path, heads=tuple(HEADS), size=(64, 96), dynamic=True, logits=False, metadata=metadata)
    return path


@pytest.fixture(scope="session")
def tiny_mnn(tiny_onnx: Path) -> Path:
    path = tiny_onnx.with_suffix(".mnn")
    convert_to_mnn(tiny_onnx, path)
    return path


@pytest.fixture
def tiny_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyExport:
    """Run `export` with the tiny network in place of what is in the checkpoint, every head as a whole map."""
    checkpoint = tmp_path / "checkpoints" / "tiny.pth"
    checkpoint.parent.mkdir()
    checkpoint.write_bytes(b"stands for weights")
    monkeypatch.setattr("deepmark.models.loading.load_checkpoint", lambda *_, **__: tiny_loaded())

    def run(
        *, output: Path = tmp_path / "out", size: tuple[int, int] = (64, 96), heads: str = "dense", **options: Any
    ) -> ExportResult:
        return export(checkpoint, output=output, size=size, heads=heads, **options)

    return run


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny network's bundle with both models and whole maps; never written to by a test."""
    folder = tmp_path_factory.mktemp("tiny-bundle")
    return export_loaded(folder, tiny_loaded(), to=("onnx", "mnn"), size=(64, 96), heads="dense", zip_too=True).path
