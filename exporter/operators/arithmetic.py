"""Rules about arithmetic, comparisons, reductions, normalisation and products of matrices."""

from __future__ import annotations

import numpy as np

from deepmark.exporter.operators.graph import NodeFacts, Shape
from deepmark.exporter.operators.rule import OperatorRule, always

_REDUCTIONS = ("ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp")
_GELU = {"half": 0.5, "one": 1.0, "outer": 0.7978845608, "inner": 0.044715, "power": 3.0}
_CLOSE = 1e-3  # relative; MNN's own constants of GELU have four digits


def _less_of_negatives(node: NodeFacts) -> bool | None:
    constants = [node.constant(at) for at in (0, 1)]
    if node.type(0) not in {"float", None} or any(one is not None and bool((one > 0).all()) for one in constants):
        return False
    return None if node.type(0) is None else True


def _equal_to_zero(node: NodeFacts) -> bool:
    constants = [one for at in (0, 1) if (one := node.constant(at)) is not None]
    return node.type(0) == "float" and not any(bool((one != 0).all()) for one in constants)


def _axes_as_input(node: NodeFacts) -> bool:
    return node.given(1)


def _keepdims_left_out(node: NodeFacts) -> bool:
    return not node.has("keepdims")


def _same(one: Shape | None, other: Shape | None) -> bool | None:
    """Whether two shapes are the same; None where a side of either may turn out to be the other's."""
    if one is None or other is None:
        return None
    if len(one) != len(other):
        return False
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a is None or a != b]
    if any(isinstance(a, int) and isinstance(b, int) for a, b in pairs):
        return False
    return None if pairs else True


def _differ(shapes: list[Shape | None]) -> bool | None:
    same = [_same(shapes[0], one) for one in shapes[1:]]
    return True if False in same else (None if None in same else False)


def _many_shapes(node: NodeFacts) -> bool | None:
    count = len(node.node.input)
    least = 2 if node.operator == "Mean" else 3
    return False if count < least else _differ([node.shape(at) for at in range(count)])


def _third_is_broadcast(node: NodeFacts) -> bool | None:
    third = node.shape(2)
    if third is not None and all(side == 1 for side in third):
        return False
    full = _same(node.shape(1), node.output_shape())
    broadcast = _differ([third, node.output_shape()])
    if full is False or broadcast is False:
        return False
    return None if full is None or broadcast is None else True


def _epsilon_left_out(node: NodeFacts) -> bool:
    return not node.has("epsilon")


def _axis_left_out(node: NodeFacts) -> bool | None:
    shape = node.shape(0)
    if node.has("axis"):
        return False
    return None if shape is None else len(shape) != 2


def _fraction(node: NodeFacts) -> bool | None:
    return None if node.type(0) is None else node.type(0) == "float"


def _constant_second(node: NodeFacts) -> bool:
    return bool(node.attribute("transA", 0)) and node.constant(1) is not None


def _factor(node: NodeFacts | None, operator: str) -> tuple[float, NodeFacts | None] | None:
    """Split a sum or product of one number and something computed; None where it is none."""
    if node is None or node.operator != operator:
        return None
    for at in (0, 1):
        value = node.constant(at)
        if value is not None and value.size == 1:
            return float(value.ravel()[0]), node.maker(1 - at)
    return None


def _like_gelu(node: NodeFacts) -> bool:
    """Whether this is x * (half * (one + tanh(outer * (x + inner * x ** power)))) with other numbers than GELU's."""
    return any(_other_gelu(node.maker(at)) for at in (0, 1))


def _other_gelu(factor: NodeFacts | None) -> bool:
    half = _factor(factor, "Mul")
    one = _factor(half[1], "Add") if half else None
    if half is None or one is None or one[1] is None or one[1].operator != "Tanh":
        return False
    outer = _factor(one[1].maker(0), "Mul")
    if outer is None or outer[1] is None or outer[1].operator != "Add":
        return False
    for at in (0, 1):
        inner = _factor(outer[1].maker(at), "Mul")
        if inner is not None and inner[1] is not None and inner[1].operator == "Pow":
            power = inner[1].constant(1)
            numbers = [half[0], one[0], outer[0], inner[0], np.nan if power is None else float(power.ravel()[0])]
            return not np.allclose(numbers, list(_GELU.values()), rtol=_CLOSE)
    return False


RULES = (
    OperatorRule(
        "1a",
        ("Less", "Shrink"),
        "two negative float32 are compared",
        "the answer is inverted on x86, where the bits are compared as integers; right on ARM",
        "Greater with its inputs exchanged",
        _less_of_negatives,
        by_data=True,
    ),
    OperatorRule(
        "1b",
        ("Equal",),
        "-0.0 is compared with 0.0 in float32",
        "not equal on x86",
        "compare the absolute value",
        _equal_to_zero,
        by_data=True,
    ),
    OperatorRule(
        "3a",
        _REDUCTIONS,
        "axes are an input",
        "they are ignored: everything is reduced",
        "opset 17, with axes as attribute, or ReduceSum of the square or absolute value",
        _axes_as_input,
        opsets=(18, 99),
    ),
    OperatorRule(
        "3b",
        _REDUCTIONS,
        "keepdims is left out",
        "the axis is dropped",
        "write keepdims",
        _keepdims_left_out,
    ),
    OperatorRule(
        "7a",
        ("Where",),
        "its second input is full, the third is broadcast",
        "numbers from memory that was never written",
        "Expand the third input",
        _third_is_broadcast,
    ),
    OperatorRule(
        "7b",
        ("Max", "Min", "Sum", "Mean"),
        "three inputs or more of different shapes (Mean: two)",
        "wrong numbers; Mean of two is not converted",
        "a chain of operators with two inputs",
        _many_shapes,
    ),
    OperatorRule(
        "8a",
        ("BatchNormalization", "InstanceNormalization"),
        "epsilon is left out",
        "1e-10 is taken for 1e-5",
        "write epsilon",
        _epsilon_left_out,
    ),
    OperatorRule(
        "8b",
        ("Softmax", "LogSoftmax"),
        "axis is left out, below opset 13",
        "-1 is taken for 1",
        "write axis",
        _axis_left_out,
        opsets=(1, 12),
    ),
    OperatorRule(
        "12h",
        ("Mod",),
        "float with fmod=1",
        "the remainder has the sign of the divisor",
        "decode outside the graph",
        lambda node: False if not node.attribute("fmod", 0) else _fraction(node),
    ),
    OperatorRule(
        "12i",
        ("Round",),
        "a value half-way between two numbers",
        "rounded away from zero, where ONNX rounds to the even one",
        "decode outside the graph",
        always,
        by_data=True,
    ),
    OperatorRule(
        "12j",
        ("Cast",),
        "numbers other than 0 and 1 become bool",
        "the value is kept",
        "compare with 0",
        lambda node: node.attribute("to") == 9 and node.type(0) != "bool",  # 9: TensorProto.BOOL
        by_data=True,
    ),
    OperatorRule(
        "13a",
        ("Gemm",),
        "transA=1 with a constant B",
        "the result is read again as if it were transposed",
        "Transpose first",
        _constant_second,
    ),
    OperatorRule(
        "13b",
        ("Mul",),
        "x * (.5 * (1 + tanh(a * (x + b * x ** c)))) with other numbers than GELU's",
        "computed as GELU",
        "another order of the factors",
        _like_gelu,
    ),
)
