"""What an export writes: the folder of the interface, complete, the same every time, and loadable as zip."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tiny_network import HEADS, TinyExport

from deepmark.runtime.bundle import open_bundle
from deepmark.runtime.engines.loading import load_engine


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_bundle_holds_the_models_the_manifest_and_four_vectors(tiny_bundle: Path) -> None:
    assert sorted(_content(tiny_bundle)) == [
        "manifest.json", "model.mnn", "model.onnx",
        "vectors/0.json", "vectors/0.png", "vectors/1.json", "vectors/1.png", "vectors/2.json", "vectors/2.png",
        "vectors/3.json", "vectors/3.png",
    ]  # fmt: skip


def test_the_manifest_says_everything_that_a_phone_needs(tiny_bundle: Path) -> None:
    manifest = open_bundle(tiny_bundle).manifest
    assert manifest.name == "tiny"
    assert (manifest.input.height, manifest.input.width, manifest.input.multiple, manifest.input.dynamic) == (
        64, 96, 32, True,
    )  # fmt: skip
    assert dict(manifest.heads.channels) == HEADS
    assert list(manifest.heads.channels) == list(HEADS)
    assert manifest.heads.activation == "probabilities"
    assert manifest.decoder.nms == "soft"
    assert (manifest.decoder.alpha, manifest.decoder.sigma_center, manifest.decoder.sigma_keypoint) == (0.8, 0.45, 0.9)
    assert manifest.source.file == "tiny.pth"
    assert set(manifest.versions) == {"deepmark", "torch", "onnx", "onnxruntime", "MNN", "numpy"}
    assert manifest.created_by.startswith("deepmark ")
    assert [(hop.reference, hop.candidate, hop.passed) for hop in manifest.parity] == [
        ("torch", "onnx", True), ("onnx", "mnn", True), ("torch", "mnn", True),
    ]  # fmt: skip
    assert all(hop.objects.expected > 0 for hop in manifest.parity)


@pytest.mark.parametrize("name", ["model.mnn", "model.onnx"])
def test_a_bare_model_file_out_of_the_bundle_carries_its_manifest(tiny_bundle: Path, name: str) -> None:
    bare = open_bundle(tiny_bundle / name).manifest
    whole = open_bundle(tiny_bundle).manifest
    assert bare.parity == ()
    assert bare.files == {}
    assert (bare.name, bare.heads, bare.keypoints, bare.decoder, bare.source) == (
        whole.name, whole.heads, whole.keypoints, whole.decoder, whole.source,
    )  # fmt: skip


@pytest.mark.slow
def test_the_same_checkpoint_gives_the_same_bytes(tiny_export: TinyExport, tmp_path: Path) -> None:
    one, other = (
        tiny_export(to=("onnx", "mnn"), output=tmp_path / folder, simplify=True, zip_too=True) for folder in ("a", "b")
    )
    assert _content(one.path) == _content(other.path)
    assert one.zip_path is not None
    assert other.zip_path is not None
    assert one.zip_path.read_bytes() == other.zip_path.read_bytes()


def test_nothing_in_a_bundle_names_this_machine_or_the_time(tiny_bundle: Path) -> None:
    for name, content in _content(tiny_bundle).items():
        assert str(tiny_bundle.parent).encode() not in content, name
    document = json.loads((tiny_bundle / "manifest.json").read_text())
    assert not [key for key in document if "time" in key or "date" in key or "host" in key]


@pytest.mark.slow
def test_only_what_was_asked_for_is_kept(tiny_export: TinyExport, tmp_path: Path) -> None:
    bundle = tiny_export(to=("mnn",))
    assert (bundle.path / "model.mnn").exists()
    assert not (bundle.path / "model.onnx").exists()
    assert [(hop.reference, hop.candidate) for hop in bundle.parity] == [
        ("torch", "onnx"), ("onnx", "mnn"), ("torch", "mnn"),
    ]  # fmt: skip
    only_onnx = tiny_export(to=("onnx",), name="other")
    assert not (only_onnx.path / "model.mnn").exists()
    assert len(only_onnx.parity) == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["other.deepmark", "tiny.deepmark"]


def test_the_zip_holds_the_same_below_one_folder_and_loads(tiny_bundle: Path) -> None:
    path = tiny_bundle.with_name("tiny.deepmark.zip")
    with zipfile.ZipFile(path) as archive:
        assert {name: archive.read(f"tiny.deepmark/{name}") for name in _content(tiny_bundle)} == _content(tiny_bundle)
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    image = np.zeros((64, 96, 3), np.uint8)
    with load_engine(path, threads=1) as packed, load_engine(tiny_bundle, threads=1) as plain:
        np.testing.assert_array_equal(packed.heads(image).hm, plain.heads(image).hm)


@pytest.mark.slow
@pytest.mark.parametrize("dynamic", [True, False])
@pytest.mark.parametrize("logits", [True, False])
def test_every_kind_of_graph_passes_parity_and_gives_the_same_heads(
    tiny_export: TinyExport, tiny_bundle: Path, dynamic: bool, logits: bool
) -> None:
    bundle = tiny_export(to=("onnx", "mnn"), dynamic=dynamic, logits=logits)
    image = np.full((64, 96, 3), 100, np.uint8)
    assert bundle.manifest.heads.activation == ("logits" if logits else "probabilities")
    for backend in ("mnn", "onnxruntime"):
        with load_engine(bundle.path, 1, backend) as engine, load_engine(tiny_bundle, 1, "onnxruntime") as usual:
            np.testing.assert_allclose(engine.heads(image).hm, usual.heads(image).hm, atol=1e-4)


@pytest.mark.slow
def test_a_dynamic_model_is_proven_at_another_size_too(tiny_export: TinyExport) -> None:
    dynamic, fixed = (tiny_export(to=("onnx",), dynamic=kind, name=f"d{kind}") for kind in (True, False))
    assert dynamic.parity.hops[0].pictures == fixed.parity.hops[0].pictures + 1


def test_an_older_zip_beside_a_new_bundle_is_mentioned(
    tiny_export: TinyExport, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "tiny.deepmark.zip").write_bytes(b"of last week")

    tiny_export(output=tmp_path)

    assert "tiny.deepmark.zip is of an earlier export" in caplog.text
    assert (tmp_path / "tiny.deepmark.zip").read_bytes() == b"of last week"
