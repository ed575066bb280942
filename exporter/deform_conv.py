"""How torch's exporter writes a deformable convolution: as ONNX's ``DeformConv``, and nowhere before opset 19."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

DEFORM_CONV = "DeformConv"
DEFORM_CONV_OPSET = 19  # the first operator set that has it


def has_deformable(network: nn.Module) -> bool:
    """Tell whether a network has deformable convolutions."""
    from deepmark.models.deformable import DeformableConv2d

    return any(isinstance(module, DeformableConv2d) for module in network.modules())


@cache
def register_deform_conv() -> None:
    """Tell torch's exporter what a traced layer is, for the operator sets that have it.

    For an older one torch then refuses the trace. Without this it would, if the layer were a function with a
    ``symbolic`` of its own, write an invalid file and say nothing.
    """
    from torch.onnx import register_custom_op_symbolic  # type: ignore[attr-defined]  # not in its __all__

    register_custom_op_symbolic("deepmark::deformable_convolution", _deform_conv, DEFORM_CONV_OPSET)


def _deform_conv(graph: Any, x: Any, weight: Any, bias: Any, offset: Any, mask: Any) -> Any:
    node = graph.op(
        DEFORM_CONV,
        *(x, weight, offset, bias, mask),  # ONNX's order
        dilations_i=[1, 1],
        group_i=1,
        kernel_shape_i=[3, 3],
        offset_group_i=1,
        pads_i=[1, 1, 1, 1],
        strides_i=[1, 1],
    )
    return node.setType(x.type().with_sizes([None, None, None, None]))
