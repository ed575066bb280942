"""All or nothing: an export that cannot be proven, or is interrupted, leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from full_disk import mounted
from tampered_graph import with_moved_landmarks
from tiny_network import TinyExport, tiny_loaded, tiny_network

from deepmark.errors import BundleError, CheckpointError, ConversionError, ParityError, UsageError
from deepmark.exporter import to_mnn, to_onnx
from deepmark.exporter.parity import ParityReport, Tolerances
from deepmark.models.loading import LoadedNetwork


@pytest.fixture
def tampering_converter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the MNN model have other weights than the ONNX model."""
    honest = to_mnn.convert_to_mnn

    def tamper(source: Path, target: Path) -> None:
        honest(with_moved_landmarks(source, 0.1), target)

    monkeypatch.setattr(to_mnn, "convert_to_mnn", tamper)


@pytest.mark.slow
@pytest.mark.usefixtures("tampering_converter")
def test_a_step_that_changes_the_network_leaves_nothing(tiny_export: TinyExport, tmp_path: Path) -> None:
    with pytest.raises(ParityError, match=r"mnn is not equal to onnx: hps differs by up to 0\.1") as error:
        tiny_export(to=("onnx", "mnn"))
    report = error.value.report
    assert isinstance(report, ParityReport)
    assert [(hop.candidate, hop.passed) for hop in report] == [("onnx", True), ("mnn", False), ("mnn", False)]
    assert "--explain" in (error.value.hint or "")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("tampering_converter")
def test_the_old_bundle_survives_an_export_that_cannot_be_proven(tiny_export: TinyExport, tmp_path: Path) -> None:
    old = tiny_export(to=("onnx",))
    before = (old.path / "manifest.json").read_bytes()
    with pytest.raises(ParityError):
        tiny_export(to=("mnn",))
    assert (old.path / "manifest.json").read_bytes() == before
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["tiny.deepmark"]


@pytest.mark.usefixtures("tampering_converter")
def test_explain_names_the_tensor_in_the_hint(tiny_export: TinyExport) -> None:
    with pytest.raises(ParityError) as error:
        tiny_export(explain=True)
    assert "mnn: the first tensor that differs is hps (Conv, 1x6x16x24)" in (error.value.hint or "")


def test_explain_of_an_honest_export_finds_nothing(tiny_export: TinyExport) -> None:
    assert tiny_export(explain=True).finding == "no tensor differs"


@pytest.mark.usefixtures("tampering_converter")
def test_tolerances_can_be_opened_but_landmarks_have_their_own(tiny_export: TinyExport) -> None:
    with pytest.raises(ParityError, match="landmarks of equal objects"):
        tiny_export(tolerances=Tolerances(atol=1.0))


@pytest.mark.slow
def test_weights_changed_on_the_way_to_onnx_are_found(tiny_export: TinyExport, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = to_onnx.export_onnx
    other = tiny_network(seed=1)
    monkeypatch.setattr(to_onnx, "export_onnx", lambda _, path, **options: honest(other, path, **options))
    with pytest.raises(ParityError, match="onnx is not equal to torch"):
        tiny_export()


def test_a_converter_without_result_leaves_nothing(
    tiny_export: TinyExport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(to_mnn, "run_tool", lambda *_, **__: "Converted Success!")
    with pytest.raises(ConversionError, match="wrote no file"):
        tiny_export()
    assert not (tmp_path / "out").exists()


def test_a_model_that_its_engine_refuses_is_a_failed_conversion(
    tiny_export: TinyExport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = to_mnn.convert_to_mnn

    def truncate(source: Path, target: Path) -> None:
        honest(source, target)
        target.write_bytes(target.read_bytes()[:-2000])

    monkeypatch.setattr(to_mnn, "convert_to_mnn", truncate)
    with pytest.raises(ConversionError, match="-> mnn: the converted model cannot be used"):
        tiny_export()
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_without_a_known_schema_asks_for_one(
    tiny_export: TinyExport, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_schema(*_: object, **__: object) -> LoadedNetwork:
        loaded = tiny_loaded()
        return LoadedNetwork(loaded.network, None, loaded.report)

    monkeypatch.setattr("deepmark.models.loading.load_checkpoint", without_schema)
    with pytest.raises(CheckpointError, match=r"no keypoint schema .* 2 classes and 3 landmark groups") as error:
        tiny_export()
    assert "--schema CSV" in (error.value.hint or "")


def test_a_wrong_request_makes_no_folder(tiny_export: TinyExport, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        tiny_export(size=(100, 100))
    assert not (tmp_path / "out").exists()


def test_a_place_without_room_is_refused_before_any_work(
    tiny_export: TinyExport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    monkeypatch.setattr(to_onnx, "export_onnx", lambda *_, **__: pytest.fail("began to work"))
    with pytest.raises(BundleError, match=r"needs 0 MB, 0 MB are free|the export needs"):
        tiny_export()
    assert not (tmp_path / "out").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", "size=48k") as disk:
        yield disk


@pytest.mark.slow
@pytest.mark.parametrize("room_kib", [0, 20, 32, 40])
def test_a_disk_that_fills_up_on_the_way_is_one_sentence_and_keeps_the_old_content(
    tiny_export: TinyExport, small_disk: Path, monkeypatch: pytest.MonkeyPatch, room_kib: int
) -> None:
    (small_disk / "other").write_bytes(bytes((48 - room_kib) * 1024 - 4096 if room_kib < 48 else 0))
    monkeypatch.setattr("deepmark.exporter.pipeline._require_room", lambda *_, **__: None)
    with pytest.raises((BundleError, ConversionError)) as error:
        tiny_export(to=("onnx", "mnn"), output=small_disk)
    assert "space" in f"{error.value} {error.value.hint}".lower() or "disk" in (error.value.hint or "")
    assert [path.name for path in small_disk.iterdir()] == ["other"]


CHILD = """
import sys, time
from tiny_network import TinyExport, tiny_loaded
import deepmark.models.loading as loading
from deepmark.exporter.pipeline import export
loading.load_checkpoint = lambda *_, **__: tiny_loaded()
def progress(line):
    print(line, flush=True)
    if line == sys.argv[3]:
        time.sleep(60)
export(sys.argv[1], ("onnx", "mnn"), sys.argv[2], size=(64, 96), on_progress=progress)
"""


def _start(tmp_path: Path, *, stop_at: str) -> subprocess.Popen[str]:
    """Start an export in a child process; return when it has come to the line ``stop_at``, where it stays."""
    checkpoint = tmp_path / "tiny.pth"
    checkpoint.touch()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent / "support")}
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(checkpoint), str(tmp_path / "out"), stop_at],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    for line in child.stdout:
        if line.strip() == stop_at:
            return child
    pytest.fail(f"the export ended: {child.communicate()}")


@pytest.mark.slow
def test_an_export_beside_a_running_one_does_not_disturb_it(tmp_path: Path, tiny_export: TinyExport) -> None:
    child = _start(tmp_path, stop_at="onnx -> mnn")
    busy = {path.name for path in (tmp_path / "out").iterdir()}
    tiny_export()
    assert {path.name for path in (tmp_path / "out").iterdir()} == busy | {"tiny.deepmark"}
    child.kill()
    child.communicate()
