"""A 7x7 convolution at full resolution as one between blocks of pixels: the same numbers, at every size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from tiny import noise, truth
from tiny_network import export_loaded, tiny_loaded, tiny_manifest, tiny_network
from torch import nn

from deepmark.exporter.blocked_stem import (
    find_stem,
    kernel_between_blocks,
    with_stem,
    write_blocked_stem,
    write_in_blocks,
)
from deepmark.exporter.conversion import BLOCKED_STEM, GPU_FORM, convert_network, mnn_source, shipped_onnx
from deepmark.exporter.first_difference import find_first_difference
from deepmark.exporter.formats import FP16, W8, Precision
from deepmark.exporter.request import make_request
from deepmark.exporter.to_mnn import convert_to_mnn
from deepmark.models.loading import LoadedNetwork
from deepmark.runtime.arrays import F32
from deepmark.runtime.engines.loading import load_engine
from deepmark.runtime.engines.mnn import MnnSession, MnnSettings

SIZE = (64, 96)
WINOGRAD_ATOL = 1e-3
Change = Callable[[onnx.ModelProto], Any]


def _full_resolution() -> LoadedNetwork:
    """The tiny network with DLA's kind of stem."""
    network = tiny_network()
    torch.manual_seed(1)
    stem = (nn.Conv2d(3, 8, 7, padding=3, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(2))
    network.stem = nn.Sequential(*stem).eval().requires_grad_(False)
    return tiny_loaded(network)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The model files of an export, by stage."""
    return _convert(tmp_path_factory.mktemp("stem"))


def _convert(folder: Path, *, precision: str = "fp32", target: str = "cpu", dynamic: bool = True) -> dict[str, Path]:
    (folder / "a.pth").write_bytes(b"stands for weights")
    request = make_request(folder / "a.pth", ("mnn",), folder, None, SIZE, "dense", target=target)
    manifest = msgspec.structs.replace(tiny_manifest(dynamic=dynamic), precision=precision)
    return convert_network(_full_resolution(), folder, request, manifest, simplify=False, on_progress=lambda _: None)


def _model(weight: F32, *, attributes: dict[str, Any] | None = None) -> onnx.ModelProto:
    """A graph of one convolution and a ReLU."""
    options: dict[str, Any] = {
        "kernel_shape": [7, 7],
        "pads": [3] * 4,
        "strides": [1, 1],
        "dilations": [1, 1],
        "group": 1,
    }
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], name="stem", **options | (attributes or {})),
        helper.make_node("Relu", ["c"], ["y"], name="relu"),
    ]
    constants = [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(weight[:, 0, 0, 0].copy(), "b")]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", weight.shape[1], "h", "w_"])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", len(weight), "h", "w_"])]
    graph = helper.make_graph(nodes, "stem", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _weight(outputs: int = 5, inputs: int = 3) -> F32:
    return np.random.default_rng(0).normal(size=(outputs, inputs, 7, 7)).astype(np.float32)


def _run(model: onnx.ModelProto, x: F32) -> F32:
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {"x": x})
    return np.asarray(y, np.float32)


@pytest.mark.parametrize("inputs", [1, 3])
@pytest.mark.parametrize("shape", [(1, 2, 2), (1, 8, 6), (3, 10, 16)])
def test_it_is_the_same_convolution(inputs: int, shape: tuple[int, int, int]) -> None:
    model = _model(_weight(inputs=inputs))
    stem = find_stem(model)
    assert stem is not None
    rewritten = with_stem(model, stem, write_in_blocks)
    assert [node.op_type for node in rewritten.graph.node] == ["Conv", "Conv", "Relu", "DepthToSpace"]
    assert {tuple(one.dims) for one in rewritten.graph.initializer} >= {
        (4 * inputs, inputs, 2, 2),
        (20, 4 * inputs, 4, 4),
    }
    x = noise(shape[0], inputs, *shape[1:])
    np.testing.assert_allclose(_run(rewritten, x), _run(model, x), atol=1e-5)


@pytest.mark.parametrize(("block", "front"), [(2, 0), (2, 1), (4, 1)])
def test_no_weight_is_lost_or_counted_twice(block: int, front: int) -> None:
    weight = _weight()
    for place in kernel_between_blocks(weight, block, front=front).reshape(block**2, 5, -1):
        found = np.sort(place[place != 0].reshape(5, -1))
        np.testing.assert_array_equal(found, np.sort(weight.reshape(5, -1)))


def _read_twice(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Sigmoid", ["c"], ["z"]))


def _without_relu(model: onnx.ModelProto) -> None:
    model.graph.node[1].op_type = "Sigmoid"


def _input_read_twice(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Sigmoid", ["x"], ["z"]))


@pytest.mark.parametrize("change", [_read_twice, _without_relu, _input_read_twice])
def test_another_beginning_stays_as_it_is(change: Change) -> None:
    model = _model(_weight())
    change(model)
    assert find_stem(model) is None


@pytest.mark.parametrize(
    "attributes", [{"strides": [2, 2]}, {"pads": [2] * 4}, {"dilations": [2, 2]}, {"auto_pad": "SAME_UPPER"}]
)
def test_another_convolution_stays_as_it_is(attributes: dict[str, Any], tmp_path: Path) -> None:
    onnx.save(_model(_weight(), attributes=attributes), tmp_path / "a.onnx")
    assert not write_blocked_stem(tmp_path / "a.onnx", tmp_path / "b.onnx", heads=("y",))
    assert not (tmp_path / "b.onnx").exists()


def test_mnn_gets_it_and_users_the_network_that_they_know(files: dict[str, Path]) -> None:
    assert list(files) == ["onnx", BLOCKED_STEM, "mnn"]
    assert mnn_source(files) == files[BLOCKED_STEM]
    assert shipped_onnx(files) == files["onnx"]
    first, *_ = onnx.load(str(files["onnx"])).graph.node
    assert next(one.ints for one in first.attribute if one.name == "kernel_shape") == [7, 7]


@pytest.mark.parametrize("level", [0, 3])
@pytest.mark.parametrize("shape", [(1, 3, *SIZE), (2, 3, 32, 32), (1, 3, 96, 64)])
def test_mnn_gives_the_heads_of_the_network_at_every_size(
    files: dict[str, Path], level: int, shape: tuple[int, int, int, int]
) -> None:
    x = noise(*shape)
    session = MnnSession(files["mnn"], threads=1, settings=MnnSettings(winograd=level))
    found = session.run(x)
    for number, picture in enumerate(x):
        for name, expected in truth(files["onnx"], picture[None]).items():
            np.testing.assert_allclose(found[name][number], expected, atol=WINOGRAD_ATOL if level else 1e-5)
    session.close()


def test_a_model_of_one_size_has_it_too(tmp_path: Path) -> None:
    fixed = _convert(tmp_path, dynamic=False)
    x = noise(1, 3, *SIZE)
    with load_engine(fixed["mnn"], threads=1) as engine:
        for name, expected in truth(fixed["onnx"], x).items():
            np.testing.assert_allclose(engine.run(x)[name], expected, atol=WINOGRAD_ATOL)


@pytest.mark.parametrize("precision", [FP16, W8], ids=["fp16", "w8"])
def test_shorter_weights_cost_as_much_as_those_of_the_network(
    files: dict[str, Path], precision: Precision, tmp_path: Path
) -> None:
    """Every place of a block has all weights of its channel, so their range: halves are the same, 8 bits as fine."""
    x = noise(1, 3, *SIZE)
    expected = truth(files["onnx"], x)
    errors = []
    for stage in ("onnx", BLOCKED_STEM):
        path = tmp_path / f"{stage.replace(' ', '_')}.mnn"
        convert_to_mnn(files[stage], path, precision)
        session = MnnSession(path, threads=1, settings=MnnSettings(winograd=0))
        found = session.run(x)
        errors.append([float(np.abs(found[name][0] - values).mean()) for name, values in expected.items()])
        session.close()
    np.testing.assert_array_less(errors[1], 1.2 * np.array(errors[0]) + 1e-6)


def test_a_gpu_and_8_bit_activations_get_the_network_as_it_is(tmp_path: Path) -> None:
    for options, stages in (({"target": "gpu"}, ["onnx", GPU_FORM, "mnn"]), ({"precision": "int8"}, ["onnx", "mnn"])):
        folder = tmp_path / stages[-2].replace(" ", "_")
        folder.mkdir()
        assert list(_convert(folder, **options)) == stages  # type: ignore[arg-type]


def test_parity_holds_it_in_a_hop_of_its_own(tmp_path: Path) -> None:
    result = export_loaded(tmp_path, _full_resolution(), to=("onnx", "mnn"), size=SIZE, heads="sparse")
    hops = [("torch", "onnx"), ("onnx", BLOCKED_STEM), (BLOCKED_STEM, "mnn"), ("torch", "mnn")]
    assert [(hop.reference, hop.candidate) for hop in result.parity] == hops
    assert result.parity.passed


def test_the_first_difference_is_found_in_it(files: dict[str, Path], tmp_path: Path) -> None:
    model = onnx.load(str(files[BLOCKED_STEM]))
    (kernel,) = [one for one in model.graph.initializer if one.dims[2:] == [4, 4] and one.dims[1] == 12]
    wrong = numpy_helper.to_array(kernel)[:, ::-1].copy()
    kernel.CopyFrom(numpy_helper.from_array(wrong, kernel.name))
    onnx.save(model, tmp_path / "wrong.onnx")
    network = _full_resolution().network
    found = find_first_difference(
        network, {"onnx": files["onnx"], BLOCKED_STEM: tmp_path / "wrong.onnx"}, noise(1, 3, *SIZE)
    )
    assert found.startswith(f"{BLOCKED_STEM}: the first tensor that differs is /network/stem/stem.2/Relu"), found
