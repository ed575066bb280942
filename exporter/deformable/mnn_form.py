"""A deformable convolution for MNN: the fastest of the forms that were measured (docs/decisions/0031).

What the form is made for:

* MNN has no cheap product of (1, C, H, W) with (1, 1, H, W). So the mask is a third coordinate: in a map of one layer
  of depth, (1, C, 1, H, W), a sample at the depth coordinate 2 (1 - mask) is mask times the sample at 0, as zeros lie
  outside.
* A layer with fewer outputs than inputs is convolved first, all taps by one 1x1 convolution, and its results are
  sampled: they have fewer channels. All other layers are sampled first; three taps share a 1x1 convolution.
* What one tap reads and writes should stay in a cache, so large maps are computed in parts.

Opset 17, dynamic sizes. ONNX promises samples of five dimensions only from opset 20 on, where the mode has another
name, one that MNN's converter does not know (rule 11d). ONNX Runtime and MNN both take them at 17, and nobody else gets
this graph.
"""

from __future__ import annotations

import numpy as np

from deepmark.exporter.deformable.layers import TAPS, DeformableLayer
from deepmark.exporter.deformable.node_writer import NodeWriter
from deepmark.exporter.deformable.places import MapCells, write_coordinates, write_sample

SHARED_TAPS = 3  # taps of one 1x1 convolution
PART_BYTES = 256 << 10  # of a map's part; a processor's second cache holds some of them


def part_count(channels: int, size: tuple[int, int], least_cells: int) -> int:
    """Return the number of parts that a map is computed in: a power of two that divides its cells at every input size.

    Args:
        channels: number of channels of the map.
        size: height, width of the map, in cells.
        least_cells: number of the map's cells at the smallest input.
    """
    parts = 1
    while parts * PART_BYTES < 4 * channels * size[0] * size[1] and least_cells % (2 * parts) == 0:
        parts *= 2
    return parts


def write_for_mnn(writer: NodeWriter, layer: DeformableLayer, cells: MapCells, places: str) -> None:
    """Write the layer.

    Args:
        writer: collector of the nodes.
        layer: the layer.
        cells: coordinates of the map's cells.
        places: output of the offset branch, (B, 27, h, w), its masks negated.
    """
    name = layer.name
    grid = _grid(writer, layer, cells, places)
    shape = writer.node("Concat", [writer.integers(0, 0), cells.size], f"{name}/shape", axis=0)
    bias = writer.constant(f"{name}/bias", layer.bias)
    if layer.cout >= layer.cin:
        writer.node("Reshape", [_sampled_first(writer, layer, grid, bias), shape], f"{name}/whole", layer.y)
        return
    whole = writer.node("Reshape", [_convolved_first(writer, layer, grid), shape], f"{name}/whole")  # (B, O, h, w)
    # As a convolution of its own, since MNN adds a constant (1, O, 1, 1) in three times the time.
    ones = writer.constant(f"ones/{layer.cout}", np.ones((layer.cout, 1, 1, 1), np.float32))
    writer.node("Conv", [whole, ones, bias], f"{name}/biased", layer.y, kernel_shape=[1, 1], group=layer.cout)


def _grid(writer: NodeWriter, layer: DeformableLayer, cells: MapCells, places: str) -> str:
    """Write where all taps read, (B, 9, h w, 3), cell after cell."""
    name = layer.name
    x, y, logits = write_coordinates(writer, layer, places, cells)
    rest = writer.node("Sigmoid", [logits], f"{name}/rest")  # 1 - mask
    depth = writer.node("Mul", [rest, writer.number(2)], f"{name}/depth")
    stacked = writer.node("Concat", [x, y, depth], f"{name}/stacked", axis=1)
    planes = writer.node("Reshape", [stacked, writer.integers(0, 3, TAPS, -1)], f"{name}/planes")
    return writer.node("Transpose", [planes], f"{name}/grid", perm=[0, 2, 3, 1])


def _tap_grids(writer: NodeWriter, layer: DeformableLayer, grid: str, parts: int) -> list[list[str]]:
    """Cut a grid by taps and by parts of the map: [tap][part], (B, 1, 1, cells, 3) each."""
    name = layer.name
    cut = writer.node("Reshape", [grid, writer.integers(0, TAPS * parts, 1, -1, 3)], f"{name}/grid/parts")
    grids = writer.split(cut, [1] * (TAPS * parts), f"{name}/grids")
    return [grids[tap * parts : (tap + 1) * parts] for tap in range(TAPS)]


def _sampled_first(writer: NodeWriter, layer: DeformableLayer, grid: str, bias: str) -> str:
    """Write samples of the input, and convolutions of them that add up; return (B, O, 1, h w)."""
    name = layer.name
    parts = part_count(layer.cin, layer.size, layer.least_cells)
    grids = _tap_grids(writer, layer, grid, parts)
    deep = writer.node("Unsqueeze", [layer.x, writer.integers(2)], f"{name}/deep")  # (B, C, 1, h, w)
    totals = []
    for part in range(parts):
        total = ""
        for first in range(0, TAPS, SHARED_TAPS):
            taps = range(first, first + SHARED_TAPS)
            stem = f"{name}/part_{part}"
            samples = [write_sample(writer, deep, grids[tap][part], f"{stem}/sample_{tap}") for tap in taps]
            joined = writer.node("Concat", samples, f"{stem}/joined_{first}", axis=1)
            flat = writer.node("Squeeze", [joined, writer.integers(2)], f"{stem}/flat_{first}")  # (B, 3 C, 1, cells)
            kernel = np.concatenate([layer.weight[:, :, tap] for tap in taps], axis=1)[:, :, None, None]
            inputs = [flat, writer.constant(f"{name}/weight_{first}", kernel), *([bias] if first == 0 else [])]
            product = writer.node("Conv", inputs, f"{stem}/product_{first}", kernel_shape=[1, 1])
            total = writer.node("Add", [total, product], f"{stem}/sum_{first}") if total else product
        totals.append(total)
    return writer.node("Concat", totals, f"{name}/total", axis=3) if parts > 1 else totals[0]


def _convolved_first(writer: NodeWriter, layer: DeformableLayer, grid: str) -> str:
    """Write one convolution for all taps, and samples of its results that add up; return (B, O, 1, 1, h w)."""
    name = layer.name
    grids = _tap_grids(writer, layer, grid, parts=1)
    kernel = np.concatenate([layer.weight[:, :, tap] for tap in range(TAPS)])[:, :, None, None]
    product = writer.node(
        "Conv", [layer.x, writer.constant(f"{name}/weight", kernel)], f"{name}/products", kernel_shape=[1, 1]
    )
    products = writer.split(product, [layer.cout] * TAPS, f"{name}/product")
    total = ""
    for tap in range(TAPS):
        deep = writer.node("Unsqueeze", [products[tap], writer.integers(2)], f"{name}/deep_{tap}")
        sample = write_sample(writer, deep, grids[tap][0], f"{name}/sample_{tap}")
        total = writer.node("Add", [total, sample], f"{name}/sum_{tap}") if total else sample
    return total
