"""Where a deformable convolution reads: its offset branch as coordinates for ``GridSample``.

``GridSample`` (align_corners=0) puts pixel p of n at (2 p + 1) / n - 1. The tap (kx, ky) of cell (i, j) reads at
x = j + kx - 1 + dx, so its coordinate is ``(kx - 1 + dx) * 2 / w + (2 j + 1) / w - 1``: the tap's own place goes into
the branch's bias, and what stands behind the product is the same for every layer whose maps have this size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepmark.exporter.deformable.layers import TAPS, DeformableLayer
from deepmark.exporter.deformable.node_writer import NodeWriter


@dataclass(frozen=True, slots=True)
class MapCells:
    """Tensors that all layers of one map size share, by name.

    Attributes:
        size: (2,) height and width of the map, in cells.
        x: (w,) coordinates of the cells.
        y: (h, 1) coordinates of the cells.
        x_scale: one number, 2 / w.
        y_scale: one number, 2 / h.
    """

    size: str
    x: str
    y: str
    x_scale: str
    y_scale: str


def write_cells(writer: NodeWriter, tensor: str, name: str) -> MapCells:
    """Compute the cells' coordinates from the shape of a tensor (B, C, h, w), whatever that is when the graph runs."""
    shape = writer.node("Shape", [tensor], f"{name}/shape")
    size = writer.node("Slice", [shape, writer.integers(2), writer.integers(4)], f"{name}/size")
    y, y_scale = _axis(writer, shape, 2, f"{name}/y")
    x, x_scale = _axis(writer, shape, 3, f"{name}/x")
    column = writer.node("Unsqueeze", [y, writer.integers(1)], f"{name}/y/column")
    return MapCells(size, x, column, x_scale, y_scale)


def _axis(writer: NodeWriter, shape: str, axis: int, name: str) -> tuple[str, str]:
    def number(value: int) -> str:
        return writer.constant(f"integer/{value}", np.array(value, np.int64))

    side = writer.node("Gather", [shape, number(axis)], f"{name}/side", axis=0)
    cells = writer.node("Range", [number(0), side, number(1)], f"{name}/cells")
    positions = writer.node("Cast", [cells], f"{name}/positions", to=1)  # TensorProto.FLOAT
    length = writer.node("Cast", [side], f"{name}/length", to=1)
    doubled = writer.node("Mul", [positions, writer.number(2)], f"{name}/doubled")
    centres = writer.node("Add", [doubled, writer.number(1)], f"{name}/centres")
    share = writer.node("Div", [centres, length], f"{name}/share")
    coordinates = writer.node("Sub", [share, writer.number(1)], f"{name}/coordinates")
    return coordinates, writer.node("Div", [writer.number(2), length], f"{name}/scale")


def write_branch(writer: NodeWriter, layer: DeformableLayer, *, negated: bool) -> str:
    """Write the offset branch with its channels as x of all taps, y of all taps, masks; return its output.

    Args:
        writer: collector of the nodes.
        layer: the layer.
        negated: whether the masks come out negated, for the sigmoid of what is not taken.
    """
    taps = np.arange(TAPS)
    order = np.concatenate([2 * taps + 1, 2 * taps, 2 * TAPS + taps])  # x stands behind y in the branch
    weight, bias = layer.branch_weight[order].copy(), layer.branch_bias[order].copy()
    bias[:TAPS] += (taps % 3 - 1).astype(np.float32)
    bias[TAPS : 2 * TAPS] += (taps // 3 - 1).astype(np.float32)
    if negated:
        weight[2 * TAPS :] *= -1
        bias[2 * TAPS :] *= -1
    inputs = [
        layer.x,
        writer.constant(f"{layer.name}/places.weight", weight),
        writer.constant(f"{layer.name}/places.bias", bias),
    ]
    return writer.node("Conv", inputs, f"{layer.name}/places", kernel_shape=[3, 3], pads=[1, 1, 1, 1])


def write_coordinates(writer: NodeWriter, layer: DeformableLayer, places: str, cells: MapCells) -> tuple[str, str, str]:
    """Return x, y as coordinates and the masks before their sigmoid, (B, 9, h, w) each."""
    x, y, masks = writer.split(places, [TAPS] * 3, f"{layer.name}/split")
    scaled_x = writer.node("Mul", [x, cells.x_scale], f"{layer.name}/x/scaled")
    scaled_y = writer.node("Mul", [y, cells.y_scale], f"{layer.name}/y/scaled")
    return (
        writer.node("Add", [scaled_x, cells.x], f"{layer.name}/x"),
        writer.node("Add", [scaled_y, cells.y], f"{layer.name}/y"),
        masks,
    )


def write_sample(writer: NodeWriter, x: str, grid: str, name: str) -> str:
    """Read a map bilinearly at a grid, with zeros outside."""
    return writer.node("GridSample", [x, grid], name, mode="bilinear", padding_mode="zeros", align_corners=0)
