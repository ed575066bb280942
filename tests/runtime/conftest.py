"""A tiny network, exported once: all that the engines need to be tried on."""

from __future__ import annotations

import msgspec
import pytest
from tiny import Tiny, convert, export_tiny, make_manifest, write_bundle

from deepmark.runtime.manifest import Manifest


@pytest.fixture(scope="session")
def tiny_manifest() -> Manifest:
    return make_manifest()


@pytest.fixture(scope="session")
def tiny(tiny_manifest: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    folder = tmp_path_factory.mktemp("tiny")
    heads, size = tiny_manifest.heads, tiny_manifest.input
    replace = msgspec.structs.replace
    variants = {
        "tiny": tiny_manifest,
        "logits": replace(tiny_manifest, heads=replace(heads, activation="logits")),
        "fixed": replace(tiny_manifest, input=replace(size, dynamic=False)),
    }
    for name, manifest in variants.items():
        export_tiny(folder / f"{name}.onnx", manifest)
        convert(folder / f"{name}.onnx", folder / f"{name}.mnn")
    return Tiny(
        manifest=tiny_manifest,
        onnx=folder / "tiny.onnx",
        mnn=folder / "tiny.mnn",
        logits_onnx=folder / "logits.onnx",
        logits_mnn=folder / "logits.mnn",
        fixed_mnn=folder / "fixed.mnn",
        bundle=write_bundle(
            folder / "tiny.deepmark",
            tiny_manifest,
            {"model.onnx": folder / "tiny.onnx", "model.mnn": folder / "tiny.mnn"},
        ),
    )
