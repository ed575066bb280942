#!/usr/bin/env python3
"""Write docs/mnn-operators.md from the rules of the guard.

python tools/operator_table.py [FILE]
"""

from __future__ import annotations

import sys
from pathlib import Path

from deepmark.exporter.operators.rule import MNN_VERSION, OperatorRule
from deepmark.exporter.operators.table import RULES

ROOT = Path(__file__).resolve().parent.parent
PAGE = f"""# What MNN {MNN_VERSION} makes of ONNX operators

*Written from the rules in `exporter/operators/` by `python tools/operator_table.py`; a test fails when it is old.*

MNN's converter takes graphs that MNN then computes wrongly, without a word. `deepmark export` puts every rule
below to every node before MNN sees the graph, and refuses with the node, the rule and the way out.
`deepmark inspect MODEL.onnx` does the same to any ONNX file: exit status 0 where nothing is wrong, 1 where an export
would be refused. Our networks meet none of the rules.

- **refused**: the graph goes wrong whatever its input.
- **told**: it goes wrong with some values only, which no graph tells; likewise where a rule depends on a size
  or a type that the file leaves open. `deepmark inspect` prints it, an export logs it and goes on: parity on
  real pictures judges ([decision 22](decisions/0022-operator-guard.md)).

Measured with MNN {MNN_VERSION}, its Session API, and ONNX Runtime 1.32 as reference, on x86_64 (Intel Xeon,
AVX2 build of MNN), 2026-11-28. Nothing was run on ARM; rules that are about x86 alone say so. For nearly every
rule a small model is converted and run in the tests (`tests/support/operator_models.py`), which fail when MNN
changes; beside them stand models that MNN gets right and the guard must let pass. Some things are only said
here, and not tried in the tests: pools without strides, a Mean of two inputs of different shapes, an LSTM, a
ConvInteger, and bitwise operators on 8-bit numbers cannot be had from MNN.

Not in the table, as they are no operators: the `--fp16` option cuts weights ([decision
11](decisions/0011-precisions.md)), and the number of threads changes what 3x3 convolutions give in the last
digits ([hazards](hazards.md)).

| no. | operators | when | what MNN does | way out | |
| --- | --- | --- | --- | --- | --- |
"""


def _row(rule: OperatorRule) -> str:
    first, last = rule.opsets
    words = rule.when
    if first > 1 and last == 99:
        words += f" (opset {first} on)"
    verdict = "told" if rule.by_data else "refused"
    operators = ", ".join(rule.operators) or "the file"
    return f"| {rule.number} | {operators} | {words} | {rule.happens} | {rule.way_out} | {verdict} |\n"


def page() -> str:
    """Return the whole page."""
    return PAGE + "".join(map(_row, RULES))


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "mnn-operators.md"
    target.write_text(page(), encoding="utf-8")
