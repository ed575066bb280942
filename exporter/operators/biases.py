"""Rules about constants that are added to what a layer gives: MNN takes them for the layer's bias."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from deepmark.exporter.operators.graph import NodeFacts
from deepmark.exporter.operators.rule import OperatorRule

_CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})
_PRODUCTS = frozenset({"MatMul", "Gemm"})


def _summands(node: NodeFacts) -> list[tuple[NodeFacts, npt.NDArray[Any], bool]]:
    """Return what a sum of two adds a constant to, with the constant, and whether that comes first."""
    if len(node.node.input) != 2:
        return []
    pairs = [(node.maker(at), node.constant(1 - at), at == 1) for at in (0, 1)]
    return [(maker, constant, first) for maker, constant, first in pairs if maker is not None and constant is not None]


def _constant_not_by_channel(node: NodeFacts) -> bool:
    """Whether a sum adds a constant of as many elements as channels, but along another axis."""
    return any(_along_another_axis(*one) for one in _summands(node))


def _along_another_axis(summand: NodeFacts, constant: npt.NDArray[Any], constant_first: bool) -> bool:
    if summand.operator in _PRODUCTS:
        return summand.read_once() and _not_by_column(constant, summand)
    layer, _ = _melted_layer(summand)
    if layer is None or constant_first:
        return False
    channels = _channels(layer)
    return channels is not None and not _lies_along(constant, channels, axis=len(layer.shape(1) or ()) - 2)


def _constant_behind_activation(node: NodeFacts) -> bool:
    """Whether a sum adds a constant that MNN would add before the activation."""
    for summand, constant, constant_first in _summands(node):
        layer, activated = _melted_layer(summand)
        if layer is not None and activated and not constant_first and constant.size == _channels(layer):
            return True
    return False


def _melted_layer(summand: NodeFacts | None) -> tuple[NodeFacts | None, bool]:
    """Walk back over all that MNN melts into the convolution before it.

    Returns:
        the convolution, None where there is none; whether an activation lies behind it.
    """
    between: list[NodeFacts] = []
    while summand is not None and summand.read_once():
        if summand.operator in _CONVOLUTIONS:
            behind = [one for one in between if not _changes_nothing(one)]
            activated = bool(behind) and _activates(behind[0])
            melted = all(_shifts(one, summand) for one in behind[activated:])
            of_maps = len(summand.shape(1) or ()) == 4
            return (summand, activated) if melted and (of_maps or not between) else (None, False)
        between.append(summand)
        summand = summand.maker(0)
    return None, False


def _activates(node: NodeFacts) -> bool:
    """Whether a node is ReLU or ReLU6 to MNN."""
    if node.operator == "Clip":
        low, high = (node.attribute("min"), node.attribute("max")) if node.opset < 11 else map(node.constant, (1, 2))
        return low is not None and high is not None and (float(low), float(high)) == (0, 6)
    slope = node.constant(1) if node.operator == "PRelu" else None
    return (
        node.operator == "Relu"
        or (node.operator == "LeakyRelu" and node.attribute("alpha", 0.01) == 0)
        or (slope is not None and not slope.any())
    )


def _shifts(node: NodeFacts, layer: NodeFacts) -> bool:
    """Whether a node scales or shifts each channel of a layer, by constants."""
    if node.operator == "BatchNormalization":
        return all(node.constant(at) is not None for at in range(1, 5))
    shift = node.constant(1)
    return node.operator == "Add" and shift is not None and shift.size == _channels(layer)


def _changes_nothing(node: NodeFacts) -> bool:
    if node.operator == "Cast":
        return node.type(0) == node.graph.types.get(node.node.output[0]) == "float"
    if node.operator == "Reshape":
        return node.shape(0) is not None and node.shape(0) == node.output_shape()
    return node.operator in {"Identity", "Dropout"}


def _channels(layer: NodeFacts) -> int | None:
    weight = layer.constant(1)
    if weight is None:
        return None
    return int(weight.shape[0] if layer.operator == "Conv" else weight.shape[1] * layer.attribute("group", 1))


def _bias_not_by_column(node: NodeFacts) -> bool:
    bias = node.constant(2)
    return bias is not None and _not_by_column(bias, node)


def _not_by_column(constant: npt.NDArray[Any], product: NodeFacts) -> bool:
    shape = product.output_shape()
    return shape is not None and isinstance(shape[-1], int) and not _lies_along(constant, shape[-1], axis=0)


def _lies_along(constant: npt.NDArray[Any], channels: int, *, axis: int) -> bool:
    """Whether a constant is none of ``channels`` elements, or has them all along one axis, counted from the last."""
    if constant.size != channels or channels == 1:
        return True
    return constant.ndim > axis and constant.shape[constant.ndim - 1 - axis] == channels


RULES = (
    OperatorRule(
        "2a",
        ("Add", "Sum"),
        "a Conv, ConvTranspose, MatMul or Gemm, plus a constant of as many elements as output channels, which does not"
        " lie along the channels",
        "it is added per channel whatever its shape, such as a row of coordinates (1, 1, 1, W) where W is C",
        "the constant of the full shape (with a Conv or ConvTranspose also: as first input)",
        _constant_not_by_channel,
    ),
    OperatorRule(
        "2b",
        ("Gemm",),
        "its constant C is a column of as many elements as the product has columns",
        "it is added per column",
        "C of the full shape",
        _bias_not_by_column,
    ),
    OperatorRule(
        "2c",
        ("Add", "Sum"),
        "a Conv or ConvTranspose over maps, then Relu or Clip from 0 to 6, plus a constant of as many elements as"
        " output channels",
        "it is added before the Relu or Clip",
        "the constant as first input",
        _constant_behind_activation,
    ),
)
