"""Rules about resizing, sampling at points, and boxes."""

from __future__ import annotations

import numpy as np

from deepmark.exporter.operators.graph import NodeFacts
from deepmark.exporter.operators.rule import OperatorRule, always


def _transformation(node: NodeFacts) -> str:
    return str(node.attribute("coordinate_transformation_mode", "half_pixel"))


def _mode(node: NodeFacts) -> str:
    return str(node.attribute("mode", "nearest"))


def _cubic(node: NodeFacts) -> bool:
    return _mode(node) == "cubic"


def _scales(node: NodeFacts) -> bool:
    """Whether a Resize is told scales, not sizes."""
    return node.given(2) and not node.given(3)


def _unknown_rounding(node: NodeFacts) -> bool:
    return _mode(node) == "nearest" and node.attribute("nearest_mode") in {"ceil", "round_prefer_ceil"}


def _shrinks(node: NodeFacts) -> bool | None:
    if not node.attribute("antialias", 0):
        return False
    scales = node.constant(2)
    if scales is not None and scales.size:
        return bool((scales < 1).any())
    before, after = node.shape(0), node.output_shape()
    if before is None or after is None:
        return None
    pairs = list(zip(before, after, strict=True))
    if any(isinstance(old, int) and isinstance(new, int) and new < old for old, new in pairs):
        return True
    return False if all(isinstance(side, int) for pair in pairs for side in pair) else None


def _few_scales(node: NodeFacts) -> bool:
    shape, axes = node.shape(0), node.attribute("axes")
    return axes is not None and _scales(node) and (shape is None or len(axes) < len(shape))


RULES = (
    OperatorRule(
        "8d",
        ("Resize", "Upsample"),
        "mode is left out",
        "it interpolates, where ONNX takes the nearest; Upsample does not run",
        "write mode",
        lambda node: not node.has("mode"),
    ),
    OperatorRule(
        "9a",
        ("Resize",),
        "nearest with ceil or round_prefer_ceil",
        "computed as round_prefer_floor",
        "nearest_mode floor or round_prefer_floor",
        _unknown_rounding,
        opsets=(11, 99),
    ),
    OperatorRule(
        "9b",
        ("Resize",),
        "cubic with half_pixel or pytorch_half_pixel",
        "the first rows and columns are wrong",
        "align_corners or asymmetric, or linear",
        lambda node: _cubic(node) and _transformation(node) in {"half_pixel", "pytorch_half_pixel"},
        opsets=(11, 99),
    ),
    OperatorRule(
        "9c",
        ("Resize",),
        "cubic_coeff_a other than -0.75",
        "-0.75 is taken",
        "cubic_coeff_a of -0.75",
        lambda node: _cubic(node) and not np.isclose(node.attribute("cubic_coeff_a", -0.75), -0.75),
        opsets=(11, 99),
    ),
    OperatorRule(
        "9d",
        ("Resize",),
        "cubic with exclude_outside",
        "ignored",
        "leave it out, or linear",
        lambda node: _cubic(node) and bool(node.attribute("exclude_outside", 0)),
        opsets=(11, 99),
    ),
    OperatorRule("9e", ("Resize",), "antialias when it shrinks", "ignored", "AveragePool", _shrinks, opsets=(18, 99)),
    OperatorRule(
        "9f",
        ("Resize",),
        "axes with scales for some of them",
        "the scales are taken for those of other axes",
        "a scale for every axis, or sizes",
        _few_scales,
        opsets=(18, 99),
    ),
    OperatorRule(
        "9g",
        ("Resize",),
        "keep_aspect_ratio_policy other than stretch, with sizes",
        "ignored",
        "the sizes that it would give",
        lambda node: node.given(3) and node.attribute("keep_aspect_ratio_policy", "stretch") != "stretch",
        opsets=(18, 99),
    ),
    OperatorRule(
        "9h",
        ("Resize",),
        "half_pixel_symmetric",
        "computed as asymmetric",
        "half_pixel",
        lambda node: _transformation(node) == "half_pixel_symmetric",
        opsets=(19, 99),
    ),
    OperatorRule(
        "9i",
        ("Resize",),
        "tf_crop_and_resize",
        "wrong numbers",
        "Slice, then half_pixel",
        lambda node: _transformation(node) == "tf_crop_and_resize",
        opsets=(11, 99),
    ),
    OperatorRule(
        "9j",
        ("Resize",),
        "linear, opset 10",
        "computed as half_pixel, where that opset means asymmetric",
        "opset 11, coordinate_transformation_mode asymmetric",
        lambda node: _mode(node) == "linear",
        opsets=(10, 10),
    ),
    OperatorRule(
        "11a",
        ("GridSample",),
        "padding_mode reflection",
        "computed as border",
        "padding_mode border",
        lambda node: node.attribute("padding_mode") == "reflection",
    ),
    OperatorRule(
        "11b",
        ("GridSample",),
        "mode bicubic or cubic",
        "computed as bilinear",
        "mode bilinear",
        lambda node: node.attribute("mode") in {"bicubic", "cubic"},
    ),
    OperatorRule(
        "11c",
        ("GridSample",),
        "mode nearest, and points exactly half-way between cells",
        "rounded up, where ONNX rounds to the even cell",
        "mode bilinear",
        lambda node: node.attribute("mode") == "nearest",
        by_data=True,
    ),
    OperatorRule(
        "11d",
        ("GridSample",),
        "mode linear, the name from opset 20 on",
        "not known by this name; the converter complains, and takes bilinear",
        "opset 16, mode bilinear",
        lambda node: node.attribute("mode") == "linear",
        opsets=(20, 99),
    ),
    OperatorRule(
        "11e",
        ("RoiAlign",),
        "mode max",
        "another maximum",
        "mode avg",
        lambda node: node.attribute("mode") == "max",
    ),
    OperatorRule(
        "11f",
        ("NonMaxSuppression",),
        "center_point_box=1",
        "ignored",
        "boxes by their corners",
        lambda node: bool(node.attribute("center_point_box", 0)),
        opsets=(10, 99),
    ),
    OperatorRule(
        "11g",
        ("NonMaxSuppression",),
        "fewer boxes remain than max_output_boxes_per_class",
        "the list is filled up with rows whose box is -1",
        "drop rows below 0",
        always,
        opsets=(10, 99),
        by_data=True,
    ),
)
