"""All rules, in the order of their numbers."""

from __future__ import annotations

import re

from deepmark.exporter.operators import arithmetic, biases, indexing, sampling, unsupported, windows
from deepmark.exporter.operators.rule import OperatorRule


def _order(rule: OperatorRule) -> tuple[int, str]:
    number, letter = re.fullmatch(r"(\d+)([a-z]?)", rule.number).groups()  # type: ignore[union-attr]
    return int(number), letter


RULES: tuple[OperatorRule, ...] = tuple(
    sorted(
        (*arithmetic.RULES, *biases.RULES, *indexing.RULES, *sampling.RULES, *unsupported.RULES, *windows.RULES),
        key=_order,
    )
)
