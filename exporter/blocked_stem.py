"""The graph that MNN's CPU computes faster: a first convolution of 7x7 pixels as one of 4x4 blocks of pixels, exactly.

DLA begins with a convolution of 3 channels at full resolution. MNN has no fast algorithm for it: 2 % of the network's
multiply-adds take 10 % of its time. In blocks of 2x2 pixels it is one of 12 channels that gives 64, four for each place
of a pixel in its block, which is cut back to pixels behind the ReLU (DepthToSpace). Along an axis the pixels 2i and
2i + 1 read the pixels from 2i - 3 to 2i + 4: four whole blocks, if blocks begin at odd pixels. So a convolution of 2x2
ones, stride 2 and padding 1, gathers the blocks; the zeros of its padding are those of the 7x7 one.

The products that are added are the same, beside some with 0, and every size that is even works. MNN takes the 4x4
convolution by Winograd (docs/decisions/0040).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deepmark.exporter.deformable.node_writer import NodeWriter
from deepmark.exporter.onnx_constants import ConstantReader
from deepmark.exporter.to_onnx import check_onnx, write_onnx
from deepmark.runtime.arrays import F32

if TYPE_CHECKING:
    import onnx

BLOCKING = "onnx -> blocked stem"
BLOCK = 2  # side of a block, in pixels
SIDE = 7  # of the kernels that are rewritten, in pixels


@dataclass(frozen=True, slots=True, eq=False)
class Stem:
    """The first convolution of a graph, and the ReLU behind it.

    Attributes:
        convolution: node that reads the graph's input.
        relu: the only node that reads the convolution's output.
        weight: (O, C, 7, 7) weights.
        bias: (O,) bias.
    """

    convolution: onnx.NodeProto
    relu: onnx.NodeProto
    weight: F32
    bias: F32


StemForm = Callable[[NodeWriter, Stem], None]
"""Writes the nodes that stand for a stem, from the graph's input to the output of its ReLU."""


def write_blocked_stem(source: Path, target: Path, *, heads: Sequence[str]) -> bool:
    """Write a model again with a blocked stem; return False, and write nothing, where it has none that can be blocked.

    Args:
        source: ONNX file that the export wrote.
        target: ONNX file to write.
        heads: names of the outputs, in the order of the graph.

    Raises:
        ConversionError: the result is no valid model.
    """
    import onnx

    model = onnx.load(str(source))
    stem = find_stem(model)
    if stem is None:
        return False
    result = with_stem(model, stem, write_in_blocks)
    check_onnx(result, heads=heads, stage=BLOCKING)
    write_onnx(result, target)
    return True


def find_stem(model: onnx.ModelProto) -> Stem | None:
    """Return a graph's stem; None where it is no 7x7 convolution at full resolution with a ReLU behind."""
    from onnx import helper

    graph = model.graph
    first = [node for node in graph.node if graph.input[0].name in node.input]
    if len(first) != 1 or first[0].op_type != "Conv":
        return None
    behind = [node for node in graph.node if first[0].output[0] in node.input]
    if len(behind) != 1 or behind[0].op_type != "Relu":
        return None
    attributes = {one.name: helper.get_attribute_value(one) for one in first[0].attribute}
    wanted = {"kernel_shape": [SIDE] * 2, "pads": [SIDE // 2] * 4, "strides": [1, 1], "dilations": [1, 1], "group": 1}
    if attributes != wanted:
        return None
    constants = ConstantReader(graph)
    weight, *bias = (constants.value(name) for name in first[0].input[1:])
    return Stem(first[0], behind[0], weight, bias[0] if bias else np.zeros(len(weight), np.float32))


def with_stem(model: onnx.ModelProto, stem: Stem, form: StemForm) -> onnx.ModelProto:
    """Return a copy of a model with its stem, as `find_stem` found it in this very model, written in a form."""
    writer = NodeWriter()
    for node in model.graph.node:
        if node is stem.convolution:
            form(writer, stem)
        elif node is not stem.relu:
            writer.nodes.append(node)
    return writer.rewritten(model)


def kernel_of_a_block(weight: F32, block: int) -> F32:
    """Return the kernel that gives the pixels of a block as channels: (block^2 O, C, 6 + block, 6 + block).

    Args:
        weight: (O, C, 7, 7), of the convolution between pixels.
        block: side of a block, in pixels.
    """
    outputs, inputs, side, _ = weight.shape
    wide = np.zeros((block, block, outputs, inputs, side + block - 1, side + block - 1), np.float32)
    for y in range(block):
        for x in range(block):
            wide[y, x, :, :, y : y + side, x : x + side] = weight
    return wide.reshape(-1, *wide.shape[3:])


def kernel_between_blocks(weight: F32, block: int, *, front: int = 0) -> F32:
    """Return the kernel between blocks: (block^2 O, block^2 C, n, n), channels by row and column in a block.

    Args:
        weight: (O, C, 7, 7), of the convolution between pixels.
        block: side of a block, in pixels.
        front: pixels by which the first block begins before what the first pixel of a block reads.
    """
    wide = kernel_of_a_block(weight, block)
    back = -(wide.shape[2] + front) % block
    wide = np.pad(wide, ((0, 0), (0, 0), (front, back), (front, back)))
    outputs, inputs, side, _ = wide.shape
    parts = wide.reshape(outputs, inputs, side // block, block, side // block, block).transpose(0, 3, 5, 1, 2, 4)
    return np.ascontiguousarray(parts).reshape(outputs, -1, side // block, side // block)


def gathering_kernel(channels: int) -> F32:
    """Return the kernel of a convolution that gives the pixels of a block as channels: (4 C, C, 2, 2)."""
    places = np.eye(BLOCK * BLOCK, dtype=np.float32).reshape(BLOCK * BLOCK, 1, 1, BLOCK, BLOCK)
    kernel = places * np.eye(channels, dtype=np.float32)[None, :, :, None, None]
    return kernel.reshape(BLOCK * BLOCK * channels, channels, BLOCK, BLOCK)


def write_in_blocks(writer: NodeWriter, stem: Stem) -> None:
    """Write a stem as a convolution between blocks: the form that MNN gets."""
    name = stem.convolution.name
    gather = writer.constant(f"{name}/gather/weight", gathering_kernel(stem.weight.shape[1]))
    blocks = writer.node(
        "Conv",
        [stem.convolution.input[0], gather],
        f"{name}/gather",
        kernel_shape=[BLOCK] * 2,
        strides=[BLOCK] * 2,
        pads=[1] * 4,
    )
    kernel = kernel_between_blocks(stem.weight, BLOCK)
    weights = [
        writer.constant(f"{name}/weight", kernel),
        writer.constant(f"{name}/bias", np.tile(stem.bias, BLOCK * BLOCK)),
    ]
    # Under the node's own name, by which people know the layer. Its tensors are others, until they are pixels again.
    result = writer.node(
        "Conv", [blocks, *weights], name, f"{name}/blocks", kernel_shape=list(kernel.shape[2:]), pads=[1] * 4
    )
    positive = writer.node("Relu", [result], f"{name}/relu")
    output = stem.relu.output[0]
    writer.node("DepthToSpace", [positive], f"{name}/pixels", output, blocksize=BLOCK, mode="DCR")
