"""What is known of the nodes of an ONNX graph before it runs: attributes, constants, types and shapes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from deepmark.exporter.operators.folding import fold_constants

if TYPE_CHECKING:
    import onnx

DEFAULT_DOMAINS = ("", "ai.onnx")

_MOST_KEPT = 4096  # elements of a weight that shapes may be computed from

Side = int | str | None
Shape = tuple[Side, ...]
ElementType = Literal["float", "bool", "integer"]


@dataclass(frozen=True, slots=True, eq=False)
class GraphFacts:
    """A graph.

    Attributes:
        nodes: nodes in the order of the graph.
        opset: version of the default operator set.
        first_set: domain and version of the operator set that the file names first.
        constants: name -> value of every tensor that is known before the graph runs.
        shapes: name -> shape; a side is a number, a name that the file gives it, or None.
        types: name -> kind of the elements.
        makers: name -> node that makes the tensor.
        readers: name -> nodes that read the tensor.
        outputs: names of the graph's outputs.
    """

    nodes: Sequence[onnx.NodeProto]
    opset: int
    first_set: tuple[str, int]
    constants: dict[str, npt.NDArray[Any]]
    shapes: dict[str, Shape]
    types: dict[str, ElementType]
    makers: dict[str, onnx.NodeProto]
    readers: dict[str, list[onnx.NodeProto]]
    outputs: frozenset[str]

    def of(self, node: onnx.NodeProto) -> NodeFacts:
        """Return the facts about one node."""
        return NodeFacts(node, self)


@dataclass(frozen=True, slots=True, eq=False)
class NodeFacts:
    """A node, and the graph around it.

    Attributes:
        node: node as it stands in the file.
        graph: facts about its graph.
    """

    node: onnx.NodeProto
    graph: GraphFacts

    @property
    def operator(self) -> str:
        """Name of the operator."""
        return str(self.node.op_type)

    @property
    def opset(self) -> int:
        """Version of the default operator set."""
        return self.graph.opset

    def has(self, name: str) -> bool:
        """Whether an attribute is written in the file."""
        return any(one.name == name for one in self.node.attribute)

    def attribute(self, name: str, default: Any = None) -> Any:
        """Return an attribute: number, text or list of numbers; ``default`` where it is not written."""
        import onnx

        for one in self.node.attribute:
            if one.name == name:
                value = onnx.helper.get_attribute_value(one)
                return value.decode(errors="replace") if isinstance(value, bytes) else value
        return default

    def name(self, at: int) -> str:
        """Return the name of an input; empty where it is left out."""
        return str(self.node.input[at]) if at < len(self.node.input) else ""

    def given(self, at: int) -> bool:
        """Whether an input is given."""
        return bool(self.name(at))

    def constant(self, at: int) -> npt.NDArray[Any] | None:
        """Return the value of an input; None where it is computed, or left out."""
        return self.graph.constants.get(self.name(at))

    def shape(self, at: int) -> Shape | None:
        """Return the shape of an input; None where it is not known."""
        return self.graph.shapes.get(self.name(at))

    def output_shape(self, at: int = 0) -> Shape | None:
        """Return the shape of an output; None where it is not known."""
        return self.graph.shapes.get(self.node.output[at]) if at < len(self.node.output) else None

    def type(self, at: int) -> ElementType | None:
        """Return the kind of an input's elements; None where it is not known."""
        return self.graph.types.get(self.name(at))

    def maker(self, at: int) -> NodeFacts | None:
        """Return the node that makes an input; None where it is an input of the graph, or a constant."""
        node = self.graph.makers.get(self.name(at))
        return None if node is None else self.graph.of(node)

    def is_read(self, at: int) -> bool:
        """Whether an output is read by a node, or is one of the graph's."""
        name = self.node.output[at] if at < len(self.node.output) else ""
        return bool(name) and (name in self.graph.outputs or name in self.graph.readers)

    def read_once(self) -> bool:
        """Whether the first output is read by one node only, and is none of the graph's."""
        name = self.node.output[0]
        return name not in self.graph.outputs and len(self.graph.readers.get(name, ())) == 1


def _without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph with large weights as inputs of their type and shape: inference copies all that it is given."""
    import onnx

    slim = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import, functions=model.functions)
    graph, whole = slim.graph, model.graph
    graph.name = whole.name
    graph.node.extend(whole.node)
    graph.input.extend(whole.input)
    graph.output.extend(whole.output)
    graph.value_info.extend(whole.value_info)
    graph.sparse_initializer.extend(whole.sparse_initializer)
    named = {one.name for one in whole.input}
    for one in whole.initializer:
        if math.prod(one.dims) <= _MOST_KEPT:
            graph.initializer.append(one)
        elif one.name not in named:
            graph.input.append(onnx.helper.make_tensor_value_info(one.name, one.data_type, one.dims))
    return slim


def read_graph(model: onnx.ModelProto) -> GraphFacts:
    """Gather what is known of a valid model's main graph."""
    import onnx

    try:
        inferred = onnx.shape_inference.infer_shapes(_without_weights(model), data_prop=True).graph
    except onnx.shape_inference.InferenceError:  # then only what the file says is known
        inferred = model.graph
    graph = model.graph
    constants = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    constants |= dict(_constant_nodes(graph))
    opset = next((one.version for one in model.opset_import if one.domain in DEFAULT_DOMAINS), 0)
    constants = fold_constants(graph.node, constants, opset)
    shapes: dict[str, Shape] = {name: value.shape for name, value in constants.items()}
    types = {name: _kind_of(value.dtype) for name, value in constants.items()}
    for one in (*inferred.input, *inferred.output, *inferred.value_info):
        tensor = one.type.tensor_type
        if tensor.HasField("shape") and one.name not in constants:
            shapes[one.name] = tuple(map(_side, tensor.shape.dim))
        if tensor.elem_type:
            types.setdefault(one.name, _kind_of(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)))
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    first = model.opset_import[0]
    return GraphFacts(
        nodes=graph.node,
        opset=opset,
        first_set=(first.domain, first.version),
        constants=constants,
        shapes=shapes,
        types=types,
        makers={name: node for node in graph.node for name in node.output},
        readers=readers,
        outputs=frozenset(one.name for one in graph.output),
    )


def _constant_nodes(graph: onnx.GraphProto) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    import onnx

    for node in graph.node:
        if node.op_type == "Constant":
            for one in node.attribute:
                if one.name == "value":
                    yield node.output[0], onnx.numpy_helper.to_array(one.t)
                elif one.name in {"value_float", "value_floats"}:
                    yield node.output[0], np.asarray(onnx.helper.get_attribute_value(one), np.float32)
                elif one.name in {"value_int", "value_ints"}:
                    yield node.output[0], np.asarray(onnx.helper.get_attribute_value(one), np.int64)


def _side(dimension: onnx.TensorShapeProto.Dimension) -> Side:
    if dimension.HasField("dim_value"):
        return int(dimension.dim_value)
    return str(dimension.dim_param) or None


def _kind_of(dtype: np.dtype[Any]) -> ElementType:
    if dtype == np.bool_:
        return "bool"
    return "integer" if np.issubdtype(dtype, np.integer) else "float"
