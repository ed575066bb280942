"""Batch normalisations that torch's exporter leaves in a graph, folded into the layer before them.

It folds them into convolutions itself, but not into dense transposed and deformable ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx

_BIASES = {"ConvTranspose": 2, "DeformConv": 3}  # operator -> input that is its bias
_EPSILON = 1e-5  # ONNX's own


def fold_normalisation(model: onnx.ModelProto) -> None:
    """Fold every batch normalisation whose input is read by nothing else into its layer, in float64.

    What the normalisation was called is then the layer's output. The weights are new numbers under their old names.
    """
    from onnx import helper, numpy_helper

    graph = model.graph
    constants = {one.name: one for one in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    readers: dict[str, int] = {}
    for node in graph.node:
        for name in node.input:
            readers[name] = readers.get(name, 0) + 1

    def value(name: str) -> np.typing.NDArray[np.float64]:
        return numpy_helper.to_array(constants[name]).astype(np.float64)

    for norm in [node for node in graph.node if node.op_type == "BatchNormalization"]:
        layer = makers.get(norm.input[0])
        if layer is None or layer.op_type not in _BIASES or readers[norm.input[0]] > 1:
            continue
        values = {one.name: helper.get_attribute_value(one) for one in norm.attribute}
        factor = value(norm.input[1]) / np.sqrt(value(norm.input[4]) + values.get("epsilon", _EPSILON))
        at = _BIASES[layer.op_type]
        weight = value(layer.input[1])
        bias = value(layer.input[at]) if len(layer.input) > at else np.zeros(len(factor))
        along = factor[:, None, None, None]
        if layer.op_type == "ConvTranspose":  # (in, out / groups, kh, kw)
            groups = {one.name: one.i for one in layer.attribute}.get("group", 1)
            shape = weight.shape
            grouped = weight.reshape(groups, shape[0] // groups, *shape[1:])
            scaled = (grouped * factor.reshape(groups, 1, -1, 1, 1)).reshape(shape)
        else:
            scaled = weight * along
        shifted = (bias - value(norm.input[3])) * factor + value(norm.input[2])
        constants[layer.input[1]].CopyFrom(numpy_helper.from_array(scaled.astype(np.float32), layer.input[1]))
        if len(layer.input) <= at:
            layer.input.append(f"{layer.input[1].removesuffix('weight')}bias")
            graph.initializer.add()
            constants[layer.input[at]] = graph.initializer[-1]
        constants[layer.input[at]].CopyFrom(numpy_helper.from_array(shifted.astype(np.float32), layer.input[at]))
        layer.output[0] = norm.output[0]
        graph.node.remove(norm)
    used = {name for node in graph.node for name in node.input}
    for unread in [one for one in graph.initializer if one.name not in used]:
        graph.initializer.remove(unread)
