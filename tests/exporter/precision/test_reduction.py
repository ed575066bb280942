"""Whole exports in less than fp32: what is written, what is recorded, and what is refused without a trace."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from outcome import Deepmark
from tampered_graph import with_moved_landmarks
from tiny_network import TinyExport

from deepmark.commands import export
from deepmark.errors import ParityError, UsageError
from deepmark.exporter.formats import Precision
from deepmark.exporter.pipeline import ExportResult
from deepmark.exporter.precision import calibration, reduction
from deepmark.exporter.precision.plan import Limits
from deepmark.exporter.to_mnn import convert_to_mnn
from deepmark.exporter.verification import verify
from deepmark.models.evaluation.drawn_accuracy import Accuracy, DrawnAccuracy
from deepmark.runtime.bundle import open_bundle
from deepmark.runtime.engines.engine import Engine
from deepmark.runtime.engines.loading import load_engine

ANY = Limits(min_kept=0)


@pytest.fixture(autouse=True)
def _few_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "DRAWN_PICTURES", 3)
    monkeypatch.setattr(reduction, "JUDGE_PICTURES", 2)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp16", "w8", "int8"])
@pytest.mark.parametrize("heads", ["dense", "sparse"])
def test_a_bundle_says_what_it_is_and_proves_itself(tiny_export: TinyExport, precision: str, heads: str) -> None:
    bundle = tiny_export(precision=precision, heads=heads, limits=ANY)
    manifest = open_bundle(bundle.path).manifest
    assert manifest.precision == precision
    assert manifest.heads.activation == ("logits" if precision == "int8" else "probabilities")
    assert [hop.candidate for hop in manifest.parity] == ["onnx", "mnn", "mnn"]
    assert manifest.quantisation is not None
    assert manifest.quantisation.loss.objects > 0
    assert (manifest.quantisation.calibration is not None) == (precision == "int8")
    found = verify(bundle.path, threads=1)
    assert found.report.passed
    assert [hop.reference for hop in found.report] == [f"{precision} as exported"]
    with load_engine(bundle.path, threads=1) as engine:
        assert engine.record.weights == precision
        assert engine.record.precision == ("int8" if precision == "int8" else "fp32")


@pytest.mark.slow
def test_a_bare_file_says_its_precision_too(tiny_export: TinyExport) -> None:
    bundle = tiny_export(precision="w8")
    assert open_bundle(bundle.path / "model.mnn").manifest.precision == "w8"


@pytest.mark.slow
def test_fp32_says_nothing_of_a_loss(tiny_export: TinyExport) -> None:
    bundle = tiny_export()
    assert (bundle.manifest.precision, bundle.manifest.quantisation) == ("fp32", None)


@pytest.mark.slow
def test_calibration_and_float_layers_are_recorded(tiny_export: TinyExport, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(3):
        cv2.imwrite(str(photos / f"{number}.png"), np.random.default_rng(number).integers(0, 255, (64, 96, 3)))
    bundle = tiny_export(precision="int8", calibration=photos, keep_float=["hm", "stem"], limits=ANY)
    record = bundle.manifest.quantisation
    assert record is not None
    assert record.calibration is not None
    assert (record.calibration.source, record.calibration.pictures) == ("pictures", 3)
    last = ("wh.2", "hps.2", "reg.2", "hm_hp.2", "hp_offset.2")
    assert record.float_layers == ("stem.0", "hm.0", "hm.2", *last)


@pytest.mark.slow
def test_the_same_export_gives_the_same_bytes(tiny_export: TinyExport, tmp_path: Path) -> None:
    def digest(bundle: ExportResult) -> dict[str, str]:
        return {
            path.relative_to(bundle.path).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in bundle.path.rglob("*")
            if path.is_file()
        }

    one = digest(tiny_export(precision="int8", limits=ANY, output=tmp_path / "one"))
    assert one == digest(tiny_export(precision="int8", limits=ANY, output=tmp_path / "two"))


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the conversion to w8 move landmarks by six cells."""
    honest = convert_to_mnn

    def tamper(source: Path, target: Path, precision: Precision) -> None:
        honest(with_moved_landmarks(source, 6), target, precision)

    monkeypatch.setattr(reduction, "convert_to_mnn", tamper)


@pytest.mark.slow
@pytest.mark.usefixtures("breaking")
def test_a_precision_that_breaks_a_head_is_refused_and_leaves_nothing(tiny_export: TinyExport, tmp_path: Path) -> None:
    with pytest.raises(ParityError, match=r"w8 is not good enough: .* broken heads: hps$"):
        tiny_export(precision="w8")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("breaking")
def test_a_refused_precision_leaves_an_earlier_bundle_as_it_was(tiny_export: TinyExport) -> None:
    before = tiny_export()
    with pytest.raises(ParityError):
        tiny_export(precision="w8")
    assert open_bundle(before.path).manifest == before.manifest


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, list[str]]]:
    """Let fp32 have an mAP_pt of 0.4 and the other model 0.39; return what is measured: drawings, and model files."""
    calls = []

    def measure(self: DrawnAccuracy, engines: Sequence[Engine], _on_progress: Callable[[str], None]) -> list[Accuracy]:
        calls.append((self.pictures, [engine.record.model_file for engine in engines]))
        return [Accuracy(0.4, 0.5), Accuracy(0.39, 0.5)]

    monkeypatch.setattr(DrawnAccuracy, "__call__", measure)
    return calls


@pytest.mark.slow
def test_a_loss_of_accuracy_is_recorded_or_refused(
    tiny_export: TinyExport, tmp_path: Path, measured: list[tuple[int, list[str]]]
) -> None:
    bundle = tiny_export(precision="w8", limits=Limits(max_map_drop=0.02, drawings=5))
    assert measured == [(5, ["network.mnn", "reduced.mnn"])]
    assert bundle.manifest.quantisation is not None
    assert bundle.manifest.quantisation.loss.accuracy is not None
    assert bundle.manifest.quantisation.loss.accuracy.drop == pytest.approx(0.01)
    assert bundle.manifest.quantisation.loss.accuracy.pictures == 5
    with pytest.raises(ParityError, match="mAP_pt falls"):
        tiny_export(precision="w8", limits=Limits(max_map_drop=0.005), output=tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.slow
def test_accuracy_is_not_measured_unless_its_loss_is_bounded(
    tiny_export: TinyExport, measured: list[tuple[int, list[str]]]
) -> None:
    bundle = tiny_export(precision="w8")
    assert measured == []
    assert bundle.manifest.quantisation is not None
    assert bundle.manifest.quantisation.loss.accuracy is None


def test_an_unknown_layer_is_refused_and_leaves_nothing(tiny_export: TinyExport, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no layer 'head'"):
        tiny_export(precision="int8", keep_float=["head"])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--precision", "w8", "--to", "onnx"], 2, "precision w8 is for mnn, not for onnx"),
        (["--precision", "int4"], 2, "int4"),
        (["--precision", "w8", "--calibration", "."], 2, "--calibration has no meaning with precision w8"),
        (["--precision", "int8", "--calibration", "nowhere"], 1, "nowhere does not exist"),
        (["--precision", "w8", "--min-kept", "2"], 2, "min_kept must be in [0, 1]"),
        (["--max-map-drop", ".1"], 2, "no meaning with fp32"),
        (["--sensitivity"], 2, "add --precision int8"),
    ],
)
def test_requests_that_make_no_sense_are_refused(
    deepmark: Deepmark, tmp_path: Path, options: Sequence[str], code: int, words: str
) -> None:
    checkpoint = tmp_path / "a.pth"
    checkpoint.write_bytes(b"never read")
    deepmark("export", checkpoint, "-o", tmp_path / "out", *options).assert_refused(code, words)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("breaking")
def test_the_command_shows_which_head_broke(
    tiny_export: TinyExport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tmp_path / "checkpoints" / "tiny.pth"
    options = ["--precision", "w8", "--size", "64x96", "--heads", "dense", "-o", str(tmp_path / "out")]
    run = CliRunner().invoke(export.command, [str(checkpoint), *options])
    assert isinstance(run.exception, ParityError)
    row = next(line for line in run.output.splitlines() if line.startswith("hps"))
    assert "0.0%" in row
    assert "BROKEN" in row


@pytest.mark.slow
def test_the_command_bounds_the_loss_of_accuracy_on_500_drawings(
    tiny_export: TinyExport, tmp_path: Path, measured: list[tuple[int, list[str]]]
) -> None:
    arguments = ["--precision", "w8", "--size", "64x96", "-o", str(tmp_path / "out"), "--max-map-drop", ".1", "--json"]
    run = CliRunner().invoke(export.command, [str(tmp_path / "checkpoints" / "tiny.pth"), *arguments])
    assert run.exit_code == 0, run.output
    assert measured == [(500, ["network.mnn", "reduced.mnn"])]
    assert '"fp32_points": 0.4' in run.stdout
