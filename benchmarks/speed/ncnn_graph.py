"""ONNX -> ncnn, for the operators that our networks are made of.

ncnn reads no ONNX, and its converter (pnnx) is no library. But a network of convolutions, sums, concatenations and
pooling is a short text (``.param``: a layer a line) and its weights one after the other (``.bin``), as ncnn's own
documentation describes them (https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure). What pnnx would
optimise is done here too: a ReLU that alone follows a convolution becomes part of it. Whether the result is right is
not this module's word: it is compared with ONNX Runtime before it is timed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepmark.errors import ConversionError
from deepmark.runtime.arrays import F32

if TYPE_CHECKING:
    import onnx

MAGIC = 7767517  # first line of a .param file
_RAW_FLOAT32 = np.zeros(1, "<u4")  # before a layer's weights: they follow as they are
_RELU = 1  # activation_type
_MAX, _SUM = 0, 1  # pooling_type; op_type of an Eltwise
_NEAREST = 1  # resize_type of an Interp

Weights = Mapping[str, F32]


@dataclass(slots=True)
class _Layer:
    """One line of the text, and what belongs to it in the weights' file."""

    kind: str
    name: str
    inputs: list[str]
    outputs: list[str]
    params: dict[int, int | str] = field(default_factory=dict)
    weights: list[npt.NDArray[np.generic]] = field(default_factory=list)

    def line(self) -> str:
        counts = f"{len(self.inputs)} {len(self.outputs)}"
        params = (f"{key}={value}" for key, value in self.params.items())
        return " ".join((self.kind, self.name, counts, *self.inputs, *self.outputs, *params))


def write_ncnn(onnx_file: Path, folder: Path) -> tuple[Path, Path]:
    """Write a network as ``model.param`` and ``model.bin`` into a folder; names of input and outputs stay.

    Raises:
        ConversionError: the network has an operator, or a use of one, that is not known here.
    """
    import onnx

    graph = onnx.load(str(onnx_file)).graph
    constants = {node.output[0]: node.attribute[0].t for node in graph.node if node.op_type == "Constant"}
    constants |= {one.name: one for one in graph.initializer}
    weights = {name: np.asarray(onnx.numpy_helper.to_array(one), np.float32) for name, one in constants.items()}
    layers = [_Layer("Input", graph.input[0].name, [], [graph.input[0].name])]
    layers += [_translate(node, weights) for node in graph.node if node.op_type != "Constant"]
    results = [output.name for output in graph.output]
    layers = _split(_fuse_relu(layers, results))
    blobs = sum(len(layer.outputs) for layer in layers)
    lines = [str(MAGIC), f"{len(layers)} {blobs}", *(layer.line() for layer in layers)]
    param, binary = folder / "model.param", folder / "model.bin"
    param.write_text("\n".join(lines) + "\n")
    with binary.open("wb") as file:
        for layer in layers:
            for array in layer.weights:
                file.write(np.ascontiguousarray(array).tobytes())
    return param, binary


def _translate(node: onnx.NodeProto, weights: Weights) -> _Layer:
    maker = _MAKERS.get(node.op_type)
    if maker is None:
        raise _unknown(node, f"the operator {node.op_type} is not known")
    inputs = [name for name in node.input if name not in weights]
    layer = _Layer("", node.output[0], inputs, [node.output[0]])
    maker(layer, node, weights)
    return layer


def _convolution(layer: _Layer, node: onnx.NodeProto, weights: Weights) -> None:
    """ONNX and ncnn keep the weights of a convolution in the same order: (out, in / groups, rows, columns)."""
    kernel = weights[node.input[1]]
    groups = _window(layer, node, kernel, outputs=kernel.shape[0])
    layer.kind = "Convolution" if groups == 1 else "ConvolutionDepthWise"
    _keep(layer, node, kernel, weights)


def _deconvolution(layer: _Layer, node: onnx.NodeProto, weights: Weights) -> None:
    """ONNX: (in, out / groups, rows, columns); ncnn: (groups, out / groups, in / groups, rows, columns)."""
    kernel = weights[node.input[1]]
    groups = int(_attributes(node).get("group", 1))
    outputs = kernel.shape[1] * groups
    _window(layer, node, kernel, outputs=outputs)
    layer.kind = "Deconvolution" if groups == 1 else "DeconvolutionDepthWise"
    by_group = kernel.reshape(groups, kernel.shape[0] // groups, *kernel.shape[1:])
    _keep(layer, node, by_group.transpose(0, 2, 1, 3, 4), weights)


def _deformable(layer: _Layer, node: onnx.NodeProto, weights: Weights) -> None:
    """Both take the map, the offsets (dy before dx) and the masks, and keep the weights as of a convolution."""
    kernel, bias = weights[node.input[1]], weights[node.input[3]]
    if _window(layer, node, kernel, outputs=kernel.shape[0]) > 1 or _attributes(node).get("offset_group", 1) > 1:
        raise _unknown(node, "groups are not known")
    layer.kind, layer.weights = "DeformableConv2D", [_RAW_FLOAT32, kernel, bias]


def _cut(layer: _Layer, node: onnx.NodeProto, weights: Weights) -> None:
    if _attributes(node)["axis"] != 1:
        raise _unknown(node, "only channels can be cut")
    sizes = [int(size) for size in weights[node.input[1]]]
    layer.kind, layer.outputs = "Slice", list(node.output)
    layer.params = {-23300: ",".join(map(str, (len(sizes), *sizes))), 1: 0}  # an array, and how long it is


def _window(layer: _Layer, node: onnx.NodeProto, kernel: F32, *, outputs: int) -> int:
    """Fill in what all sliding windows share; return the number of groups."""
    attributes = _attributes(node)
    if attributes.get("auto_pad", b"NOTSET") not in {b"NOTSET", "NOTSET"} or any(attributes.get("output_padding", ())):
        raise _unknown(node, "automatic and output padding are not known")
    strides, dilations = attributes.get("strides", (1, 1)), attributes.get("dilations", (1, 1))
    top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    groups = int(attributes.get("group", 1))
    layer.params = {
        0: outputs,
        1: kernel.shape[3],
        11: kernel.shape[2],
        2: dilations[1],
        12: dilations[0],
        3: strides[1],
        13: strides[0],
        4: left,
        15: right,
        14: top,
        16: bottom,
        5: int(len(node.input) > 2),
        6: kernel.size,
    }
    if groups > 1:
        layer.params[7] = groups
    return groups


def _keep(layer: _Layer, node: onnx.NodeProto, kernel: F32, weights: Weights) -> None:
    layer.weights = [_RAW_FLOAT32, kernel, *(weights[name] for name in node.input[2:])]


def _pooling(layer: _Layer, node: onnx.NodeProto, weights: Weights) -> None:  # noqa: ARG001
    attributes = _attributes(node)
    rows, columns = attributes["kernel_shape"]
    strides, (top, left, bottom, right) = attributes.get("strides", (1, 1)), attributes.get("pads", (0, 0, 0, 0))
    if attributes.get("ceil_mode", 0):
        raise _unknown(node, "sizes that are rounded up are not known")
    layer.kind = "Pooling"
    layer.params = {0: _MAX, 1: columns, 11: rows, 2: strides[1], 12: strides[0], 5: 1}  # 5=1: no padding of its own
    layer.params |= {3: left, 14: right, 13: top, 15: bottom}


def _enlarging(layer: _Layer, node: onnx.NodeProto, weights: Weights) -> None:
    """A map whose cells are repeated, as an hourglass has it; other ways to resize have many conventions."""
    attributes = _attributes(node)
    scales = weights.get(node.input[2]) if len(node.input) == 3 else None
    repeats = attributes.get("mode", b"nearest") == b"nearest" and (
        attributes.get("coordinate_transformation_mode"),
        attributes.get("nearest_mode"),
    ) == (b"asymmetric", b"floor")
    if scales is None or not repeats or (scales % 1).any() or tuple(scales[:2]) != (1, 1):
        raise _unknown(node, "only whole numbers of repeated cells are known")
    layer.kind, layer.inputs = "Interp", [node.input[0]]
    layer.params = {0: _NEAREST, 1: f"{scales[2]:.1f}", 2: f"{scales[3]:.1f}"}


def _addition(layer: _Layer, node: onnx.NodeProto, weights: Weights) -> None:  # noqa: ARG001
    if len(layer.inputs) != 2:
        raise _unknown(node, "the sum of a map and a constant is not known")
    layer.kind, layer.params = "Eltwise", {0: _SUM}


def _concatenation(layer: _Layer, node: onnx.NodeProto, weights: Weights) -> None:  # noqa: ARG001
    if _attributes(node)["axis"] != 1:
        raise _unknown(node, "only channels can be joined")
    layer.kind, layer.params = "Concat", {0: 0}  # ncnn has no batch: channels are axis 0


def _named(kind: str) -> Callable[[_Layer, onnx.NodeProto, Weights], None]:
    def make(layer: _Layer, node: onnx.NodeProto, weights: Weights) -> None:  # noqa: ARG001
        layer.kind = kind

    return make


_MAKERS: Mapping[str, Callable[[_Layer, onnx.NodeProto, Weights], None]] = {
    "Conv": _convolution,
    "ConvTranspose": _deconvolution,
    "DeformConv": _deformable,
    "Split": _cut,
    "MaxPool": _pooling,
    "Resize": _enlarging,
    "Add": _addition,
    "Concat": _concatenation,
    "Relu": _named("ReLU"),
    "Sigmoid": _named("Sigmoid"),
    "Identity": _named("Noop"),
}


def _fuse_relu(layers: Sequence[_Layer], results: Sequence[str]) -> list[_Layer]:
    """Let convolutions apply the ReLU that alone reads them."""
    readers = Counter(name for layer in layers for name in layer.inputs)
    makers = {layer.outputs[0]: layer for layer in layers}
    kept = []
    for layer in layers:
        before = makers.get(layer.inputs[0]) if layer.kind == "ReLU" else None
        if before is None or not before.weights or readers[layer.inputs[0]] > 1 or layer.inputs[0] in results:
            kept.append(layer)
            continue
        before.params[9] = _RELU
        before.outputs = layer.outputs
    return kept


def _split(layers: Sequence[_Layer]) -> list[_Layer]:
    """Give every reader a blob of its own, as ncnn demands."""
    readers = Counter(name for layer in layers for name in layer.inputs)
    copies = {name: [f"{name}_splitncnn_{at}" for at in range(count)] for name, count in readers.items() if count > 1}
    unread = {name: iter(parts) for name, parts in copies.items()}
    complete = []
    for layer in layers:
        layer.inputs = [next(unread[name]) if name in unread else name for name in layer.inputs]
        complete.append(layer)
        complete += [_Layer("Split", f"split_{name}", [name], copies[name]) for name in layer.outputs if name in copies]
    return complete


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    import onnx

    return {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}


def _unknown(node: onnx.NodeProto, what: str) -> ConversionError:
    return ConversionError(f"{node.op_type} {node.name!r}: {what}", stage="onnx -> ncnn")
