"""Tensors of a graph that follow from constants alone: MNN computes them before it looks for patterns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import onnx

_MOVES = frozenset({"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
_COMPUTES = frozenset({"Add", "Concat", "Div", "Gather", "Mul", "Neg", "Pow", "Range", "Slice", "Sqrt", "Sub"})
_MOST = 4096  # elements of all inputs together of what is computed, and of a range


def fold_constants(
    nodes: Iterable[onnx.NodeProto], constants: Mapping[str, npt.NDArray[Any]], opset: int
) -> dict[str, npt.NDArray[Any]]:
    """Compute what follows from constants: anything that only moves them, and small sums and products.

    Args:
        nodes: nodes in the order of their graph.
        constants: name -> value of what is known.
        opset: version of the default operator set.

    Returns:
        name -> value of what is known then.
    """
    known = dict(constants)
    for node in nodes:
        inputs = [name for name in node.input if name]
        if node.domain or not inputs or not all(name in known for name in inputs):
            continue
        values = [known[name] for name in inputs]
        if node.op_type in _MOVES or (node.op_type in _COMPUTES and _is_small(node.op_type, values)):
            value = _computed(node, dict(zip(inputs, values, strict=True)), opset)
            if value is not None:
                known[node.output[0]] = value
    return known


def _is_small(operator: str, values: list[npt.NDArray[Any]]) -> bool:
    if operator == "Range":
        start, end, step = (float(one.item()) if one.size == 1 else np.nan for one in values)
        return abs(end - start) <= _MOST * abs(step)
    return sum(one.size for one in values) <= _MOST


def _computed(node: onnx.NodeProto, values: dict[str, npt.NDArray[Any]], opset: int) -> npt.NDArray[Any] | None:
    """Return the first output of a node; None where ONNX's own evaluator cannot say."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    sides = [onnx.helper.make_tensor_value_info(name, 0, None) for name in (*values, node.output[0])]
    graph = onnx.helper.make_graph([node], "constant", sides[:-1], sides[-1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
    try:
        (result,) = ReferenceEvaluator(model).run([node.output[0]], values)
    except Exception:  # noqa: BLE001  # whatever is wrong with the node: it stays unknown
        return None
    return np.asarray(result)
