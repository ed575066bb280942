"""``--explain`` names the tensor that was tampered with, and no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from tiny_network import tiny_network

from deepmark.exporter.first_difference import explain_mnn, explain_onnx

IMAGE = np.random.default_rng(0).normal(size=(1, 3, 32, 64)).astype(np.float32)


def _tampered(source: Path, target: Path, node_name: str) -> Path:
    """Change the weights of one node."""
    model = onnx.load(str(source))
    node = next(node for node in model.graph.node if node.name == node_name)
    weight = next(one for one in model.graph.initializer if one.name == node.input[1])
    values = numpy_helper.to_array(weight).copy()
    values += 0.1
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    onnx.save(model, str(target))
    return target


def test_nothing_is_found_in_an_honest_export(tiny_onnx: Path, tiny_mnn: Path) -> None:
    assert explain_onnx(tiny_network(), tiny_onnx, IMAGE) is None
    assert explain_mnn(tiny_onnx, tiny_mnn, IMAGE) is None


@pytest.mark.parametrize(
    "node", ["/network/stem/stem.0/Conv", "/network/up/ConvTranspose", "/network/hm/hm.0/Conv", "/network/wh/wh.2/Conv"]
)
def test_a_changed_weight_of_the_onnx_model_is_found_where_it_is(tiny_onnx: Path, tmp_path: Path, node: str) -> None:
    finding = explain_onnx(tiny_network(), _tampered(tiny_onnx, tmp_path / "net.onnx", node), IMAGE)
    assert finding is not None
    made_by = {one.output[0]: one.name for one in onnx.load(str(tiny_onnx)).graph.node}
    assert made_by[finding.tensor] == node
    assert finding.operator == node.rsplit("/", 1)[1]
    assert finding.max_error > finding.allowed


def test_an_mnn_model_of_other_weights_is_found_at_the_first_tensor_that_mnn_keeps(
    tiny_onnx: Path, tiny_mnn: Path, tmp_path: Path
) -> None:
    tampered = _tampered(tiny_onnx, tmp_path / "net.onnx", "/network/deep/deep.0/Conv")
    finding = explain_mnn(tampered, tiny_mnn, IMAGE)
    assert finding is not None
    assert finding.tensor == "/network/deep/deep.2/Relu_output_0"  # MNN fuses the ReLU into its convolution
    assert "the first tensor that differs is /network/deep/deep.2/Relu_output_0 (Relu, 1x16x4x8)" in str(finding)


def test_mnns_remarks_on_fused_tensors_stay_off_stdout(
    tiny_onnx: Path, tiny_mnn: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    explain_mnn(tiny_onnx, tiny_mnn, IMAGE)
    assert capfd.readouterr().out == ""
