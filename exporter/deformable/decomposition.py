"""ONNX -> ONNX without ``DeformConv``: the same outputs from operators that more engines have, at an older opset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deepmark.exporter.deformable.layers import DECOMPOSITION, DeformableLayer, read_layers
from deepmark.exporter.deformable.mnn_form import write_for_mnn
from deepmark.exporter.deformable.node_writer import NodeWriter
from deepmark.exporter.deformable.places import MapCells, write_branch, write_cells
from deepmark.exporter.deformable.portable import write_portable
from deepmark.exporter.to_onnx import OPSET, check_onnx, write_onnx

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True, slots=True)
class LayerForm:
    """A way to write a deformable convolution.

    Attributes:
        negated: whether the offset branch gives its masks negated.
        write: writer of a layer whose offset branch is written already.
    """

    negated: bool
    write: Callable[[NodeWriter, DeformableLayer, MapCells, str], None]


PORTABLE = LayerForm(negated=False, write=write_portable)
FOR_MNN = LayerForm(negated=True, write=write_for_mnn)


def decompose_onnx(
    source: Path, target: Path, form: LayerForm, *, heads: Sequence[str], size: tuple[int, int], multiple: int
) -> None:
    """Write a model again with other operators for its deformable convolutions.

    Args:
        source: ONNX file that `export_onnx` wrote, simplified or not.
        target: ONNX file to write.
        form: what to write for each layer.
        heads: names of the outputs, in the order of the graph.
        size: height, width of the traced input, in pixels.
        multiple: number of pixels that every input's sides are a multiple of.

    Raises:
        ConversionError: a ``DeformConv`` is not one that our networks have, or the result is no valid model.
    """
    import onnx

    model = decompose(onnx.load(str(source)), form, size, multiple)
    check_onnx(model, heads=heads, stage=DECOMPOSITION)
    write_onnx(model, target)


def decompose(model: onnx.ModelProto, form: LayerForm, size: tuple[int, int], multiple: int) -> onnx.ModelProto:
    """Return a copy of a model without ``DeformConv``; arguments and errors as for `decompose_onnx`."""
    layers = {layer.y: layer for layer in read_layers(model, size, multiple)}
    replaced = frozenset[str]().union(*(layer.replaced for layer in layers.values()))
    writer = NodeWriter()
    cells: dict[tuple[int, int], MapCells] = {}
    for node in model.graph.node:
        layer = layers.get(node.output[0])
        if layer is None:
            if node.output[0] not in replaced:
                writer.nodes.append(node)
            continue
        places = write_branch(writer, layer, negated=form.negated)
        if layer.size not in cells:
            cells[layer.size] = write_cells(writer, places, f"cells_{len(cells)}")
        form.write(writer, layer, cells[layer.size], places)
    result = writer.rewritten(model)
    del result.opset_import[:]
    result.opset_import.add(domain="", version=OPSET)
    return result
