"""Export of a network with deformable convolutions: one hop more, and no file that its engine could misread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from native_programs import EMULATOR, require_cross_build, run_program
from onnx import numpy_helper
from tiny_deformable import tiny_deformable
from tiny_network import TinyExport, export_loaded, tiny_loaded

from deepmark.errors import ConversionError, UsageError
from deepmark.exporter import pipeline
from deepmark.exporter.conversion import MNN_FORM
from deepmark.exporter.deformable.decomposition import FOR_MNN, decompose
from deepmark.exporter.first_difference import find_first_difference
from deepmark.exporter.parity import ParityReport
from deepmark.exporter.pipeline import ExportResult
from deepmark.exporter.verification import verify, verify_native
from deepmark.runtime import load_engine
from deepmark.runtime.manifest import Manifest
from deepmark.runtime.native import build_native


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> ExportResult:
    """Both models, and what --explain found; never written to by a test."""
    folder = tmp_path_factory.mktemp("deformable-bundle")
    return export_loaded(folder, tiny_loaded(tiny_deformable()), to=("onnx", "mnn"), size=(64, 96), explain=True)


@pytest.fixture
def deformable_export(tiny_export: TinyExport, monkeypatch: pytest.MonkeyPatch) -> TinyExport:
    monkeypatch.setattr("deepmark.models.loading.load_checkpoint", lambda *_, **__: tiny_loaded(tiny_deformable()))
    return tiny_export


def operators(bundle: Path) -> set[str]:
    return {node.op_type for node in onnx.load(str(bundle / "model.onnx")).graph.node}


def test_the_graph_that_mnn_gets_is_a_hop_of_its_own(exported: ExportResult) -> None:
    hops = [(hop.reference, hop.candidate) for hop in exported.parity]
    assert hops == [
        ("torch", "onnx"),
        ("onnx", "decomposed for mnn"),
        ("decomposed for mnn", "mnn"),
        ("torch", "mnn"),
    ]
    assert exported.parity.passed
    assert exported.parity.hops[-1].objects.expected > 0
    assert exported.finding == "no tensor differs"


def test_users_get_the_operator_and_nothing_else(exported: ExportResult) -> None:
    assert "DeformConv" in operators(exported.path)
    assert sorted(one.name for one in exported.path.iterdir() if one.is_file()) == [
        "heads.npz",
        "manifest.json",
        "model.mnn",
        "model.onnx",
    ]


def test_the_bundle_verifies_with_both_engines(exported: ExportResult) -> None:
    assert [hop.candidate for hop in verify(exported.path, threads=1).report] == ["mnn", "onnx"]


@pytest.mark.usefixtures("host_build")
def test_the_bundle_verifies_in_cpp(exported: ExportResult) -> None:
    assert all(line["equal"] for line in verify_native(exported.path)[:-1])


@pytest.mark.slow
def test_the_bundle_verifies_on_an_emulated_phone_processor(exported: ExportResult) -> None:
    require_cross_build()
    build = build_native("aarch64-linux-gnu")
    code, lines, printed = run_program(build, "dm_verify", exported.path, "--threads", 1, emulator=EMULATOR)
    assert code == 0, f"{lines} {printed}"
    assert [line["equal"] for line in lines] == [True] * 5  # four vectors, and the end


def test_the_onnx_file_is_decomposed_on_request(deformable_export: TinyExport) -> None:
    result = deformable_export(to=("onnx",), dcn="decomposed")
    assert "DeformConv" not in operators(result.path)
    assert [hop.candidate for hop in result.parity] == ["onnx", "decomposed", "decomposed"]
    verify(result.path, threads=1)


def test_a_network_without_them_is_what_it_was(tiny_export: TinyExport, tmp_path: Path) -> None:
    plain = tiny_export(to=("onnx",), output=tmp_path / "plain")
    asked = tiny_export(to=("onnx",), output=tmp_path / "asked", dcn="decomposed")
    assert (plain.path / "model.onnx").read_bytes() == (asked.path / "model.onnx").read_bytes()
    assert onnx.load(str(asked.path / "model.onnx")).opset_import[0].version == 17
    assert b"winograd" not in (plain.path / "manifest.json").read_bytes()


@pytest.mark.parametrize(("options", "words"), [({"dcn": "none"}, "unknown form"), ({"dcn": "decomposed"}, "in ONNX")])
def test_a_form_that_makes_no_sense_is_refused(tiny_export: TinyExport, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        tiny_export(to=("mnn",), **options)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp16", "w8"])
def test_weights_can_be_stored_in_fewer_bits(deformable_export: TinyExport, precision: str) -> None:
    result = deformable_export(to=("mnn",), precision=precision)
    assert result.manifest.quantisation is not None
    assert result.manifest.quantisation.loss.kept > 0.9


def test_int8_is_refused_with_the_reason(deformable_export: TinyExport, tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="an offset in 8 bits") as error:
        deformable_export(to=("mnn",), precision="int8")
    assert "w8" in (error.value.hint or "")
    assert not list((tmp_path / "out").glob("*.deepmark"))


@pytest.mark.parametrize("network", ["deformable_export", "tiny_export"])  # with and without such layers
def test_where_winograd_fails_the_bundle_says_so_and_engines_obey(
    network: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    export: TinyExport = request.getfixturevalue(network)
    prove = pipeline._convert_and_prove

    def failing_at_first(*arguments: Any) -> tuple[dict[str, Path], ParityReport, dict[str, bytes]]:
        files, report, vectors = prove(*arguments)
        manifest = next(one for one in arguments if isinstance(one, Manifest))
        if manifest.winograd_level is msgspec.UNSET:
            report = ParityReport(tuple(msgspec.structs.replace(hop, passed=False) for hop in report))
        return files, report, vectors

    monkeypatch.setattr(pipeline, "_convert_and_prove", failing_at_first)
    lines: list[str] = []
    result = export(to=("onnx", "mnn"), on_progress=lines.append)

    assert result.manifest.winograd_level == 0
    assert any("Winograd level 0" in line for line in lines)
    for model in (result.path, result.path / "model.mnn"):
        with load_engine(model, threads=1, backend="mnn") as engine:
            assert engine.record.settings["winograd_level"] == 0
    with load_engine(result.path, threads=1, backend="mnn", winograd=3) as engine:
        assert engine.record.settings["winograd_level"] == 3


def test_a_wrong_layer_is_named_in_the_graph_that_it_came_in_with(exported: ExportResult, tmp_path: Path) -> None:
    native = exported.path / "model.onnx"
    model = decompose(onnx.load(str(native)), FOR_MNN, (64, 96), 32)
    weight = next(one for one in model.graph.initializer if one.name.endswith("narrower/conv/weight"))
    weight.CopyFrom(numpy_helper.from_array(1.1 * numpy_helper.to_array(weight), weight.name))
    onnx.save(model, str(tmp_path / "wrong.onnx"))
    x = np.random.default_rng(0).normal(size=(1, 3, 64, 96)).astype(np.float32)

    found = find_first_difference(tiny_deformable(), {"onnx": native, MNN_FORM: tmp_path / "wrong.onnx"}, x)

    assert found.startswith(f"{MNN_FORM}: the first tensor that differs is /network/narrower/actf/actf.0")


def test_a_level_that_mnn_has_not_is_a_damaged_manifest(exported: ExportResult) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**msgspec.to_builtins(exported.manifest), "winograd_level": 4}, Manifest)
