"""One graph in which every operator of our networks stands once, each in a branch of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CHANNELS, SIDE = 8, 16


def operator_network() -> onnx.ModelProto:
    """Return the graph; the name of each node is that of its branch, and its output that with ``_out``."""
    rng = np.random.default_rng(0)
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    outputs: list[onnx.ValueInfoProto] = []

    def constant(name: str, values: Any) -> str:
        constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def weight(name: str, *shape: int) -> str:
        return constant(f"{name}_w", rng.normal(size=shape).astype(np.float32))

    def branch(name: str, operator: str, extra: Sequence[str] = (), source: str = "x", **attributes: Any) -> None:
        made = f"{name}_out"
        nodes.append(helper.make_node(operator, [source, *extra], [made], name=name, **attributes))
        outputs.append(helper.make_tensor_value_info(made, TensorProto.FLOAT, None))

    c, side = CHANNELS, SIDE
    window: dict[str, Any] = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    up: dict[str, Any] = {"kernel_shape": [4, 4], "pads": [1, 1, 1, 1], "strides": [2, 2]}
    branch("convolution", "Conv", [weight("convolution", c, c, 3, 3)], **window)
    branch("depthwise", "Conv", [weight("depthwise", c, 1, 3, 3)], group=c, **window)
    branch("deconvolution", "ConvTranspose", [weight("deconvolution", c, c, 4, 4)], **up)
    branch("depthwise_deconvolution", "ConvTranspose", [weight("depthwise_deconvolution", c, 1, 4, 4)], group=c, **up)
    branch("relu", "Relu")
    branch("sigmoid", "Sigmoid")
    branch("pooling", "MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    other = constant("other", rng.normal(size=(1, c, side, side)).astype(np.float32))
    for operator in ("Add", "Sub", "Mul", "Div"):
        branch(operator.lower(), operator, [other])
    branch("concat", "Concat", [other], axis=1)
    branch("depth_to_space", "DepthToSpace", blocksize=2, mode="DCR")
    limits = [constant(f"slice_{name}", [value]) for name, value in (("from", 1), ("to", 5), ("axis", 1))]
    branch("slice", "Slice", limits)
    branch("transpose", "Transpose", perm=[0, 2, 3, 1])
    branch("reshape", "Reshape", [constant("shape", [1, c, side * side])])
    branch("squeeze", "Squeeze", [constant("squeeze_axis", [0])])
    branch("unsqueeze", "Unsqueeze", [constant("unsqueeze_axis", [2])])
    enlarged = constant("scales", np.array([1, 1, 2, 2], np.float32))
    for mode in ("nearest", "linear"):
        nearest = {"nearest_mode": "floor"} if mode == "nearest" else {}
        branch(
            f"resize_{mode}",
            "Resize",
            ["", enlarged],
            mode=mode,
            coordinate_transformation_mode="asymmetric",
            **nearest,
        )
    grid = constant("grid", rng.uniform(-0.9, 0.9, size=(1, side, side, 2)).astype(np.float32))
    branch("grid_sample", "GridSample", [grid], padding_mode="zeros", mode="bilinear", align_corners=0)
    graph = helper.make_graph(
        nodes,
        "operators",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, c, side, side])],
        outputs,
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return onnx.shape_inference.infer_shapes(model, check_type=True)
