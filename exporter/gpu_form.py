"""The graph for a GPU: depthwise deconvolutions as convolutions, exactly, and all outputs in one.

MNN's OpenCL buffers and NNAPI have no depthwise deconvolution, so on a phone's GPU each up-sampling would go to the CPU
and back. Of stride s, with a kernel of 2s and a padding of s/2, it is the same products and sums as s x s
depthwise 3x3 convolutions, one for each place of an output pixel in its s x s block, whose maps are interleaved
(DepthToSpace): along an axis, output s q + r is the sum over d of x[q + d] w[r + s/2 - s d], where d is -1, 0 or 1.

Every output is a copy that waits for the GPU. They have one size, so they are joined along the channels into `JOINED`,
in the order of the graph; the runtime tells them apart again (`deepmark.runtime.engines.joined_output`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deepmark.errors import ConversionError
from deepmark.exporter.deformable.node_writer import NodeWriter
from deepmark.exporter.to_onnx import check_onnx, write_onnx
from deepmark.runtime.arrays import F32
from deepmark.runtime.keypoints.head_names import JOINED

if TYPE_CHECKING:
    import onnx

REWRITING = "onnx -> gpu form"


def write_gpu_form(source: Path, target: Path, *, heads: Sequence[str]) -> None:
    """Write a model again without depthwise deconvolutions, and with one output.

    Args:
        source: ONNX file that the export wrote.
        target: ONNX file to write.
        heads: names of the outputs, in the order of the graph.

    Raises:
        ConversionError: a depthwise deconvolution is not one that our networks have, or the model has other outputs.
    """
    import onnx

    model = without_depthwise_deconvolutions(onnx.load(str(source)))
    check_onnx(model, heads=heads, stage=REWRITING)
    join_outputs(model)
    check_onnx(model, heads=(JOINED,), stage=REWRITING)
    write_onnx(model, target)


def join_outputs(model: onnx.ModelProto) -> None:
    """Let a model give all of its outputs, (N, C, H/4, W/4) each, as one, joined along the channels in their order."""
    import onnx

    graph = model.graph
    names = [one.name for one in graph.output]
    joined = onnx.ValueInfoProto()
    joined.CopyFrom(graph.output[0])
    joined.name = JOINED
    channels = [one.type.tensor_type.shape.dim[1] for one in graph.output]
    joined.type.tensor_type.shape.dim[1].dim_value = sum(one.dim_value for one in channels)
    graph.node.append(onnx.helper.make_node("Concat", names, [JOINED], name=JOINED, axis=1))
    del graph.output[:]
    graph.output.append(joined)


def without_depthwise_deconvolutions(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of a model without depthwise deconvolutions.

    Raises:
        ConversionError: one is not of the kind that our networks have.
    """
    import onnx
    from onnx import numpy_helper

    weights = {one.name: one for one in model.graph.initializer}
    writer = NodeWriter()
    for node in model.graph.node:
        attributes = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        if node.op_type != "ConvTranspose" or attributes.get("group", 1) == 1:
            writer.nodes.append(node)
            continue
        if node.input[1] not in weights:
            raise ConversionError(f"{node.name} has weights that are computed", stage=REWRITING)
        weight = numpy_helper.to_array(weights[node.input[1]])
        _write_upsampling(writer, node, weight, _stride(node, attributes, weight))
    return writer.rewritten(model)


def upsampling_kernels(weight: F32, stride: int) -> list[F32]:
    """Return the kernels of the convolutions, (C, 1, 3, 3) each, by row and column in an output block.

    Args:
        weight: (C, 1, 2 stride, 2 stride), of the depthwise deconvolution.
        stride: factor of the up-sampling, even.
    """
    kernels = []
    taps = [[(d, r + stride // 2 - stride * d) for d in (-1, 0, 1)] for r in range(stride)]
    inside = [[(d + 1, k) for d, k in one if 0 <= k < 2 * stride] for one in taps]
    for rows in inside:
        for columns in inside:
            kernel = np.zeros((weight.shape[0], 1, 3, 3), np.float32)
            for y, from_y in rows:
                for x, from_x in columns:
                    kernel[:, 0, y, x] = weight[:, 0, from_y, from_x]
            kernels.append(kernel)
    return kernels


def _stride(node: onnx.NodeProto, attributes: dict[str, object], weight: F32) -> int:
    stride = int(weight.shape[2]) // 2
    wanted = {"group": weight.shape[0], "strides": [stride] * 2, "pads": [stride // 2] * 4, "dilations": [1, 1]}
    found = {name: attributes.get(name, value if name == "dilations" else None) for name, value in wanted.items()}
    strange = {"output_padding", "output_shape", "auto_pad"} & set(attributes)
    even = stride > 0 and stride % 2 == 0
    if found != wanted or weight.shape[1:] != (1, 2 * stride, 2 * stride) or not even or strange:
        raise ConversionError(
            f"{node.name} is a deconvolution with kernel {weight.shape}, {attributes}: not one that can be rewritten",
            stage=REWRITING,
            hint="export without --for gpu",
        )
    return stride


def _write_upsampling(writer: NodeWriter, node: onnx.NodeProto, weight: F32, stride: int) -> None:
    name = node.name or node.output[0]
    maps = []
    for number, kernel in enumerate(upsampling_kernels(weight, stride)):
        part = f"{name}/part_{number}"
        inputs = [node.input[0], writer.constant(f"{part}/weight", kernel), *node.input[2:]]
        options = {"group": weight.shape[0], "kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [1, 1]}
        maps.append(writer.node("Conv", inputs, part, **options))
    joined = writer.node("Concat", maps, f"{name}/parts", axis=1)
    writer.node("DepthToSpace", [joined], name, node.output[0], blocksize=stride, mode="DCR")
