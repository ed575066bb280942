"""Weights that MNN will store in 16 bits, rounded to the nearest half before it does.

The converter's ``--fp16`` cuts the last bits off. That error has one sign, and adds up along the network: six to eight
times the error of rounding (docs/decisions/0011-precisions.md). A weight that is a half already is stored exactly. What
16 bits cannot hold is refused: the converter would store another number without a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from deepmark.errors import ConversionError
from deepmark.exporter.mnn_file import CONVERSION
from deepmark.runtime.arrays import F32

if TYPE_CHECKING:
    import onnx

LARGEST = float(np.finfo(np.float16).max)  # 65504; MNN stores what is larger as this
SMALLEST = float(
    np.finfo(np.float16).smallest_normal
)  # 2^-14; below it a half has fewer than its 11 bits, and ends in 0

# Operator -> inputs that MNN 3.6.1 keeps in 32 bits: it makes parameters of a layer of them, not weights or constants.
_KEPT_IN_FLOAT = {
    "Conv": (2,),
    "ConvTranspose": (2,),
    "Gemm": (2,),
    "BatchNormalization": (1, 2, 3, 4),
    "InstanceNormalization": (1, 2),
    "PRelu": (1,),
    "Clip": (1, 2),
}
_SCALES = {"Resize": 2, "Upsample": 1}  # operator -> input that a size is computed from


def with_half_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of a model whose weights and constants are halves, as far as MNN would store them in 16 bits.

    Args:
        model: model in fp32, with all of its data inside.

    Raises:
        ConversionError: names a weight that 16 bits cannot hold: larger than 65504, smaller than 2^-14 throughout, or
            a scale of a Resize that is no half, which would give another size.
    """
    import onnx

    rounded = onnx.ModelProto()
    rounded.CopyFrom(model)
    stored = {name for node in model.graph.node for name in _stored_inputs(node)}
    scales = {node.input[at] for node in model.graph.node if (at := _SCALES.get(node.op_type, 99)) < len(node.input)}
    for name, tensor in _constants(rounded):
        if name in stored and tensor.data_type == onnx.TensorProto.FLOAT:
            values = onnx.numpy_helper.to_array(tensor)
            halves = _halves(name, values, exact=name in scales)
            tensor.CopyFrom(onnx.numpy_helper.from_array(halves, tensor.name))
    return rounded


def _stored_inputs(node: onnx.NodeProto) -> list[str]:
    kept = _KEPT_IN_FLOAT.get(node.op_type, ())
    return [name for at, name in enumerate(node.input) if at not in kept]


def _constants(model: onnx.ModelProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    """Give the name and the tensor of everything in a graph that is known before it runs."""
    for tensor in model.graph.initializer:
        yield tensor.name, tensor
    for node in model.graph.node:
        for attribute in node.attribute if node.op_type == "Constant" else ():
            if attribute.name == "value":
                yield node.output[0], attribute.t


def _halves(name: str, values: F32, *, exact: bool) -> F32:
    largest = float(np.abs(values).max(initial=0))
    if largest > LARGEST:
        raise _unfit(name, f"reaches {largest:g}, 16 bits end at {LARGEST:g}")
    if 0 < largest < SMALLEST:
        raise _unfit(name, f"is {largest:g} at most, and 16 bits hold nothing below {SMALLEST:.2g} in full")
    halves = values.astype(np.float16).astype(np.float32)
    if exact and not np.array_equal(halves, values):
        raise _unfit(
            name, f"is a scale of {', '.join(f'{one:g}' for one in values)}, which 16 bits round: another size"
        )
    return np.asarray(halves, np.float32)


def _unfit(name: str, reason: str) -> ConversionError:
    return ConversionError(
        f"{name!r} {reason}", stage=CONVERSION, hint="scale it in the network, or export with --precision fp32 or w8"
    )
