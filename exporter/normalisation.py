"""Batch normalisations that torch's exporter leaves in a graph, folded into the layer before them.

It folds them into convolutions itself, but not into dense transposed and deformable ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepmark.exporter.onnx_constants import ConstantReader

if TYPE_CHECKING:
    import onnx

F64 = npt.NDArray[np.float64]

_BIASES = {"ConvTranspose": 2, "DeformConv": 3}  # operator -> input that is its bias
_EPSILON = 1e-5  # ONNX's own


def fold_normalisation(model: onnx.ModelProto) -> None:
    """Fold every batch normalisation whose input is read by nothing else into its layer, in float64.

    The layer gets weights and a bias of its own, as torch's exporter lets layers share what is equal. Its output is
    called what the normalisation's was.
    """
    from onnx import helper, numpy_helper

    graph = model.graph
    constants = ConstantReader(graph)
    makers = {name: node for node in graph.node for name in node.output}
    inputs = [name for node in graph.node for name in node.input]
    for norm in [node for node in graph.node if node.op_type == "BatchNormalization"]:
        layer = makers.get(norm.input[0])
        if layer is None or layer.op_type not in _BIASES or inputs.count(norm.input[0]) > 1:
            continue
        scale, shift, mean, variance = (constants.value(name).astype(np.float64) for name in norm.input[1:5])
        epsilon = {one.name: helper.get_attribute_value(one) for one in norm.attribute}.get("epsilon", _EPSILON)
        factor = scale / np.sqrt(variance + epsilon)
        at = _BIASES[layer.op_type]
        bias = constants.value(layer.input[at]) if len(layer.input) > at else np.zeros(len(factor))
        parts = {
            1: (f"{layer.name}.weight", _scaled(layer, constants.value(layer.input[1]).astype(np.float64), factor)),
            at: (f"{layer.name}.bias", (bias - mean) * factor + shift),
        }
        for position, (name, values) in parts.items():
            graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), name))
            del layer.input[position : position + 1]
            layer.input.insert(position, name)
        layer.output[0] = norm.output[0]
        graph.node.remove(norm)
    used = {name for node in graph.node for name in node.input}
    for unread in [one for one in graph.initializer if one.name not in used]:
        graph.initializer.remove(unread)


def _scaled(layer: onnx.NodeProto, weight: F64, factor: F64) -> F64:
    """Multiply the weights of each output channel by its factor."""
    if layer.op_type == "DeformConv":  # (out, in, kh, kw)
        return weight * factor[:, None, None, None]
    groups = next((one.i for one in layer.attribute if one.name == "group"), 1)  # (in, out / groups, kh, kw)
    grouped = weight.reshape(groups, -1, *weight.shape[1:])
    scaled: F64 = (grouped * factor.reshape(groups, 1, -1, 1, 1)).reshape(weight.shape)
    return scaled
