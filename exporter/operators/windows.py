"""Rules about convolutions, pools and pads: what slides over a map, and its edges."""

from __future__ import annotations

from typing import cast

import numpy as np

from deepmark.exporter.operators.graph import NodeFacts
from deepmark.exporter.operators.rule import OperatorRule, never

_POOLS = ("MaxPool", "AveragePool", "LpPool")
_IN_LAYOUT = frozenset({"Clip", "LeakyRelu", "Relu"})  # computed as they lie, with a fourth axis
_RATIO = 16  # between the largest weights of two channels: 8 bits keep 4 for the smaller one


def _kernel(node: NodeFacts) -> list[int] | None:
    weight = node.shape(1) if node.operator.startswith("Conv") else None
    sides = node.attribute("kernel_shape") or (list(weight[2:]) if weight else None)
    return cast("list[int]", sides) if sides and all(isinstance(one, int) for one in sides) else None


def _each(node: NodeFacts, name: str, count: int, default: int) -> list[int]:
    return list(node.attribute(name) or [default] * count)


def _input_sides(node: NodeFacts, count: int) -> list[int | None]:
    shape = node.shape(0)
    if shape is None or len(shape) != count + 2:
        return [None] * count
    return [side if isinstance(side, int) else None for side in shape[2:]]


def _padded_unevenly(node: NodeFacts) -> bool | None:
    """Whether SAME_LOWER and SAME_UPPER differ: an odd number of cells is to be padded."""
    if node.attribute("auto_pad", "NOTSET") != "SAME_LOWER":
        return False
    kernel = _kernel(node)
    if kernel is None:
        return None
    count = len(kernel)
    steps, spreads = _each(node, "strides", count, 1), _each(node, "dilations", count, 1)
    odd: list[bool | None] = []
    for side, size, step, spread in zip(_input_sides(node, count), kernel, steps, spreads, strict=True):
        reach = (size - 1) * spread + 1
        if step == 1 or node.operator == "ConvTranspose":
            odd.append(max(reach - step, 0) % 2 == 1)
        else:
            odd.append(None if side is None else max((-(-side // step) - 1) * step + reach - side, 0) % 2 == 1)
    return True if True in odd else (None if None in odd else False)


def _window_in_padding(node: NodeFacts) -> bool | None:
    """Whether the last window of a pool with ceil_mode begins behind the map."""
    kernel = node.attribute("kernel_shape")
    if not node.attribute("ceil_mode", 0) or not kernel:
        return False
    count = len(kernel)
    steps, pads = _each(node, "strides", count, 1), _each(node, "pads", 2 * count, 0)
    spreads = _each(node, "dilations", count, 1)
    late: list[bool | None] = []
    for at, side in enumerate(_input_sides(node, count)):
        reach, step = (kernel[at] - 1) * spreads[at] + 1, steps[at]
        before, after = pads[at], pads[at + count]
        if after + step <= reach:  # then no window can begin there, whatever the size
            late.append(False)
        elif side is None:
            late.append(None)
        else:
            last = -(-(side + before + after - reach) // step) * step
            late.append(last >= side + before)
    return True if True in late else (None if None in late else False)


def _uneven_average(node: NodeFacts) -> bool:
    pads = node.attribute("pads") or []
    half = len(pads) // 2
    return bool(node.attribute("count_include_pad", 0)) and pads[:half] != pads[half:]


def _dilated(node: NodeFacts) -> bool:
    return any(one != 1 for one in node.attribute("dilations") or ())


def _only_crops(node: NodeFacts) -> bool:
    pads = node.attribute("pads") if node.has("pads") else node.constant(1)
    numbers = np.asarray([] if pads is None else pads)
    return bool((numbers < 0).any() and (numbers <= 0).all())


def _weak_channel(node: NodeFacts) -> bool:
    weight, groups = node.constant(1), node.attribute("group", 1)
    if weight is None or groups == weight.shape[0]:
        return False
    largest = np.abs(weight).max(axis=(0, *range(2, weight.ndim)))
    return bool(largest.max() > _RATIO * largest.min())


def _output_of_lines(node: NodeFacts) -> bool:
    shape = node.shape(1)
    return shape is not None and len(shape) == 3 and _reaches_output(node)


def _reaches_output(node: NodeFacts) -> bool:
    """Whether a node gives an output of the graph, or only activations that MNN computes in its layout do."""
    name = node.node.output[0]
    readers = [node.graph.of(one) for one in node.graph.readers.get(name, ())]
    return name in node.graph.outputs or any(one.operator in _IN_LAYOUT and _reaches_output(one) for one in readers)


RULES = (
    OperatorRule(
        "5b",
        ("ConvTranspose",),
        f"w8: not depthwise, and one output channel's weights are {_RATIO} times as large as another's",
        "scales are made for equal parts of the raw array, not for channels: weak channels lose most of their bits",
        "keep it in float: --precision fp16",
        _weak_channel,
        by_data=True,
        precision="w8",
    ),
    OperatorRule(
        "7d",
        ("Pad",),
        "it only crops: no pad above 0, and one below",
        "numbers from memory that was never written",
        "Slice",
        _only_crops,
    ),
    OperatorRule(
        "8e",
        _POOLS,
        "strides are left out",
        "cannot be run",
        "write strides",
        lambda node: not node.has("strides"),
    ),
    OperatorRule(
        "10a",
        ("Conv", "ConvTranspose", *_POOLS),
        "auto_pad SAME_LOWER with an odd number of cells to pad",
        "computed as SAME_UPPER",
        "explicit pads",
        _padded_unevenly,
    ),
    OperatorRule(
        "10b",
        ("ConvTranspose",),
        "output_shape",
        "padded at the end, with numbers from memory that was never written",
        "explicit pads and output_padding",
        lambda node: node.has("output_shape"),
    ),
    OperatorRule("10c", _POOLS, "dilations other than 1", "ignored", "a strided Slice, then the pool", _dilated),
    OperatorRule(
        "10d",
        ("AveragePool",),
        "count_include_pad with pads that differ at both ends",
        "wrong divisors at the edge",
        "Pad, then a pool without pads",
        _uneven_average,
    ),
    OperatorRule(
        "10e",
        _POOLS,
        "ceil_mode, and the last window begins in the padding",
        "the window is kept: the output is larger",
        "explicit pads without ceil_mode",
        _window_in_padding,
    ),
    OperatorRule(
        "10f",
        ("MaxPool",),
        "values below -2^24",
        "clamped at -16777216; not looked for, as hardly any network has them",
        "scale the network",
        never,
        by_data=True,
    ),
    OperatorRule(
        "13c",
        ("Conv",),
        "a convolution over lines (N, C, L) gives an output of the graph, by itself or through Relu, LeakyRelu or Clip",
        "its shape becomes (N, C, L, 1)",
        "Squeeze, or a convolution over maps",
        _output_of_lines,
    ),
)
