"""DCNv2: a 3x3 convolution whose nine taps are moved and weighted, place by place, by a second convolution.

Modulated deformable convolution (Zhu et al., "Deformable ConvNets v2", CVPR 2019), as CenterNet's DCNv2 computes it::

    om = conv_offset_mask(x)                                  (B, 27, H, W)
    offset = om[:, :18]; mask = sigmoid(om[:, 18:])           offset: dy, dx of tap 0, dy, dx of tap 1, ...
    y[:, :, i, j] = b + sum over taps k = 3 ky + kx of W[:, :, ky, kx] . mask[k] * x(i - 1 + ky + dy, j - 1 + kx + dx)

x(., .) is read bilinearly; of the four neighbours each one outside the map counts 0. An offset branch of zeros is not a
plain convolution but half of one, as sigmoid(0) = 0.5. It needs torch's ``grid_sample`` alone, on any device. Written
anew after ``dcn_v2_im2col_cuda.cu`` of https://github.com/CharlesShang/DCNv2, which CenterNet builds (BSD 3-Clause).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  its usual name

KERNEL = 3  # taps along each side
TAPS = KERNEL * KERNEL
OFFSETS = 2 * TAPS  # channels of the offset branch that are offsets; the other TAPS are the mask before its sigmoid


class DeformableConv2d(nn.Module):
    """Stands where a 3x3 convolution with padding 1 and a bias would, with CenterNet's tensor names.

    The offset branch starts with zeros, so that the layer begins as half of a plain convolution.

    Args:
        cin: number of channels of the input.
        cout: number of channels of the output.
    """

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        plain = nn.Conv2d(cin, cout, KERNEL, padding=1)
        assert plain.bias is not None
        self.weight = plain.weight
        self.bias = plain.bias
        self.conv_offset_mask = nn.Conv2d(cin, OFFSETS + TAPS, KERNEL, padding=1)
        nn.init.zeros_(self.conv_offset_mask.weight)
        nn.init.zeros_(self.conv_offset_mask.bias)  # type: ignore[arg-type]  # nn.Conv2d types its bias as optional

    def forward(self, x: Tensor) -> Tensor:
        """Compute (B, cin, H, W) -> (B, cout, H, W); a trace for ONNX sees one operator, `traced_convolution`."""
        offset, logits = self.conv_offset_mask(x).split((OFFSETS, TAPS), 1)
        mask = torch.sigmoid(logits)
        if torch.onnx.is_in_onnx_export():
            traced: Tensor = traced_convolution(x, self.weight, self.bias, offset, mask)
            return traced
        return deformable_convolution(x, self.weight, self.bias, offset, mask)


def deformable_convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    offset: Tensor,
    mask: Tensor,
    *,
    stride: int = 1,
    padding: int = 1,
    dilation: int = 1,
    groups: int = 1,
) -> Tensor:
    """Compute a modulated deformable convolution.

    Args:
        x: (B, C, H, W) input.
        weight: (O, C, kh, kw) weights.
        bias: (O,) bias.
        offset: (B, groups * 2 * taps, h, w) offsets in pixels of ``x``, group by group, dy before dx of each tap.
        mask: (B, groups * taps, h, w) factors of the taps, in [0, 1].
        stride: distance of the places that the kernel stands on, in pixels.
        padding: width of the border of zeros that the kernel's places begin in, in pixels.
        dilation: distance of a kernel's taps, in pixels.
        groups: number of deformable groups: group g moves the g-th part of the channels of ``x``.

    Returns:
        (B, O, h, w) sums.
    """
    batch, channels, height, width = x.shape
    out, _, *kernel = weight.shape
    taps = kernel[0] * kernel[1]
    high, wide = offset.shape[2:]
    dy, dx = offset.reshape(batch * groups, taps, 2, high, wide).unbind(2)  # each (B G, taps, h, w)
    tap = torch.arange(taps, device=x.device).view(taps, 1, 1)
    top = torch.arange(high, device=x.device).view(high, 1) * stride - padding
    left = torch.arange(wide, device=x.device) * stride - padding
    py = top + tap.div(kernel[1], rounding_mode="floor") * dilation + dy
    px = left + tap % kernel[1] * dilation + dx
    # Beyond one pixel outside all is 0; without a limit the largest floats would overflow to infinity less infinity.
    px, py = px.clamp(-2, width + 1), py.clamp(-2, height + 1)
    # align_corners=False: pixel p of n lies at (2 p + 1) / n - 1. The other way divides by n - 1, 0 where n is 1.
    grid = torch.stack(((2 * px + 1) / width - 1, (2 * py + 1) / height - 1), -1)  # (B G, taps, h, w, 2)
    samples = F.grid_sample(
        x.reshape(batch * groups, channels // groups, height, width),
        grid.reshape(batch * groups, taps * high, wide, 2),
        mode="bilinear",
        padding_mode="zeros",
        align_corners=False,
    )  # (B G, C / G, taps h, w)
    weighted = samples.reshape(batch * groups, -1, taps, high, wide) * mask.reshape(batch * groups, 1, taps, high, wide)
    columns = weighted.reshape(batch, channels * taps, high * wide)
    return (weight.reshape(out, -1) @ columns + bias[:, None]).reshape(batch, out, high, wide)


@torch.library.custom_op("deepmark::deformable_convolution", mutates_args=())
def traced_convolution(x: Tensor, weight: Tensor, bias: Tensor, offset: Tensor, mask: Tensor) -> Tensor:
    """Compute the layer as one opaque operator; arguments as for `deformable_convolution`.

    A trace for ONNX holds this operator, and what exports it registers what ONNX has for it, for the operator sets that
    have it: for any other, torch refuses.
    """
    return deformable_convolution(x, weight, bias, offset, mask)
