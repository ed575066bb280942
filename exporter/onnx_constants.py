"""The constants of a graph, also those that layers share: torch's exporter keeps equal ones once, behind Identity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy.typing as npt

if TYPE_CHECKING:
    import onnx


class ConstantReader:
    """Reads constants by the name that a node has for them.

    Args:
        graph: graph as it is now; what is changed later is not seen.
    """

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._initializers = {one.name: one for one in graph.initializer}
        self._same = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Identity"}

    def value(self, name: str) -> npt.NDArray[Any]:
        """Return a constant's values.

        Raises:
            KeyError: it is no constant.
        """
        from onnx import numpy_helper

        while name in self._same:
            name = self._same[name]
        values: npt.NDArray[Any] = numpy_helper.to_array(self._initializers[name])
        return values
