"""``--heads sparse``: the same objects from a smaller graph, proven like every other export, and nothing mixed up."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
import torch
from outcome import Deepmark
from sealed_manifest import list_files
from tiny import tiny_schema
from tiny_network import HEADS, TinyExport, export_loaded, last_layer, tiny_loaded, tiny_network

from deepmark.errors import BundleError, ParityError, UsageError
from deepmark.exporter.to_onnx import raw_outputs
from deepmark.exporter.verification import verify
from deepmark.models.describe import gathered_weights
from deepmark.models.mdla34 import MDLA34
from deepmark.runtime import Detector, SparseHeads, decode, letterbox, load_engine
from deepmark.runtime.bundle import Backend, open_bundle
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.detections import Detections
from deepmark.runtime.heads.sparse import heads_from_outputs
from deepmark.runtime.heads.weights import HeadWeights, archive_heads, read_head_weights
from deepmark.runtime.keypoints.head_names import head_channels
from deepmark.runtime.keypoints.schema import KeypointClass, KeypointSchema
from deepmark.runtime.manifest import Manifest
from deepmark.runtime.media.picture_file import read_picture

pytestmark = pytest.mark.slow

BACKENDS: tuple[Backend, ...] = ("mnn", "onnxruntime")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny network with both models, and sparse heads by default; never written to by a test."""
    return _export(tmp_path_factory.mktemp("sparse"), seed=0)


@pytest.fixture(scope="module")
def other_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with other weights."""
    return _export(tmp_path_factory.mktemp("sparse-other"), seed=1)


def _export(folder: Path, seed: int) -> Path:
    loaded = tiny_loaded(tiny_network(seed))
    return export_loaded(folder, loaded, to=("onnx", "mnn"), size=(64, 96), zip_too=True).path


@pytest.fixture
def copy(bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "tiny.deepmark"))


def _picture(seed: int = 0, height: int = 64, width: int = 96) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def _assert_same_objects(found: Detections, expected: Detections, cells: float = 1e-4) -> None:
    np.testing.assert_array_equal(found.class_ids, expected.class_ids)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=cells)
    for one, other, flags, other_flags in zip(
        found.keypoints, expected.keypoints, found.refined, expected.refined, strict=True
    ):
        np.testing.assert_array_equal(flags, other_flags)
        np.testing.assert_allclose(one, other, atol=cells)


# --- what is written ------------------------------------------------------------------------------------------------


def test_the_graph_gives_the_heatmaps_and_the_features_and_holds_no_other_heads(bundle: Path) -> None:
    graph = onnx.load(str(bundle / "model.onnx")).graph
    assert [output.name for output in graph.output] == ["hm", "hm_hp", "features"]
    weights = {weight.name.split(".")[1] for weight in graph.initializer if weight.name.startswith("network.")}
    assert weights & set(HEADS) == {"hm", "hm_hp"}


def test_the_manifest_says_who_computes_what_and_lists_the_weights(bundle: Path) -> None:
    manifest = open_bundle(bundle).manifest
    heads = manifest.heads
    assert (heads.layout, heads.channels) == ("sparse", {"hm": 2, "hm_hp": 3, "features": 16})
    assert heads.gathered is not None
    assert heads.gathered.channels == {"wh": 2, "hps": 6, "reg": 2, "hp_offset": 2}
    assert heads.heads == HEADS
    assert list(heads.tensors) == [*HEADS, "features"]
    content = (bundle / "heads.npz").read_bytes()
    assert manifest.files["heads.npz"].sha256 == heads.gathered.sha256 == hashlib.sha256(content).hexdigest()


def test_every_hop_compares_all_heads_and_the_features(bundle: Path) -> None:
    for hop in open_bundle(bundle).manifest.parity:
        assert [(head.head, head.unit) for head in hop.heads] == [
            ("hm", "probability"), ("wh", "cells"), ("hps", "cells"), ("reg", "cells"), ("hm_hp", "probability"),
            ("hp_offset", "cells"), ("features", "activation"),
        ]  # fmt: skip
        assert hop.passed
        assert hop.objects.matched > 0


def test_the_same_checkpoint_gives_the_same_bytes(bundle: Path, tmp_path: Path) -> None:
    again = _export(tmp_path, seed=0)
    assert {path.name: path.read_bytes() for path in bundle.iterdir() if path.is_file()} == {
        path.name: path.read_bytes() for path in again.iterdir() if path.is_file()
    }


# --- what it gives --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("suffix", [".deepmark", ".deepmark.zip", ".deepmark/model.{}"])
def test_engines_give_sparse_heads_whatever_the_model_came_in(bundle: Path, backend: Backend, suffix: str) -> None:
    path = Path(f"{bundle.parent}/tiny" + suffix.format({"mnn": "mnn", "onnxruntime": "onnx"}[backend]))
    with load_engine(path, threads=1, backend=backend) as engine:
        heads = engine.heads(_picture())
    assert isinstance(heads, SparseHeads)
    assert heads.features.shape == (16, 16, 24)
    hps = heads.dense().hps
    assert hps is not None
    assert hps.shape == (6, 16, 24)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("params", [DecoderParams(), DecoderParams.baseline(), DecoderParams(score_threshold=0.3)])
def test_objects_are_those_of_the_dense_graph(
    bundle: Path, tiny_bundle: Path, backend: Backend, params: DecoderParams
) -> None:
    schema = tiny_schema()
    with load_engine(bundle, 1, backend) as sparse, load_engine(tiny_bundle, 1, backend) as dense:
        for seed in range(4):
            found, expected = (decode(one.heads(_picture(seed)), schema, params) for one in (sparse, dense))
            assert len(expected)
            _assert_same_objects(found, expected)


def test_a_detector_takes_a_sparse_bundle_and_any_picture(bundle: Path, tiny_bundle: Path) -> None:
    picture = _picture(5, 90, 70)
    found, expected = (Detector(one, threads=1, backend="onnxruntime")(picture) for one in (bundle, tiny_bundle))
    _assert_same_objects(found, expected, cells=1e-2)  # pixels


def test_a_sparse_bundle_verifies(bundle: Path) -> None:
    found = verify(bundle, threads=1)
    assert [hop.candidate for hop in found.report] == ["mnn", "onnx"]
    assert found.report.passed
    assert "features" in {head.head for hop in found.report for head in hop.heads}


@pytest.mark.parametrize(
    ("heads", "head_conv"),
    [
        (HEADS, 0),
        ({name: count for name, count in HEADS.items() if name != "reg"}, 8),
        ({name: count for name, count in HEADS.items() if name != "hp_offset"}, 8),
        ({name: count for name, count in HEADS.items() if name != "hm_hp"}, 8),
        ({name: HEADS[name] for name in ("hm", "wh", "hps")}, 0),
    ],
    ids=["head_conv 0", "no reg", "no hp_offset", "no hm_hp", "the three that must be"],
)
def test_networks_without_some_heads_are_exported_too(
    tiny_export: TinyExport, monkeypatch: pytest.MonkeyPatch, heads: dict[str, int], head_conv: int
) -> None:
    loaded = tiny_loaded(tiny_network(0, heads, head_conv))
    monkeypatch.setattr("deepmark.models.loading.load_checkpoint", lambda *_, **__: loaded)
    bundle = tiny_export(to=("onnx", "mnn"), heads="sparse")
    assert bundle.parity.passed
    assert set(bundle.manifest.heads.heads) == set(heads)
    assert verify(bundle.path, threads=1).report.passed


def test_logits_and_a_fixed_size_work_with_sparse_heads(tiny_export: TinyExport) -> None:
    bundle = tiny_export(to=("onnx", "mnn"), heads="sparse", logits=True, dynamic=False, simplify=True)
    assert bundle.manifest.heads.activation == "logits"
    with load_engine(bundle.path, threads=1, backend="mnn") as engine:
        assert 0 <= engine.heads(_picture()).hm.min() <= engine.heads(_picture()).hm.max() <= 1


def _person(groups: int) -> KeypointSchema:
    names = tuple(f"point {i}" for i in range(groups))
    every = tuple(range(groups))
    one = KeypointClass("thing", names, groups=every, mirror=every, sigmas=(0.1,) * groups)
    return KeypointSchema("one class", (one,), names)


@pytest.mark.parametrize(
    ("schema", "optional", "head_conv"),
    [
        (KeypointSchema.deepfashion2(), ("reg", "hm_hp", "hp_offset"), 256),
        (KeypointSchema.deepfashion2(groups=294), ("reg", "hm_hp", "hp_offset"), 64),
        (KeypointSchema.coco_person(), ("reg", "hm_hp", "hp_offset"), 256),
        (KeypointSchema.coco_person(), ("hm_hp",), 0),
        (_person(1), (), 64),
    ],
)
def test_random_networks_of_other_head_counts_give_the_same_objects(
    schema: KeypointSchema, optional: tuple[str, ...], head_conv: int
) -> None:
    torch.manual_seed(len(optional) + schema.num_groups)
    heads = head_channels(len(schema.classes), schema.num_groups, optional=optional)
    network = MDLA34(heads, head_conv=head_conv).eval().requires_grad_(False)
    for name in {"hm", "hm_hp"} & set(heads):
        last_layer(network, name).weight.data.mul_(30)
    image = torch.from_numpy(np.random.default_rng(1).standard_normal((1, 3, 96, 64), np.float32))
    raw = {name: tensor[0].numpy() for name, tensor in raw_outputs(network, image).items()}
    dense = heads_from_outputs(raw, logits=True)
    kept = {name: raw[name] for name in raw if name in {"hm", "hm_hp", "features"}}
    sparse = heads_from_outputs(kept, logits=True, weights=_weights(network, heads))
    for params in (DecoderParams(keypoint_threshold=0.05), DecoderParams.baseline()):
        found, expected = (decode(one, schema, params) for one in (sparse, dense))
        assert len(expected) > 10
        _assert_same_objects(found, expected)


def _weights(network: torch.nn.Module, heads: Mapping[str, int]) -> HeadWeights:
    archive = archive_heads(gathered_weights(network, heads))
    return read_head_weights(archive.content, archive.channels, features=archive.features, source="")


def test_the_demo_network_gives_the_same_objects(
    demo_bundle: Path, demo_dense_bundle: Path, demo_pictures: tuple[Path, ...]
) -> None:
    allowed: dict[Backend, float] = {"onnxruntime": 1e-4, "mnn": 2e-3}  # MNN's Winograd rounds the dense heads
    for backend, cells in allowed.items():
        with load_engine(demo_bundle, 1, backend) as sparse, load_engine(demo_dense_bundle, 1, backend) as dense:
            params = replace(sparse.manifest.decoder, score_threshold=0.1)
            for path in demo_pictures:
                image = letterbox(read_picture(path), (128, 128))[0]
                found, expected = (decode(one.heads(image), one.manifest.keypoints, params) for one in (sparse, dense))
                _assert_same_objects(found, expected, cells)


# --- what is refused ------------------------------------------------------------------------------------------------


def test_heads_of_other_weights_fail_the_parity(tiny_export: TinyExport, monkeypatch: pytest.MonkeyPatch) -> None:
    other = gathered_weights(tiny_network(seed=1), HEADS)
    monkeypatch.setattr("deepmark.models.describe.gathered_weights", lambda *_: other)
    with pytest.raises(ParityError, match=r"onnx is not equal to torch: (wh|hps|reg|hp_offset) differs"):
        tiny_export(heads="sparse")


def test_an_unknown_layout_is_refused_before_any_work(tiny_export: TinyExport) -> None:
    with pytest.raises(UsageError, match="unknown layout of heads 'thin'"):
        tiny_export(heads="thin")


@pytest.mark.parametrize("name", ["model.mnn", "model.onnx"])
def test_a_bare_sparse_graph_needs_its_heads_beside_it(
    bundle: Path, other_bundle: Path, tmp_path: Path, name: str
) -> None:
    shutil.copy(bundle / name, tmp_path)
    with pytest.raises(BundleError, match=r"has sparse heads and needs heads\.npz, which is missing") as error:
        open_bundle(tmp_path / name)
    assert "beside the model file" in (error.value.hint or "")
    shutil.copy(other_bundle / "heads.npz", tmp_path)
    with pytest.raises(BundleError, match=r"heads\.npz does not belong to this model: expected sha256"):
        open_bundle(tmp_path / name)
    shutil.copy(bundle / "heads.npz", tmp_path)
    assert isinstance(load_engine(tmp_path / name, threads=1).heads(_picture()), SparseHeads)


def _naming(content: bytes) -> Callable[[Manifest], Manifest]:
    """Let a manifest name a heads file of this content as its graph's own."""

    def change(manifest: Manifest) -> Manifest:
        assert manifest.heads.gathered is not None
        sha256 = hashlib.sha256(content).hexdigest()
        gathered = msgspec.structs.replace(manifest.heads.gathered, sha256=sha256)
        return msgspec.structs.replace(manifest, heads=msgspec.structs.replace(manifest.heads, gathered=gathered))

    return change


def test_a_flipped_byte_in_the_heads_is_found(copy: Path) -> None:
    content = bytearray((copy / "heads.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (copy / "heads.npz").write_bytes(content)
    with pytest.raises(BundleError, match=r"the file heads\.npz is damaged: expected sha256"):
        open_bundle(copy)


def test_a_bundle_without_its_heads_is_refused(copy: Path) -> None:
    (copy / "heads.npz").unlink()
    with pytest.raises(BundleError, match=r"the file heads\.npz is missing"):
        open_bundle(copy)
    list_files(copy)
    with pytest.raises(BundleError, match=r"has sparse heads and needs heads\.npz, which is missing"):
        open_bundle(copy)


def test_heads_of_another_export_are_refused_even_where_they_are_listed(copy: Path, other_bundle: Path) -> None:
    shutil.copy(other_bundle / "heads.npz", copy)
    list_files(copy)
    with pytest.raises(BundleError, match=r"heads\.npz does not belong to this model"):
        open_bundle(copy)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_manifest_made_to_fit_other_heads_does_not_fit_the_graph(
    copy: Path, other_bundle: Path, backend: Backend
) -> None:
    content = (other_bundle / "heads.npz").read_bytes()
    (copy / "heads.npz").write_bytes(content)
    list_files(copy, _naming(content))
    with pytest.raises(BundleError, match=r"heads\.npz does not belong to model\.(mnn|onnx), which was exported with"):
        load_engine(copy, threads=1, backend=backend)


def test_the_command_line_writes_sparse_bundles(
    deepmark: Deepmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiny.pth").write_bytes(b"stands for weights")
    monkeypatch.setattr("deepmark.models.loading.load_checkpoint", lambda *_, **__: tiny_loaded())
    options = (tmp_path / "tiny.pth", "--size", "64x96", "-o", tmp_path)
    assert deepmark("export", *options, "--heads", "sparse").code == 0
    assert (tmp_path / "tiny.deepmark" / "heads.npz").is_file()
    wrong = deepmark("export", *options, "--heads", "thin")
    assert wrong.code == 2
    assert "'dense', 'sparse'" in wrong.err
