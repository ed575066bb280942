"""ONNX -> MNN: every way in which the converter claims success without one, provoked for real."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from deepmark.errors import ConversionError
from deepmark.exporter import to_mnn
from deepmark.exporter.formats import FP16, FP32, W8, Precision
from deepmark.exporter.mnn_tool import MnnTool, run_tool
from deepmark.exporter.to_mnn import CONVERTER, convert_to_mnn
from deepmark.runtime.engines.loading import load_engine


def _converter(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run MNN's converter without any of our checks."""
    command = [sys.executable, "-P", "-c", "import sys, _tools; _tools.mnnconvert(sys.argv[1:])", "MNNConvert"]
    return subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, check=False)


def _plain(source: Path, target: Path) -> tuple[str, ...]:
    return "-f", "ONNX", "--modelFile", str(source), "--MNNModel", str(target)


def _deformable(path: Path) -> Path:
    """An operator that ONNX has and MNN has not."""
    weight = numpy_helper.from_array(np.ones((4, 4, 3, 3), np.float32), "weight")
    offset = numpy_helper.from_array(np.zeros((1, 18, 32, 32), np.float32), "offset")
    node = helper.make_node("DeformConv", ["image", "weight", "offset"], ["hm"], kernel_shape=[3, 3], pads=[1] * 4)
    sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4, 32, 32]) for name in ("image", "hm")]
    graph = helper.make_graph([node], "deformable", sides[:1], sides[1:], [weight, offset])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=8), str(path))
    return path


def _with_external_data(source: Path, path: Path) -> Path:
    onnx.save(onnx.load(str(source)), str(path), save_as_external_data=True, location="weights", size_threshold=0)
    (path.parent / "weights").unlink()
    return path


def _with_nan(source: Path, path: Path) -> Path:
    model = onnx.load(str(source))
    values = numpy_helper.to_array(model.graph.initializer[0]).copy()
    values.ravel()[0] = np.nan
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(values, model.graph.initializer[0].name))
    onnx.save(model, str(path))
    return path


def test_a_model_converts_loads_and_carries_its_manifest(tiny_mnn: Path) -> None:
    with load_engine(tiny_mnn, threads=1) as engine:
        assert engine.manifest.name == "tiny"
        assert engine.run(np.zeros((1, 3, 32, 32), np.float32))["hps"].shape == (6, 8, 8)


def test_the_same_model_gives_the_same_bytes(tiny_onnx: Path, tiny_mnn: Path, tmp_path: Path) -> None:
    convert_to_mnn(tiny_onnx, tmp_path / "again.mnn")
    assert (tmp_path / "again.mnn").read_bytes() == tiny_mnn.read_bytes()


def test_a_missing_source_is_refused_where_the_converter_exits_with_0(tmp_path: Path) -> None:
    assert _converter(tmp_path, *_plain(tmp_path / "none.onnx", tmp_path / "net.mnn")).returncode == 0
    with pytest.raises(ConversionError, match=r"onnx -> mnn: no file none\.onnx"):
        convert_to_mnn(tmp_path / "none.onnx", tmp_path / "net.mnn")


@pytest.mark.parametrize("content", [b"", b"hello, this is no model", "half"])
def test_a_damaged_source_is_refused_where_the_converter_exits_with_0(
    tiny_onnx: Path, tmp_path: Path, content: bytes | str
) -> None:
    source = tmp_path / "net.onnx"
    source.write_bytes(tiny_onnx.read_bytes()[:4000] if isinstance(content, str) else content)
    assert _converter(tmp_path, *_plain(source, tmp_path / "net.mnn")).returncode == 0
    with pytest.raises(ConversionError, match=r"net\.onnx is no valid ONNX model"):
        convert_to_mnn(source, tmp_path / "net.mnn")
    assert not (tmp_path / "net.mnn").exists()


def test_an_unknown_operator_is_named_where_the_converter_exits_with_0(tmp_path: Path) -> None:
    source = _deformable(tmp_path / "net.onnx")
    assert _converter(tmp_path, *_plain(source, tmp_path / "net.mnn")).returncode == 0
    with pytest.raises(ConversionError, match="DeformConv"):
        convert_to_mnn(source, tmp_path / "net.mnn")


def test_a_stale_result_does_not_survive_as_a_success(tmp_path: Path) -> None:
    (tmp_path / "net.mnn").write_bytes(b"from yesterday")
    with pytest.raises(ConversionError):
        convert_to_mnn(_deformable(tmp_path / "net.onnx"), tmp_path / "net.mnn")
    assert (tmp_path / "net.mnn").read_bytes() == b"from yesterday"  # and it was not taken for the new one
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.mnn", "net.onnx"]


def test_an_unknown_flag_is_refused_where_the_converter_goes_on_without_it(tiny_onnx: Path, tmp_path: Path) -> None:
    arguments = (*_plain(tiny_onnx, tmp_path / "net.mnn"), "--nonsense")
    assert "Converted Success" in _converter(tmp_path, *arguments).stdout
    with pytest.raises(ConversionError, match="Not support option: nonsense"):
        run_tool(CONVERTER, arguments, tmp_path)


def test_success_without_a_file_is_refused(tiny_onnx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = tmp_path / "no such folder" / "net.mnn"
    assert "Converted Success" in _converter(tmp_path, *_plain(tiny_onnx, nowhere)).stdout
    monkeypatch.setattr(to_mnn, "run_tool", lambda *_, **__: "Converted Success!")
    with pytest.raises(ConversionError, match="wrote no file"):
        convert_to_mnn(tiny_onnx, tmp_path / "net.mnn")


def test_weights_outside_the_file_are_refused_where_the_converter_invents_them(tiny_onnx: Path, tmp_path: Path) -> None:
    source = _with_external_data(tiny_onnx, tmp_path / "net.onnx")
    assert "Converted Success" in _converter(tmp_path, *_plain(source, tmp_path / "invented.mnn")).stdout
    assert (tmp_path / "invented.mnn").is_file()
    with pytest.raises(ConversionError, match="lies outside the file"):
        convert_to_mnn(source, tmp_path / "net.mnn")


def test_nan_weights_are_refused_where_the_converter_takes_them(tiny_onnx: Path, tmp_path: Path) -> None:
    source = _with_nan(tiny_onnx, tmp_path / "net.onnx")
    assert "Converted Success" in _converter(tmp_path, *_plain(source, tmp_path / "nan.mnn")).stdout
    with pytest.raises(ConversionError, match=r"^onnx -> mnn: .*1 values that are NaN or infinite"):
        convert_to_mnn(source, tmp_path / "net.mnn")


@pytest.mark.parametrize(
    "flags", [["--weightQuantBits", "1"], ["--weightQuantBits", "9"], ["--fp16"], ["--fp16", "--weightQuantBits", "8"]]
)
def test_weights_that_were_silently_shortened_are_found_by_size(
    tiny_onnx: Path, tmp_path: Path, flags: list[str]
) -> None:
    shorter = replace(FP32, flags=tuple(flags))  # 1 and 9 bits become 2 and 8; --fp16 beats the bits
    with pytest.raises(ConversionError, match="the weights alone have"):
        convert_to_mnn(tiny_onnx, tmp_path / "net.mnn", shorter)


@pytest.mark.parametrize("precision", [FP16, W8])
def test_weights_that_silently_stayed_float_are_found_by_size(
    tiny_onnx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: Precision
) -> None:
    monkeypatch.setattr(to_mnn, "GRAPH_BYTES", 0)  # the tiny network is mostly graph
    with pytest.raises(ConversionError, match=rf"expected \d+ at most in {precision.name}"):
        convert_to_mnn(tiny_onnx, tmp_path / "net.mnn", replace(precision, flags=()))


@pytest.mark.slow
@pytest.mark.parametrize("precision", [FP16, W8])
def test_a_precision_is_smaller_and_gives_nearly_the_same(
    tiny_onnx: Path, tiny_mnn: Path, tmp_path: Path, precision: Precision
) -> None:
    convert_to_mnn(tiny_onnx, tmp_path / "net.mnn", precision)
    assert (tmp_path / "net.mnn").stat().st_size < tiny_mnn.stat().st_size
    x = np.random.default_rng(0).standard_normal((1, 3, 64, 96), np.float32)
    with load_engine(tiny_mnn, threads=1) as whole, load_engine(tmp_path / "net.mnn", threads=1) as short:
        assert short.manifest.name == "tiny"
        expected, found = whole.run(x), short.run(x)
    for name, head in expected.items():
        error = np.abs(found[name] - head).max()
        assert 0 < error <= 0.02 * np.abs(head).max(), name


def _broken(code: str, timeout_s: float = 60) -> MnnTool:
    """The converter, with its first call replaced."""
    return replace(CONVERTER, function=f"__name__; {code}; (lambda _: 0)", timeout_s=timeout_s)


def test_a_converter_that_crashes_ends_its_child_and_not_us(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="the converter crashed with SIGABRT"):
        run_tool(_broken("__import__('os').abort()"), [], tmp_path)


def test_a_hanging_converter_is_ended(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=r"did not finish within 0\.5 s"):
        run_tool(_broken("import time; time.sleep(60)", timeout_s=0.5), [], tmp_path)


def test_a_missing_mnn_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="MNN is not installed") as error:
        run_tool(_broken("raise ModuleNotFoundError(\"No module named '_tools'\")"), [], tmp_path)
    assert error.value.hint == "pip install mnn"


def test_the_converter_leaves_nothing_in_the_working_folder(tiny_onnx: Path, tmp_path: Path) -> None:
    convert_to_mnn(tiny_onnx, tmp_path / "net.mnn")
    assert [path.name for path in tmp_path.iterdir()] == ["net.mnn"]
