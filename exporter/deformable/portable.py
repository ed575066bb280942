"""A deformable convolution for engines that read ONNX and lack ``DeformConv``: nine samples, nine 1x1 convolutions.

y = b + sum over taps k of W_k (mask_k * sample_k): operators of opset 16 and maps of four dimensions, which OpenVINO
and others take as they are.
"""

from __future__ import annotations

from deepmark.exporter.deformable.layers import TAPS, DeformableLayer
from deepmark.exporter.deformable.node_writer import NodeWriter
from deepmark.exporter.deformable.places import MapCells, write_coordinates, write_sample


def write_portable(writer: NodeWriter, layer: DeformableLayer, cells: MapCells, places: str) -> None:
    """Write the layer.

    Args:
        writer: collector of the nodes.
        layer: the layer.
        cells: coordinates of the map's cells.
        places: output of the offset branch, (B, 27, h, w).
    """
    name = layer.name
    x, y, logits = write_coordinates(writer, layer, places, cells)
    last = writer.integers(-1)
    columns = [writer.node("Unsqueeze", [one, last], f"{name}/{axis}/column") for axis, one in (("x", x), ("y", y))]
    grid = writer.node("Concat", columns, f"{name}/grid", axis=-1)  # (B, 9, h, w, 2)
    grids = writer.split(grid, [1] * TAPS, f"{name}/grids")
    masks = writer.split(writer.node("Sigmoid", [logits], f"{name}/mask"), [1] * TAPS, f"{name}/masks")
    total = ""
    for tap in range(TAPS):
        own = writer.node("Squeeze", [grids[tap], writer.integers(1)], f"{name}/grid_{tap}")  # (B, h, w, 2)
        sample = write_sample(writer, layer.x, own, f"{name}/sample_{tap}")
        masked = writer.node("Mul", [sample, masks[tap]], f"{name}/masked_{tap}")
        inputs = [masked, writer.constant(f"{name}/weight_{tap}", layer.weight[:, :, tap, None, None])]
        if tap == 0:
            inputs.append(writer.constant(f"{name}/bias", layer.bias))
        part = writer.node("Conv", inputs, f"{name}/part_{tap}", kernel_shape=[1, 1])
        output = layer.y if tap == TAPS - 1 else None
        total = writer.node("Add", [total, part], f"{name}/sum_{tap}", output) if total else part
