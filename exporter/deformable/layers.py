"""Deformable convolutions as they stand in a traced graph: ``DeformConv`` and the branch that gives its offsets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepmark.errors import ConversionError
from deepmark.exporter.deform_conv import DEFORM_CONV
from deepmark.exporter.onnx_constants import ConstantReader
from deepmark.runtime.arrays import F32

if TYPE_CHECKING:
    import onnx

TAPS = 9
DECOMPOSITION = "onnx -> decomposed"


@dataclass(frozen=True, slots=True, eq=False)
class DeformableLayer:
    """One layer.

    Attributes:
        name: path of the layer in the graph, the beginning of its nodes' names.
        x: name of its input, (B, C, h, w).
        y: name of its output, (B, O, h, w).
        weight: (O, C, 9) weights, tap 3 ky + kx.
        bias: (O,) bias.
        branch_weight: (27, C, 3, 3) weights of the offset branch: dy, dx of each tap, then the masks.
        branch_bias: (27,) bias of the offset branch.
        size: height, width of its maps at the size that the graph was traced with, in cells.
        least_cells: number of its maps' cells at the smallest input that the network takes.
        replaced: names of the outputs of all nodes that belong to it.
    """

    name: str
    x: str
    y: str
    weight: F32
    bias: F32
    branch_weight: F32
    branch_bias: F32
    size: tuple[int, int]
    least_cells: int
    replaced: frozenset[str]

    @property
    def cin(self) -> int:
        """Number of channels of the input."""
        return int(self.weight.shape[1])

    @property
    def cout(self) -> int:
        """Number of channels of the output."""
        return int(self.weight.shape[0])


def read_layers(model: onnx.ModelProto, size: tuple[int, int], multiple: int) -> tuple[DeformableLayer, ...]:
    """Find the deformable convolutions of a graph, in the order in which they compute.

    Args:
        model: model that `export_onnx` wrote, simplified or not.
        size: height, width of the traced input, in pixels.
        multiple: number of pixels that every input's sides are a multiple of.

    Raises:
        ConversionError: a ``DeformConv`` is not one that our networks have.
    """
    makers = {name: node for node in model.graph.node for name in node.output}
    constants = ConstantReader(model.graph)
    shapes = _map_sizes(model, size)

    found = []
    for node in model.graph.node:
        if node.op_type != DEFORM_CONV:
            continue
        try:
            x, weight, offset, bias, mask = node.input
            split, sigmoid = makers[offset], makers[mask]
            branch = makers[split.input[0]]
            kernel = constants.value(weight)
            _check(node, split, sigmoid, branch, kernel.shape)
            layer = DeformableLayer(
                name=node.name.removesuffix(f"/{DEFORM_CONV}"),
                x=x,
                y=node.output[0],
                weight=kernel.reshape(*kernel.shape[:2], TAPS),
                bias=constants.value(bias),
                branch_weight=constants.value(branch.input[1]),
                branch_bias=constants.value(branch.input[2]),
                size=shapes[branch.output[0]],
                least_cells=(multiple * shapes[branch.output[0]][0] // size[0]) ** 2,
                replaced=frozenset(name for one in (branch, split, sigmoid, node) for name in one.output),
            )
        except (KeyError, ValueError) as error:
            raise ConversionError(
                f"{node.name!r} is no deformable convolution of ours", stage=DECOMPOSITION, hint="export it again"
            ) from error
        found.append(layer)
    return tuple(found)


def _check(
    node: onnx.NodeProto,
    split: onnx.NodeProto,
    sigmoid: onnx.NodeProto,
    branch: onnx.NodeProto,
    shape: tuple[int, ...],
) -> None:
    from onnx import helper

    values = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    places = [values.get(name, [1, 1]) for name in ("dilations", "strides")] + [values.get("pads", [0] * 4)]
    groups = values.get("group", 1), values.get("offset_group", 1)
    operators = [one.op_type for one in (split, sigmoid, branch)]
    if (
        shape[2:] != (3, 3)
        or [list(one) for one in places] != [[1, 1], [1, 1], [1] * 4]
        or groups != (1, 1)
        or operators != ["Split", "Sigmoid", "Conv"]
        or sigmoid.input[0] != split.output[1]
        or branch.input[0] != node.input[0]
    ):
        raise ValueError


def _map_sizes(model: onnx.ModelProto, size: tuple[int, int]) -> Mapping[str, tuple[int, int]]:
    """Infer height and width of all maps of a graph at one size of its input."""
    import onnx

    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for dimension, side in zip(fixed.graph.input[0].type.tensor_type.shape.dim, (1, 3, *size), strict=True):
        dimension.dim_value = side
    for one in (*fixed.graph.output, *fixed.graph.value_info):
        one.type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(fixed)
    shapes = {one.name: one.type.tensor_type.shape.dim for one in inferred.graph.value_info}
    return {name: (dims[2].dim_value, dims[3].dim_value) for name, dims in shapes.items() if len(dims) == 4}
