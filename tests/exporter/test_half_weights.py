"""What is stored in 16 bits is rounded before it is cut, and what 16 bits cannot hold is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tiny import noise

from deepmark.errors import ConversionError
from deepmark.exporter.formats import FP16
from deepmark.exporter.half_weights import LARGEST, with_half_weights
from deepmark.exporter.mnn_tool import run_tool
from deepmark.exporter.to_mnn import CONVERTER, convert_to_mnn
from deepmark.runtime.arrays import F32
from deepmark.runtime.engines.mnn import MnnSession

BETWEEN = 1 + 3 * 2**-12  # the nearest half is 1 + 2^-10, the one below is 1


def _model(operator: str, *constants: F32, as_nodes: bool = False) -> onnx.ModelProto:
    """One operator, with an input of 1 x 1 x 4 x 4."""
    names = [f"c{number}" for number in range(len(constants))]
    tensors = [numpy_helper.from_array(value, name) for name, value in zip(names, constants, strict=True)]
    nodes = [helper.make_node("Constant", [], [one.name], value=one) for one in tensors] if as_nodes else []
    nodes.append(helper.make_node(operator, ["x", *names], ["y"]))
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, 4, 4]) for name in "xy")
    graph = helper.make_graph(nodes, "one", [x], [y], [] if as_nodes else tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _constants(model: onnx.ModelProto) -> list[float]:
    tensors = [*model.graph.initializer, *(one.attribute[0].t for one in model.graph.node if not one.input)]
    return [float(numpy_helper.to_array(one).ravel()[0]) for one in tensors]


def _run(path: Path, x: F32) -> dict[str, F32]:
    session = MnnSession(path, 1)
    try:
        return {name: head.copy() for name, head in session.run(x).items()}
    finally:
        session.close()


@pytest.mark.slow
def test_a_model_in_16_bits_computes_exactly_what_its_rounded_weights_give(tiny_onnx: Path, tmp_path: Path) -> None:
    """With weights as they were, the converter cuts: the same comparison fails."""
    x = noise(1, 3, 64, 96)
    rounded = tmp_path / "rounded.onnx"
    rounded.write_bytes(with_half_weights(onnx.load(str(tiny_onnx))).SerializeToString())
    convert_to_mnn(rounded, tmp_path / "rounded.mnn")
    expected = _run(tmp_path / "rounded.mnn", x)

    convert_to_mnn(tiny_onnx, tmp_path / "halves.mnn", FP16)
    found = _run(tmp_path / "halves.mnn", x)

    assert all(np.array_equal(found[name], head) for name, head in expected.items())
    files = ["--modelFile", str(tiny_onnx), "--MNNModel", str(tmp_path / "cut.mnn")]
    run_tool(CONVERTER, ["-f", "ONNX", *files, *FP16.flags], tmp_path)
    cut = _run(tmp_path / "cut.mnn", x)
    assert not any(np.array_equal(cut[name], head) for name, head in expected.items())


def test_the_file_that_is_converted_is_left_as_it_was(tiny_onnx: Path, tmp_path: Path) -> None:
    before = tiny_onnx.read_bytes()

    convert_to_mnn(tiny_onnx, tmp_path / "net.mnn", FP16)

    assert tiny_onnx.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["net.mnn"]


@pytest.mark.parametrize("as_nodes", [False, True])
def test_weights_are_rounded_to_the_nearest_half_and_biases_are_left(as_nodes: bool) -> None:
    weight, bias = np.full((1, 1, 1, 1), BETWEEN, np.float32), np.array([BETWEEN], np.float32)
    conv = _model("Conv", weight, bias, as_nodes=as_nodes)
    factor = _model("Mul", np.array(-BETWEEN, np.float32), as_nodes=as_nodes)

    assert _constants(with_half_weights(conv)) == [1 + 2**-10, BETWEEN]
    assert _constants(with_half_weights(factor)) == [-1 - 2**-10]
    assert _constants(conv)[0] == BETWEEN  # a copy was changed


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (_model("Add", np.array(65520, np.float32)), "'c0' reaches 65520, 16 bits end at 65504"),
        (_model("Conv", np.full((1, 1, 1, 1), -1e6, np.float32)), "'c0' reaches 1e\\+06"),
        (_model("Add", np.array(1e-8, np.float32)), "'c0' is 1e-08 at most, and 16 bits hold nothing below 6.1e-05"),
        (
            _model("Resize", np.zeros(0, np.float32), np.array([1, 1, 1.3, 1.3], np.float32)),
            "'c1' is a scale of 1, 1, 1.3, 1.3, which 16 bits round: another size",
        ),
    ],
    ids=["large", "large-weight", "epsilon", "scales"],
)
def test_what_16_bits_cannot_hold_is_refused(model: onnx.ModelProto, words: str) -> None:
    with pytest.raises(ConversionError, match=words):
        with_half_weights(model)


def test_the_largest_half_nothing_and_scales_that_are_halves_pass() -> None:
    for model in (
        _model("Add", np.array(LARGEST, np.float32)),
        _model("Add", np.array(0, np.float32)),
        _model("Resize", np.zeros(0, np.float32), np.array([1, 1, 1.5, 2], np.float32)),
    ):
        assert with_half_weights(model) == model


@pytest.mark.slow
@pytest.mark.parametrize(("value", "stored"), [(1e-8, 0), (1e6, LARGEST), (BETWEEN, 1)])
def test_the_converter_stores_another_number_without_a_word(value: float, stored: float, tmp_path: Path) -> None:
    """What the refusals and the rounding are for; it fails when MNN mends this."""
    source, target = tmp_path / "net.onnx", tmp_path / "net.mnn"
    onnx.save(_model("Mul", np.array(value, np.float32)), str(source))

    run_tool(CONVERTER, ["-f", "ONNX", "--modelFile", str(source), "--MNNModel", str(target), *FP16.flags], tmp_path)

    assert np.all(_run(target, np.ones((1, 1, 4, 4), np.float32))["y"] == np.float32(stored))
