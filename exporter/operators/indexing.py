"""Rules about choosing, counting, splitting and scattering elements."""

from __future__ import annotations

from deepmark.exporter.operators.graph import NodeFacts
from deepmark.exporter.operators.rule import OperatorRule

_OUTSIDE = "decode outside the graph"


def _negative(node: NodeFacts) -> bool:
    indices = node.constant(0 if node.operator == "OneHot" else 1)
    return indices is not None and bool((indices < 0).any())


def _empty_part(node: NodeFacts) -> bool:
    parts = node.attribute("split") if node.has("split") else node.constant(1)
    return parts is not None and any(one == 0 for one in parts)


def _uneven_parts(node: NodeFacts) -> bool | None:
    count = node.attribute("num_outputs")
    if count is None:
        return False
    shape, axis = node.shape(0), node.attribute("axis", 0)
    if shape is None:
        return None
    side = shape[axis]
    return side % count != 0 if isinstance(side, int) else None


RULES = (
    OperatorRule(
        "7c",
        ("ConstantOfShape",),
        "value is left out",
        "numbers from memory that was never written, often 0",
        "value=0",
        lambda node: not node.has("value"),
    ),
    OperatorRule(
        "7e", ("Split",), "a part is empty", "numbers from memory that was never written", "Slice", _empty_part
    ),
    OperatorRule("8c", ("OneHot",), "axis is left out", "0 is taken for -1", "write axis", lambda n: not n.has("axis")),
    OperatorRule(
        "12a",
        ("TopK",),
        "several values are equal, and the indices are used",
        "indices in any order, where ONNX gives the lowest first",
        _OUTSIDE,
        lambda node: node.is_read(1),
        by_data=True,
    ),
    OperatorRule(
        "12b",
        ("ArgMax", "ArgMin"),
        "select_last_index=1",
        "the first one is given",
        _OUTSIDE,
        lambda node: bool(node.attribute("select_last_index", 0)),
        opsets=(12, 99),
    ),
    OperatorRule(
        "12c",
        ("GatherElements", "GatherND", "ScatterElements", "OneHot"),
        "negative indices, as far as they are constants",
        "0 is read, or nothing is written",
        "indices from 0 on",
        _negative,
    ),
    OperatorRule(
        "12g",
        ("ScatterElements", "ScatterND"),
        "reduction other than none",
        "ignored: the last one stays",
        _OUTSIDE,
        lambda node: node.attribute("reduction", "none") != "none",
        opsets=(16, 99),
    ),
    OperatorRule(
        "12k",
        ("Split",),
        "num_outputs with a remainder",
        "smaller parts of equal size: the rest is lost",
        "write split",
        _uneven_parts,
        opsets=(18, 99),
    ),
)
