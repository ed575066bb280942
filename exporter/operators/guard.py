"""The guard: what in a graph MNN would compute wrongly, crash on, or refuse."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepmark.errors import ConversionError
from deepmark.exporter.mnn_file import CONVERSION
from deepmark.exporter.operators.graph import DEFAULT_DOMAINS, GraphFacts, NodeFacts, read_graph
from deepmark.exporter.operators.rule import OperatorRule
from deepmark.exporter.operators.table import RULES

if TYPE_CHECKING:
    import onnx

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OperatorFinding:
    """A rule that a graph meets.

    Attributes:
        node: name of the node, or of its first output where it has none; empty for the file as a whole.
        operator: ONNX operator of the node; empty for the file as a whole.
        rule: rule that is met.
        certain: whether the graph goes wrong whatever its input; otherwise that depends on what no graph tells.
    """

    node: str
    operator: str
    rule: OperatorRule
    certain: bool

    def __str__(self) -> str:
        where = f"node {self.node!r} ({self.operator})" if self.operator else "the file"
        return f"{where}: {self.rule.when}: {self.rule.happens} (rule {self.rule.number})"


def find_faults(model: onnx.ModelProto, precision: str | None = None) -> tuple[OperatorFinding, ...]:
    """Put every rule to every node of the graph that MNN will get.

    Args:
        model: valid ONNX model.
        precision: precision that weights will be stored in; None for all that there are.

    Raises:
        ConversionError: a node has attributes, constants or shapes that do not fit together.
    """
    graph = read_graph(model)
    rules = [one for one in RULES if precision is None or one.precision in {None, precision}]
    return tuple(finding for rule in rules for finding in _findings(rule, graph))


def refuse_faults(model: onnx.ModelProto, *, precision: str) -> None:
    """Refuse a model that MNN is known to get wrong; log what depends on data.

    Args:
        model: valid ONNX model.
        precision: precision that weights will be stored in.

    Raises:
        ConversionError: names the first such node, what MNN would do, how many more there are, and the way out.
    """
    findings = find_faults(model, precision)
    for one in findings:
        if not one.certain:
            logger.warning("%s; the way out: %s", one, one.rule.way_out)
    certain = [one for one in findings if one.certain]
    if certain:
        more = f", and {len(certain) - 1} more like this: deepmark inspect MODEL.onnx" if len(certain) > 1 else ""
        raise ConversionError(f"{certain[0]}{more}", stage=CONVERSION, hint=certain[0].rule.way_out)


def _findings(rule: OperatorRule, graph: GraphFacts) -> list[OperatorFinding]:
    first, last = rule.opsets
    if not first <= graph.opset <= last:
        return []
    if not rule.operators:
        met = any(rule.hits(graph.of(node)) for node in graph.nodes[:1])
        return [OperatorFinding("", "", rule, certain=True)] if met else []
    found = []
    for node in graph.nodes:
        if node.op_type in rule.operators and node.domain in DEFAULT_DOMAINS:
            hit = _asked(rule, graph.of(node))
            if hit is not False:
                certain = hit is True and not rule.by_data
                found.append(OperatorFinding(node.name or node.output[0], node.op_type, rule, certain))
    return found


def _asked(rule: OperatorRule, node: NodeFacts) -> bool | None:
    try:
        return rule.hits(node)
    except (IndexError, TypeError, ValueError) as error:  # the checker does not compare attributes with shapes
        name = node.node.name or node.node.output[0]
        raise ConversionError(
            f"node {name!r} ({node.operator}) has attributes, constants or shapes that do not fit together",
            stage=CONVERSION,
            hint="does ONNX Runtime run the file?",
        ) from error
