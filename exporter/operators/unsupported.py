"""Rules about files as a whole, control flow, and operators that MNN has not."""

from __future__ import annotations

from deepmark.exporter.operators.graph import DEFAULT_DOMAINS, NodeFacts
from deepmark.exporter.operators.rule import OperatorRule, always

_ABSENT = (
    "AffineGrid",
    "Attention",
    "BitwiseAnd",
    "BitwiseNot",
    "BitwiseOr",
    "BitwiseXor",
    "CenterCropPad",
    "Col2Im",
    "ConvInteger",
    "DeformConv",
    "GroupNormalization",
    "Hardmax",
    "IsInf",
    "IsNaN",
    "Mish",
    "QLinearConv",
    "RMSNormalization",
    "Swish",
)


def _other_set_first(node: NodeFacts) -> bool:
    domain, version = node.graph.first_set
    return domain not in DEFAULT_DOMAINS and version != node.opset


RULES = (
    OperatorRule(
        "4",
        (),
        "opset_import names another domain before the default one",
        "that domain's version is taken for the operator set's",
        "the default domain first",
        _other_set_first,
    ),
    OperatorRule(
        "13d",
        ("QuantizeLinear", "DequantizeLinear"),
        "around values that the graph computes",
        "batch and channels are exchanged, or the graph loses its output",
        "convert in fp32, with --precision int8",
        lambda node: node.constant(0) is None,
    ),
    OperatorRule(
        "14",
        ("LSTM", "GRU", "If", "Loop"),
        "in any form",
        "no run with MNN's Session API, which we use",
        "unroll the loop, or MNN's Module API outside this project",
        always,
    ),
    OperatorRule(
        "15a",
        _ABSENT,
        "in any form",
        "not known to the converter",
        "write it with other operators; of DeformConv: deepmark export CHECKPOINT does so",
        always,
    ),
    OperatorRule(
        "15b",
        ("Pad",),
        "mode wrap",
        "not known to the converter",
        "Slice and Concat",
        lambda node: node.attribute("mode") == "wrap",
        opsets=(19, 99),
    ),
)
