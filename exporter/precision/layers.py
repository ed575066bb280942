"""The convolutions of an exported graph, by the names that people and tools know them by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepmark.errors import UsageError


@dataclass(frozen=True, slots=True)
class ConvLayer:
    """A convolution that can be computed in 8 bits or kept in float.

    Attributes:
        name: path of the module that it was made from, such as ``"base.level2.tree1.conv1"``.
        tensor: name of its output in the ONNX graph, by which MNN calls it.
        weights: number of its weights.
        last: whether an output of the graph is its own.
    """

    name: str
    tensor: str
    weights: int
    last: bool = False


def read_layers(path: Path) -> tuple[ConvLayer, ...]:
    """List the convolutions of an ONNX file, in the order in which they compute."""
    import onnx

    from deepmark.exporter.first_difference import module_of

    graph = onnx.load(str(path)).graph
    outputs = {one.name for one in graph.output}
    sizes = {one.name: math.prod(one.dims) for one in graph.initializer}
    return tuple(
        ConvLayer(module_of(node), node.output[0], sizes[node.input[1]], last=node.output[0] in outputs)
        for node in graph.node
        if node.op_type == "Conv"
    )


def choose_layers(layers: Sequence[ConvLayer], names: Iterable[str]) -> tuple[ConvLayer, ...]:
    """Return the named layers, and all those below a named module: ``"hm"`` means ``"hm.0"`` and ``"hm.2"``.

    Raises:
        UsageError: a name fits no layer.
    """
    wanted = tuple(dict.fromkeys(names))
    for name in wanted:
        if not any(_is_below(layer.name, name) for layer in layers):
            modules = ", ".join(dict.fromkeys(layer.name.partition(".")[0] for layer in layers))
            raise UsageError(
                f"there is no layer {name!r} to keep in float",
                hint=f"choose a module or a layer of it, as --sensitivity prints them: {modules}",
            )
    return tuple(layer for layer in layers if any(_is_below(layer.name, name) for name in wanted))


def kept_layers(layers: Sequence[ConvLayer], names: Iterable[str]) -> tuple[ConvLayer, ...]:
    """Return what stays in float in int8: the layers named, and the last ones, whose own values are the outputs.

    The last ones cost 0.15 MB, and with their outputs in float a quarter of all error is gone (docs/decisions/0011).

    Raises:
        UsageError: a name fits no layer.
    """
    chosen = choose_layers(layers, names)
    return tuple(layer for layer in layers if layer.last or layer in chosen)


def _is_below(layer: str, module: str) -> bool:
    return layer == module or layer.startswith(f"{module}.")
