"""The real network: golden heads of the public reference, and the demo's objects, in every form of the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from media_files import read_image

from deepmark.exporter import export
from deepmark.exporter.stages import torch_stage
from deepmark.exporter.verification import verify
from deepmark.models import load_checkpoint
from deepmark.models.dlav0_34 import DLAv0
from deepmark.runtime import Detector, load_engine
from deepmark.runtime.bundle import Backend, open_bundle
from deepmark.runtime.decoding.decoder import decode
from deepmark.runtime.decoding.nms import suppress
from deepmark.runtime.detections import Detections
from deepmark.runtime.detector import detect_in_picture
from deepmark.runtime.heads.sparse import heads_from_outputs
from deepmark.runtime.placed_heads import PlacedHeads
from deepmark.runtime.preprocess import normalise
from deepmark.runtime.transform import letterbox

pytestmark = pytest.mark.slow

BACKENDS: tuple[Backend, ...] = ("mnn", "onnxruntime")


@dataclass(frozen=True)
class Golden:
    """A bundle of raw heads, and what the public reference gives for the same weights."""

    bundle: Path
    image: np.ndarray
    heads: dict[str, np.ndarray]


@pytest.fixture(scope="module", params=[("swap", 128, "net_swap_128.npz"), ("swap_nobias", 64, "net_nobias_64.npz")])
def golden(
    request: pytest.FixtureRequest, data: Path, make_checkpoint: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> Golden:
    name, side, file = request.param
    folder = tmp_path_factory.mktemp(name)
    torch.save({"epoch": 140, "state_dict": make_checkpoint.tensors(name)}, folder / f"{name}.pth")
    bundle = export(folder / f"{name}.pth", ("onnx", "mnn"), folder, size=(side, side), heads="dense", logits=True)
    with np.load(data / file) as arrays:
        heads = {head: arrays[head][0] for head in bundle.manifest.heads.channels}
        return Golden(bundle.path, arrays["image_bgr_u8"], heads)


@pytest.mark.parametrize("backend", BACKENDS)
def test_heads_are_those_of_the_public_reference(golden: Golden, backend: Backend) -> None:
    with load_engine(golden.bundle, threads=1, backend=backend) as engine:
        found = engine.run(normalise(golden.image, engine.manifest.preprocess))
    assert list(found) == ["hm", "wh", "hps", "reg", "hm_hp", "hp_offset"]
    for name, expected in golden.heads.items():
        np.testing.assert_allclose(found[name], expected, atol=1e-3, rtol=1e-4, err_msg=name)


Finder = Callable[[np.ndarray], Detections]


@pytest.fixture(scope="module", params=["torch", *BACKENDS])
def find(request: pytest.FixtureRequest, demo_checkpoint: Path, demo_bundle: Path) -> Iterator[Finder]:
    """Find objects in a picture with the demo network, in one of its forms."""
    if request.param != "torch":
        yield Detector(demo_bundle, threads=1, backend=request.param)
        return
    manifest = open_bundle(demo_bundle).manifest
    with torch_stage(load_checkpoint(demo_checkpoint).network, manifest.heads) as stage:

        def find_with_torch(image: np.ndarray) -> Detections:
            image_in, transform = letterbox(image, (128, 128))
            heads = heads_from_outputs(stage.run(normalise(image_in, manifest.preprocess)), logits=False)
            found = decode(heads, manifest.keypoints, replace(manifest.decoder, nms=None))
            corners = transform.to_image(found.boxes.reshape(-1, 2, 2))
            return suppress(replace(found, boxes=corners.reshape(-1, 4)), manifest.decoder)

        yield find_with_torch


def _assert_found(
    find: Finder, bundle: Path, pictures: tuple[Path, ...], listed: dict[str, list[tuple[str, float]]]
) -> None:
    names = open_bundle(bundle).manifest.keypoints.class_names
    found = {}
    for path in pictures:
        detections = find(read_image(path))
        pairs = zip(detections.class_ids, detections.scores, strict=True)
        found[path.name] = [(names[class_id], float(score)) for class_id, score in pairs if score >= 0.2]
    assert found.keys() == listed.keys()
    for name, objects in listed.items():
        assert [class_name for class_name, _ in found[name]] == [class_name for class_name, _ in objects], name
        np.testing.assert_allclose([s for _, s in found[name]], [s for _, s in objects], atol=0.0051, err_msg=name)


def test_the_demo_finds_what_its_model_card_lists(
    find: Finder,
    demo_bundle: Path,
    demo_pictures: tuple[Path, ...],
    demo_objects: dict[str, list[tuple[str, float]]],
) -> None:
    _assert_found(find, demo_bundle, demo_pictures, demo_objects)


def test_the_demo_finds_what_its_model_card_lists_at_the_size_of_make_demo(
    demo_bundle: Path,
    demo_pictures: tuple[Path, ...],
    demo_objects_at_256: dict[str, list[tuple[str, float]]],
) -> None:
    with load_engine(demo_bundle, threads=1, backend="mnn") as engine:

        def find(image: np.ndarray) -> Detections:
            image_in, transform = letterbox(image, (256, 256))
            heads = engine.heads(image_in)
            return detect_in_picture(
                [PlacedHeads(heads, transform)], engine.manifest.keypoints, engine.manifest.decoder
            )

        _assert_found(find, demo_bundle, demo_pictures, demo_objects_at_256)


def test_the_demo_bundle_verifies(demo_bundle: Path) -> None:
    found = verify(demo_bundle, threads=1)
    assert [hop.candidate for hop in found.report] == ["mnn", "onnx"]
    assert found.report.passed


def test_centernets_own_network_without_deformable_convolutions_exports_too(
    make_checkpoint: ModuleType, tmp_path: Path
) -> None:
    network = DLAv0({"hm": 1, "wh": 2, "hps": 34, "reg": 2, "hm_hp": 17, "hp_offset": 2}, head_conv=64)
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    tensors = {
        name: torch.from_numpy(np.array(make_checkpoint.value(name, shape, set(shapes), 7, False))).float()
        for name, shape in shapes.items()
    }
    torch.save({"state_dict": tensors}, tmp_path / "dlav0.pth")
    bundle = export(tmp_path / "dlav0.pth", ("onnx", "mnn"), tmp_path, size=(64, 64))
    assert bundle.manifest.source.architecture == "dlav0_34"
    assert bundle.manifest.keypoints.name == "coco-person-17"
    assert bundle.parity.passed
