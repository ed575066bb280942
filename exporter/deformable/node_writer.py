"""New nodes and constants of a graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import onnx


class NodeWriter:
    """Collects nodes in the order in which they compute, and their constants.

    Attributes:
        nodes: nodes, those of before and new ones.
        constants: new initializers.
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._known: set[str] = set()

    def constant(self, name: str, value: npt.NDArray[Any]) -> str:
        """Add a constant, once under its name; return the name."""
        from onnx import numpy_helper

        if name not in self._known:
            self._known.add(name)
            self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def integers(self, *values: int) -> str:
        """Add integers as a vector; return its name."""
        return self.constant(f"integers/{'_'.join(map(str, values))}", np.array(values, np.int64))

    def number(self, value: float) -> str:
        """Add one float; return its name."""
        return self.constant(f"number/{value:g}", np.array(value, np.float32))

    def node(
        self, operator: str, inputs: Sequence[str], name: str, output: str | None = None, **attributes: Any
    ) -> str:
        """Add a node with one output; return that, which has the node's name unless it is given one."""
        return self._add(operator, inputs, name, [output or name], attributes)[0]

    def split(self, x: str, sizes: Sequence[int], name: str) -> list[str]:
        """Cut a tensor along its second axis; return the parts."""
        outputs = [f"{name}_{number}" for number in range(len(sizes))]
        return self._add("Split", [x, self.integers(*sizes)], name, outputs, {"axis": 1})

    def rewritten(self, model: onnx.ModelProto) -> onnx.ModelProto:
        """Return a copy of a model with these nodes for its own, and the constants that they read."""
        import onnx

        used = {name for node in self.nodes for name in node.input}
        nodes = [node for node in self.nodes if node.op_type != "Constant" or node.output[0] in used]
        constants = [one for one in (*model.graph.initializer, *self.constants) if one.name in used]
        result = onnx.ModelProto()
        result.CopyFrom(model)
        graph = result.graph
        del graph.node[:], graph.initializer[:], graph.value_info[:]
        graph.node.extend(nodes)
        graph.initializer.extend(constants)
        return result

    def _add(
        self, operator: str, inputs: Sequence[str], name: str, outputs: list[str], attributes: dict[str, Any]
    ) -> list[str]:
        from onnx import helper

        self.nodes.append(helper.make_node(operator, list(inputs), outputs, name=name, **attributes))
        return outputs
