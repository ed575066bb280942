"""The graph for a GPU: the same numbers, nothing left for the CPU, and one output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from gpu_models import upsampling_bundle
from joined_models import joined_manifest
from onnx import TensorProto, helper, numpy_helper
from outcome import Deepmark
from tiny import assert_close, convert, make_manifest, noise, truth, write_bundle
from tiny_network import HEADS, export_loaded, tiny_loaded

from deepmark.errors import ConversionError, UsageError
from deepmark.exporter.gpu_form import join_outputs, without_depthwise_deconvolutions, write_gpu_form
from deepmark.exporter.request import make_request
from deepmark.exporter.verification import verify
from deepmark.runtime.arrays import F32
from deepmark.runtime.engines.gpu_settings import GpuSettings
from deepmark.runtime.engines.loading import load_engine


def _model(weight: F32, bias: F32 | None = None, **attributes: Any) -> onnx.ModelProto:
    """A graph of one depthwise deconvolution."""
    channels = weight.shape[0]
    constants = [numpy_helper.from_array(weight, "w")]
    constants += [] if bias is None else [numpy_helper.from_array(bias, "b")]
    node = helper.make_node(
        "ConvTranspose", ["x", *(one.name for one in constants)], ["y"], name="up", group=channels, **attributes
    )
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", channels, "h", "w_"])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", channels, "h2", "w2"])]
    graph = helper.make_graph([node], "up", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _run(model: onnx.ModelProto, x: npt.NDArray[np.float32]) -> F32:
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {"x": x})
    return np.asarray(y, np.float32)


@pytest.mark.parametrize("stride", [2, 4, 8])
@pytest.mark.parametrize("biased", [False, True])
def test_it_is_the_same_up_sampling(stride: int, biased: bool) -> None:
    rng = np.random.default_rng(stride)
    weight = rng.normal(size=(3, 1, 2 * stride, 2 * stride)).astype(np.float32)
    bias = rng.normal(size=3).astype(np.float32) if biased else None
    model = _model(weight, bias, strides=[stride] * 2, pads=[stride // 2] * 4, kernel_shape=[2 * stride] * 2)
    rewritten = without_depthwise_deconvolutions(model)
    assert [node.op_type for node in rewritten.graph.node] == ["Conv"] * stride**2 + ["Concat", "DepthToSpace"]
    assert {one.name for one in rewritten.graph.initializer} >= ({"b"} if biased else set())
    assert "w" not in {one.name for one in rewritten.graph.initializer}
    for shape in ((1, 3, 5, 7), (2, 3, 4, 4)):
        x = rng.normal(size=shape).astype(np.float32)
        expected = _run(model, x)
        assert expected.shape[2:] == (stride * shape[2], stride * shape[3])
        np.testing.assert_allclose(_run(rewritten, x), expected, atol=2e-6)


@pytest.mark.parametrize(
    ("side", "attributes"),
    [
        (3, {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}),
        (4, {"strides": [2, 2], "pads": [0, 0, 0, 0]}),
        (4, {"strides": [1, 1], "pads": [1, 1, 1, 1]}),
        (4, {"strides": [2, 2], "pads": [1, 1, 1, 1], "dilations": [2, 2]}),
        (6, {"strides": [3, 3], "pads": [1, 1, 1, 1]}),
    ],
)
def test_another_deconvolution_is_refused(side: int, attributes: dict[str, Any]) -> None:
    model = _model(np.ones((3, 1, side, side), np.float32), kernel_shape=[side] * 2, **attributes)
    with pytest.raises(ConversionError, match=r"up is a deconvolution with kernel .* not one that can be rewritten"):
        without_depthwise_deconvolutions(model)


@pytest.mark.usefixtures("software_gpus")
def test_buffers_compute_all_of_it_on_the_gpu(tmp_path: Path) -> None:
    bundle = upsampling_bundle(tmp_path)
    rewritten, converted = tmp_path / "gpu.onnx", tmp_path / "gpu.mnn"
    manifest = joined_manifest(make_manifest())
    write_gpu_form(bundle / "model.onnx", rewritten, heads=tuple(manifest.heads.channels))
    convert(rewritten, converted)
    whole = write_bundle(tmp_path / "whole.deepmark", manifest, {"model.onnx": rewritten, "model.mnn": converted})
    x = noise(1, 3, 64, 96)
    settings = GpuSettings(tuning="none", storage="buffer")
    with load_engine(whole, compute="opencl", gpu=settings) as engine:
        assert "on the CPU" not in engine.record.placement
        assert_close(engine.run(x), truth(bundle / "model.onnx", x))


def test_joined_outputs_are_the_separate_ones_bit_by_bit(tiny_onnx: Path) -> None:
    model = onnx.load(str(tiny_onnx))
    join_outputs(model)
    onnx.checker.check_model(model, full_check=True)
    (joined,) = model.graph.output
    assert (joined.name, joined.type.tensor_type.shape.dim[1].dim_value) == ("heads", sum(HEADS.values()))
    x = noise(2, 3, 64, 96)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    separate = onnxruntime.InferenceSession(str(tiny_onnx), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"image": x})
    np.testing.assert_array_equal(found, np.concatenate(separate.run(list(HEADS), {"image": x}), axis=1))


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["dense", "sparse"])
def test_the_onnx_file_keeps_its_outputs_and_mnn_s_model_has_one(tmp_path: Path, layout: str) -> None:
    path = export_loaded(
        tmp_path, tiny_loaded(), to=("onnx", "mnn"), size=(64, 96), target="gpu", heads=layout, zip_too=True
    ).path
    x = noise(1, 3, 64, 96)
    with load_engine(path, threads=1, backend="mnn", winograd=0) as engine:
        found, names = engine.run(x), list(engine.manifest.heads.channels)
    with load_engine(path, threads=1, backend="onnxruntime") as engine:
        assert_close(found, engine.run(x))
    assert [one.name for one in onnx.load(str(path / "model.onnx")).graph.output] == names
    for bundle in (path, path.with_name("tiny.deepmark.zip")):
        assert verify(bundle, threads=1).report.passed


def test_an_export_for_a_gpu_makes_sense(deepmark: Deepmark, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"only MNN's model is written for a gpu"):
        make_request("a.pth", ("onnx",), None, None, 64, target="gpu")
    with pytest.raises(UsageError, match=r"unknown target 'npu'"):
        make_request("a.pth", ("mnn",), None, None, 64, target="npu")
    (tmp_path / "a.pth").write_bytes(b"x")
    done = deepmark("export", tmp_path / "a.pth", "--for", "gpu", "--precision", "int8", "-o", tmp_path)
    assert done.code == 2
    assert "MNN computes int8 on the CPU alone" in done.err
