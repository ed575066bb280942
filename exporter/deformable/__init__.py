"""Deformable convolutions of ONNX graphs, written with other operators for engines that lack this one.

``layers`` finds them in a graph; ``portable`` and ``mnn_form`` each write one with ``GridSample`` and plain
convolutions, for engines that read ONNX and for MNN; ``decomposition`` puts that in its place.
docs/decisions/0031-deformable-convolutions.md has the formulas, and what was measured.
"""
