"""``verify``: a bundle proves itself on another machine, and damage or other results do not pass."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from sealed_manifest import list_files

from deepmark.errors import BundleError, EngineError
from deepmark.exporter.parity import ATOL, OTHER_BLOCKS_RTOL, RTOL, Tolerances
from deepmark.exporter.verification import verify

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def copy(tiny_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bundle, tmp_path / "tiny.deepmark"))


def _change(bundle: Path, change: Change, name: str = "vectors/0.json") -> None:
    document = json.loads((bundle / name).read_text())
    change(document)
    (bundle / name).write_text(json.dumps(document))
    list_files(bundle)


def test_a_bundle_verifies_with_every_engine_that_is_here(tiny_bundle: Path) -> None:
    found = verify(tiny_bundle)
    assert found.report.passed
    assert [(hop.reference, hop.candidate, hop.pictures) for hop in found.report] == [
        ("torch", "mnn", 4),
        ("torch", "onnx", 4),
    ]
    assert [engine.backend for engine in found.engines] == ["mnn", "onnxruntime"]
    assert all(hop.objects.expected > 0 for hop in found.report)
    assert found.skipped == ()


def test_a_zip_verifies_like_its_folder(tiny_bundle: Path) -> None:
    packed = verify(tiny_bundle.with_name("tiny.deepmark.zip"), threads=1)
    assert packed.report == verify(tiny_bundle, threads=1).report


def test_a_verification_can_be_written_as_json(tiny_bundle: Path) -> None:
    document = json.loads(msgspec.json.encode(verify(tiny_bundle)))
    assert document["report"]["hops"][0]["passed"] is True


@pytest.mark.parametrize("name", ["model.mnn", "model.onnx", "vectors/0.png", "vectors/0.json", "manifest.json"])
def test_a_flipped_byte_in_any_file_is_found(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(BundleError, match=r"damaged|no DeepMark manifest|changed"):
        verify(copy)


@pytest.mark.slow
@pytest.mark.parametrize("head", ["hm", "wh", "hps", "reg", "hm_hp", "hp_offset"])
def test_another_value_of_any_head_fails_and_is_named(copy: Path, head: str) -> None:
    def change(document: dict[str, Any]) -> None:
        document["heads"][head]["values"][7] += 0.05

    _change(copy, change)
    report = verify(copy).report
    assert not report.passed
    assert {one.head for hop in report for one in hop.heads if one.tolerance_used > 1} == {head}


@pytest.mark.parametrize(("share", "mnn_passes"), [(0.8, True), (1.2, False)])
def test_mnn_alone_has_room_for_other_threads_and_processors(copy: Path, share: float, mnn_passes: bool) -> None:
    """Planted, as what one processor does with two threads is not what another does."""

    def change(document: dict[str, Any]) -> None:
        head = document["heads"]["hps"]
        head["values"][7] += ATOL + (RTOL + share * OTHER_BLOCKS_RTOL) * head["scale"]

    _change(copy, change)
    assert [(hop.candidate, hop.passed) for hop in verify(copy).report] == [("mnn", mnn_passes), ("onnx", False)]
    assert not any(hop.passed for hop in verify(copy, tolerances=Tolerances()).report)


def test_another_object_fails(copy: Path) -> None:
    def move_landmark(document: dict[str, Any]) -> None:
        document["objects"][0]["keypoints"][0] += 0.2

    _change(copy, move_landmark)
    report = verify(copy).report
    assert [hop.objects.max_landmark_error for hop in report] == pytest.approx([0.2, 0.2], abs=0.01)
    assert not report.passed


def test_a_missing_object_fails(copy: Path) -> None:
    _change(copy, lambda document: document["objects"].pop(0))
    assert [hop.objects.unexplained for hop in verify(copy).report] == [1, 1]


def test_another_picture_fails(copy: Path) -> None:
    (copy / "vectors/0.png").write_bytes((copy / "vectors/1.png").read_bytes())
    list_files(copy)
    assert not verify(copy).report.passed


def test_other_weights_fail_even_if_the_manifest_was_made_to_fit(copy: Path) -> None:
    """What the hashes cannot find, because someone signed it, the vectors do."""
    model = onnx.load(str(copy / "model.onnx"))
    weight = next(one for one in model.graph.initializer if one.name == "network.hps.2.bias")
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) + 0.1, weight.name))
    onnx.save(model, str(copy / "model.onnx"))
    list_files(copy)
    assert [(hop.candidate, hop.passed) for hop in verify(copy).report] == [("mnn", True), ("onnx", False)]


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.pop("heads"),
        lambda document: document["heads"].pop("hps"),
        lambda document: document["heads"]["hps"]["positions"].__setitem__(0, 10**9),
        lambda document: document["heads"]["hps"]["positions"].__setitem__(0, -1),
        lambda document: document["heads"]["hps"]["values"].pop(),
        lambda document: document["heads"]["hps"].update(positions=[], values=[]),
        lambda document: document["objects"][0].update(class_id=99),
        lambda document: document["objects"][0]["keypoints"].pop(),
        lambda document: document.update(more=1),
    ],
)
def test_a_vector_that_does_not_fit_the_model_is_refused_in_words(copy: Path, change: Change) -> None:
    _change(copy, change)
    with pytest.raises(BundleError, match=r"vectors/0\.json (is no golden vector|does not fit the model)"):
        verify(copy)


def test_a_picture_of_a_size_that_the_model_cannot_take_is_refused(copy: Path) -> None:
    _, png = cv2.imencode(".png", np.zeros((33, 64, 3), np.uint8))
    (copy / "vectors/0.png").write_bytes(png.tobytes())
    list_files(copy)
    with pytest.raises((BundleError, EngineError)):
        verify(copy)


def test_a_bare_model_has_no_vectors_to_verify(tiny_bundle: Path) -> None:
    with pytest.raises(BundleError, match="has no golden vectors") as error:
        verify(tiny_bundle / "model.mnn")
    assert error.value.hint == "verify a bundle, not a bare model file"


def test_an_engine_that_is_not_installed_is_skipped_and_named(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    honest = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "onnxruntime" else honest(name))
    found = verify(tiny_bundle)
    assert [hop.candidate for hop in found.report] == ["mnn"]
    assert found.skipped == ("onnxruntime",)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(EngineError, match="no engine for"):
        verify(tiny_bundle)


def test_tolerances_can_be_narrowed(tiny_bundle: Path) -> None:
    assert not verify(tiny_bundle, tolerances=Tolerances(atol=0.0, rtol=0.0)).report.passed


def test_verifying_needs_no_torch_and_no_onnx(tiny_bundle: Path) -> None:
    code = (
        "import sys\n"
        "for name in ('torch', 'onnx', 'onnxsim', 'onnxruntime'): sys.modules[name] = None\n"
        "import importlib.util; find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name: None if name == 'onnxruntime' else find(name)\n"
        "from deepmark.exporter.verification import verify\n"
        f"assert verify({str(tiny_bundle)!r}).report.passed"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_read_only_bundle_verifies(copy: Path) -> None:
    for path in (*copy.rglob("*"), copy):
        path.chmod(0o500 if path.is_dir() else 0o400)
    assert verify(copy).report.passed
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o700)
