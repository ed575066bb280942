"""A refiner's bundle: every step equal in pixels, whole or not there, and proven again by its golden vectors."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from drawn_refiners import write_fresh_refiner

from deepmark.errors import BundleError, CheckpointError, ParityError, UsageError
from deepmark.exporter.refinement.poses import gather_poses
from deepmark.exporter.refinement.refiner_export import export_refiner, verify_refiner
from deepmark.models.refiner.checkpoint import load_refiner
from deepmark.runtime.refinement.refiner_bundle import open_refiner
from deepmark.runtime.refinement.refiner_engine import load_refiner_engine

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("refiner") / "fresh.pth"
    write_fresh_refiner(path)
    return path


@pytest.fixture(scope="module")
def bundle(checkpoint: Path) -> Path:
    return export_refiner(checkpoint, ("onnx", "mnn"), checkpoint.parent, zip_too=True).path


def test_landmarks_are_where_torch_puts_them(bundle: Path) -> None:
    manifest = open_refiner(bundle).manifest

    assert [hop.candidate for hop in manifest.parity] == ["onnx", "mnn"]
    assert all(hop.passed and hop.poses == 8 and hop.max_error_px < 0.01 for hop in manifest.parity)
    assert manifest.channels == manifest.keypoints.groups
    assert (manifest.backbone, manifest.num_channels, manifest.input.sigma) == ("slim", 62, 1.75)


def test_without_fast_convolutions_mnn_is_nearer_still(bundle: Path, checkpoint: Path) -> None:
    opened = open_refiner(bundle)
    engines = [load_refiner_engine(opened, 1, "mnn", winograd=0), load_refiner_engine(opened, 1, "onnxruntime")]
    crops = gather_poses(load_refiner(checkpoint))[:3]

    one, other = ([engine.points(crop.image, crop.pose) for crop in crops] for engine in engines)

    given = [crop.pose[:, 2] > 0 for crop in crops]
    assert max(np.abs(a[k] - b[k]).max() for a, b, k in zip(one, other, given, strict=True)) < 1e-3
    for engine in engines:
        engine.close()


def test_it_is_proven_again_from_folder_and_zip(bundle: Path) -> None:
    for path in (bundle, bundle.with_name("fresh.deepmark.zip")):
        hops = verify_refiner(path)

        assert [hop.candidate for hop in hops] == ["mnn", "onnx"]
        assert all(hop.passed for hop in hops)


def test_the_same_checkpoint_gives_the_same_bytes(bundle: Path, checkpoint: Path, tmp_path: Path) -> None:
    again = export_refiner(checkpoint, ("onnx", "mnn"), tmp_path).path

    names = [path.relative_to(again) for path in again.rglob("*") if path.is_file()]
    assert all((again / name).read_bytes() == (bundle / name).read_bytes() for name in names)
    assert not [path for path in tmp_path.iterdir() if path != again]


def test_half_the_file(checkpoint: Path, bundle: Path, tmp_path: Path) -> None:
    half = export_refiner(checkpoint, ("mnn",), tmp_path, precision="fp16").path

    assert (half / "model.mnn").stat().st_size < 0.6 * (bundle / "model.mnn").stat().st_size
    assert open_refiner(half).manifest.precision == "fp16"


def test_one_class_by_itself(tmp_path: Path) -> None:
    write_fresh_refiner(tmp_path / "skirt.pth", classes="skirt")

    manifest = export_refiner(tmp_path / "skirt.pth", ("onnx",), tmp_path).manifest

    assert manifest.num_channels == 8
    assert [len(one) for one in manifest.channels] == [0] * 8 + [8] + [0] * 4


def test_the_paper_s_network_becomes_a_graph(tmp_path: Path) -> None:
    write_fresh_refiner(tmp_path / "r18.pth", classes="skirt", backbone="resnet18", side=32)

    manifest = export_refiner(tmp_path / "r18.pth", ("onnx", "mnn"), tmp_path, tolerance_px=0.05).manifest

    assert all(hop.passed for hop in manifest.parity)


def test_nothing_is_written_where_a_landmark_moves(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ParityError, match="onnx is not equal to torch: a landmark is up to"):
        export_refiner(checkpoint, ("onnx",), tmp_path, tolerance_px=0)

    assert not list(tmp_path.iterdir())


def test_requests_that_make_no_sense(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="fp16 is for mnn"):
        export_refiner(checkpoint, ("onnx",), tmp_path, precision="fp16")
    with pytest.raises(UsageError, match="unknown precision 'int8'"):
        export_refiner(checkpoint, ("mnn",), tmp_path, precision="int8")
    with pytest.raises(CheckpointError, match="there is no file"):
        export_refiner(tmp_path / "none.pth", ("mnn",), tmp_path)
    (tmp_path / "fresh.deepmark").mkdir()
    with pytest.raises(BundleError, match="is no bundle"):
        export_refiner(checkpoint, ("mnn",), tmp_path)


def _copy(bundle: Path, target: Path) -> Path:
    for path in bundle.rglob("*"):
        if path.is_file():
            (target / path.relative_to(bundle)).parent.mkdir(parents=True, exist_ok=True)
            (target / path.relative_to(bundle)).write_bytes(path.read_bytes())
    return target


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "model.mnn").write_bytes(b"none"), "is damaged: expected"),
        (lambda folder: (folder / "model.onnx").unlink(), "is missing"),
        (lambda folder: (folder / "more.txt").write_bytes(b"x"), "is not listed"),
        (lambda folder: (folder / "manifest.json").unlink(), "is no bundle: it has no manifest"),
        (lambda folder: (folder / "manifest.json").write_bytes(b"{"), "is no DeepMark manifest"),
    ],
)
def test_damage_is_named(bundle: Path, tmp_path: Path, damage: object, words: str) -> None:
    folder = _copy(bundle, tmp_path / "copy.deepmark")
    assert callable(damage)
    damage(folder)

    with pytest.raises(BundleError, match=words):
        open_refiner(folder)


def test_a_changed_manifest_is_found(bundle: Path, tmp_path: Path) -> None:
    folder = _copy(bundle, tmp_path / "copy.deepmark")
    text = (folder / "manifest.json").read_text().replace('"sigma": 1.75', '"sigma": 1.5')
    (folder / "manifest.json").write_text(text)

    with pytest.raises(BundleError, match="was changed: its checksum"):
        open_refiner(folder)


def test_a_vector_that_does_not_hold_is_named(bundle: Path, tmp_path: Path) -> None:
    import hashlib

    folder = _copy(bundle, tmp_path / "copy.deepmark")
    vector = folder / "vectors" / "0.json"
    document = json.loads(vector.read_text())
    document["points"][0][0] += 1
    vector.write_text(json.dumps(document))
    manifest = open_refiner(bundle).manifest
    entry = msgspec.structs.replace(
        manifest.files["vectors/0.json"],
        sha256=hashlib.sha256(vector.read_bytes()).hexdigest(),
        bytes=vector.stat().st_size,
    )
    changed = msgspec.structs.replace(manifest, files={**manifest.files, "vectors/0.json": entry})
    (folder / "manifest.json").write_bytes(changed.to_json())

    with pytest.raises(ParityError, match="px from where it was"):
        verify_refiner(folder)


def test_a_file_that_its_engine_cannot_read_ends_in_one_line(bundle: Path, tmp_path: Path) -> None:
    import hashlib

    folder = _copy(bundle, tmp_path / "copy.deepmark")
    content = (folder / "model.onnx").read_bytes()[:5000]
    (folder / "model.onnx").write_bytes(content)
    manifest = open_refiner(bundle).manifest
    entry = msgspec.structs.replace(
        manifest.files["model.onnx"], sha256=hashlib.sha256(content).hexdigest(), bytes=len(content)
    )
    changed = msgspec.structs.replace(manifest, files={**manifest.files, "model.onnx": entry})
    (folder / "manifest.json").write_bytes(changed.to_json())

    with pytest.raises(BundleError, match="ONNX Runtime cannot load"):
        load_refiner_engine(open_refiner(folder), backend="onnxruntime")
