"""One rule: an operator, when MNN goes wrong on it, what it does then, and the way out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deepmark.exporter.operators.graph import NodeFacts

MNN_VERSION = "3.6.1"  # what the rules were measured with

# True: it goes wrong. False: it does not. None: that depends on sizes, types or constants which the file does not tell.
Condition = Callable[[NodeFacts], bool | None]


@dataclass(frozen=True, slots=True)
class OperatorRule:
    """A rule.

    Attributes:
        number: row of the table, a letter for each of its parts, such as ``"9b"``.
        operators: names of ONNX operators; empty for a rule about the whole file, which is asked of its first node.
        when: condition in words: attributes, shapes, versions of the operator set.
        opsets: first and last version of the operator set in which the condition can be met.
        happens: what MNN makes of it.
        way_out: what to write instead.
        hits: condition.
        by_data: whether it goes wrong with some values only, which no graph tells: a note, no refusal.
        precision: name of the only precision in which it goes wrong; None for all.
    """

    number: str
    operators: tuple[str, ...]
    when: str
    happens: str
    way_out: str
    hits: Condition
    opsets: tuple[int, int] = (1, 99)
    by_data: bool = False
    precision: str | None = None


def always(_: NodeFacts) -> bool:
    """The condition of a rule about an operator as a whole."""
    return True


def never(_: NodeFacts) -> bool:
    """The condition of what no graph tells, and nearly no graph meets: the table says it, the guard does not."""
    return False
