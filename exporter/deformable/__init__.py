"""Deformable convolutions in ONNX graphs: the operator itself, and what stands for it where an engine lacks it.

``tracing`` tells torch how the layer is written; ``layers`` finds it in a graph; ``portable`` and ``mnn_form`` each write
it with ``GridSample`` and plain convolutions, for engines that read ONNX and for MNN; ``decomposition`` puts that in its
place. docs/decisions/0031-deformable-convolutions.md has the formulas, and what was measured.
"""
