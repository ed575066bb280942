"""Which operators of our networks MNN's other back ends have: OpenCL in buffers and in images, Vulkan, HiAI, NNAPI.

`REGISTERED` is what each back end of MNN 3.6.1 registers in its sources, of the types that our operators become; tests
hold it to those sources, and OpenCL's and Vulkan's to real sessions. OpenCL, Vulkan and NNAPI get whatever only moves
values (`MOVES`) as MNN's Raster. What depends on sizes alone is computed on the CPU when a session is made.

That an operator is there does not say that the back end can be had: HiAI's needs Huawei's DDK and MNN built with it,
NNAPI's a build of MNN, and neither was ever run by us (docs/phone.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from deepmark.exporter.operators.graph import GraphFacts, read_graph

if TYPE_CHECKING:
    import onnx

BackEnd = Literal["opencl-buffer", "opencl-image", "vulkan", "hiai", "nnapi"]
Processor = Literal["opencl", "vulkan", "hiai", "nnapi"]

BACK_END_NAMES: dict[BackEnd, str] = {
    "opencl-buffer": "OpenCL in buffers",
    "opencl-image": "OpenCL in images",
    "vulkan": "Vulkan",
    "hiai": "HiAI",
    "nnapi": "NNAPI",
}
BACK_ENDS_OF: dict[Processor, tuple[BackEnd, ...]] = {
    "opencl": ("opencl-image", "opencl-buffer"),
    "vulkan": ("vulkan",),
    "hiai": ("hiai",),
    "nnapi": ("nnapi",),
}
PROCESSORS: tuple[Processor, ...] = tuple(BACK_ENDS_OF)

MOVES = frozenset(
    {"Concat", "ConvertTensor", "DepthToSpace", "Permute", "Reshape", "Slice", "Squeeze", "StridedSlice", "Unsqueeze"}
)
_COMPUTED = frozenset(
    {
        "BinaryOp",
        "Convolution",
        "ConvolutionDepthwise",
        "Deconvolution",
        "DeconvolutionDepthwise",
        "GridSample",
        "Interp",
        "Pooling",
        "ReLU",
        "UnaryOp",
    }
)
REGISTERED: dict[BackEnd, frozenset[str]] = {
    "opencl-buffer": (_COMPUTED - {"DeconvolutionDepthwise"}) | {"Raster"},
    "opencl-image": _COMPUTED | {"Raster"},
    "vulkan": _COMPUTED | {"Raster"},
    "hiai": (_COMPUTED - {"GridSample"}) | MOVES,
    "nnapi": (_COMPUTED - {"DeconvolutionDepthwise", "GridSample"}) | {"Raster"},
}
"""Of the types in this table, those that a back end registers."""

IN_DEPTH = "GridSample of 5 dimensions"  # deformable convolutions, as MNN's model has them
SHARED = "Convolution of shared weights"
SHARERS = 5  # MNN's converter gives up to four convolutions copies of a tensor that they share
_NO_SHARED: frozenset[BackEnd] = frozenset({"opencl-image", "vulkan"})  # they take weights from the operator alone

STANDS_IN_THE_WAY: dict[BackEnd, str] = {
    "hiai": "no build of MNN that anybody may hand out has HiAI: it needs Huawei's DDK (docs/phone.md)",
    "nnapi": "MNN's release for Android has no NNAPI, and Android calls it deprecated (docs/phone.md)",
}
_FLOAT_ONLY = "HiAI reads deconvolutions' weights in fp32 only: not with --precision fp16 or w8"

_TYPES = {
    "Add": "BinaryOp",
    "Concat": "Concat",
    "DeformConv": IN_DEPTH,  # as MNN's model has it; MNN knows no other
    "DepthToSpace": "DepthToSpace",
    "Div": "BinaryOp",
    "GridSample": "GridSample",
    "MaxPool": "Pooling",
    "Mul": "BinaryOp",
    "Relu": "ReLU",
    "Reshape": "Reshape",
    "Resize": "Interp",
    "Sigmoid": "UnaryOp",
    "Slice": "StridedSlice",
    "Split": "Slice",
    "Squeeze": "Squeeze",
    "Sub": "BinaryOp",
    "Transpose": "Permute",
    "Unsqueeze": "Unsqueeze",
}
_NOT_RUN = frozenset({"Constant", "Identity", "Shape"})


@dataclass(frozen=True, slots=True)
class BackEndInspection:
    """What a back end has of a graph.

    Attributes:
        back_end: name of the back end, for users.
        operators: number of operators that would run there or, where it lacks them, on the CPU.
        lacking: operator, as in ``"ConvTranspose, depthwise"`` -> names of its nodes.
        unknown: operators that the table does not have -> names of their nodes.
        notes: what else stands in the way.
    """

    back_end: str
    operators: int
    lacking: dict[str, tuple[str, ...]]
    unknown: dict[str, tuple[str, ...]]
    notes: tuple[str, ...]

    def sentence(self) -> str:
        """Say it in one line."""
        left = sum(map(len, [*self.lacking.values(), *self.unknown.values()]))
        words = [f"{self.back_end} has {self.operators - left} of {self.operators} operators"]
        for verb, found in (("lacks", self.lacking), ("may lack, as the table does not know them,", self.unknown)):
            if found:
                words.append(f"{verb} " + ", ".join(f"{name} ({len(nodes)})" for name, nodes in found.items()))
        return "; ".join(words)


def inspect_for(model: onnx.ModelProto, processor: Processor) -> tuple[BackEndInspection, ...]:
    """Tell what the back ends for a processor have of a graph, and lack.

    Args:
        model: valid ONNX model.
        processor: what shall compute.

    Raises:
        ConversionError: a node has attributes or constants that do not fit together.
    """
    graph = read_graph(model)
    kinds = [(node.name or node.output[0], *kind_of(node, graph)) for node in _running(graph)]
    return tuple(_inspection(kinds, back_end) for back_end in BACK_ENDS_OF[processor])


def read_for(path: Path, *processors: Processor) -> tuple[BackEndInspection, ...]:
    """Do so with an ONNX file that was checked, for one processor after the other."""
    import onnx

    model = onnx.load(str(path))
    return tuple(one for processor in processors for one in inspect_for(model, processor))


def has(back_end: BackEnd, kind: str) -> bool:
    """Whether a back end has operators of one of MNN's types."""
    registered = REGISTERED[back_end]
    if kind == SHARED:
        return back_end not in _NO_SHARED
    if kind == IN_DEPTH:
        return back_end != "vulkan" and "GridSample" in registered  # Vulkan takes it, and leaves the depth out
    return kind in registered or (kind in MOVES and "Raster" in registered)


def kind_of(node: onnx.NodeProto, graph: GraphFacts) -> tuple[str, str | None]:
    """Return a node's operator as users read it, and its type in MNN; None where the table does not know it."""
    facts = graph.of(node)
    if node.op_type == "GridSample" and len(facts.shape(1) or ()) == len(("n", "d", "h", "w", "axis")):
        return "GridSample, 5 dimensions", IN_DEPTH
    if node.op_type not in {"Conv", "ConvTranspose"}:
        return node.op_type, _TYPES.get(node.op_type)
    group = facts.attribute("group", 1)
    if node.op_type == "Conv" and sum(one.op_type == "Conv" for one in graph.readers[node.input[1]]) >= SHARERS:
        return f"Conv, weights of {SHARERS} or more", SHARED
    plain = "Convolution" if node.op_type == "Conv" else "Deconvolution"
    if group == 1:
        return node.op_type, plain
    weight = facts.constant(1)
    own = weight is not None and weight.shape[:2] == (group, 1)  # as many filters as groups, of one channel each
    return (f"{node.op_type}, depthwise", f"{plain}Depthwise") if own else (f"{node.op_type}, in groups", None)


def _inspection(kinds: list[tuple[str, str, str | None]], back_end: BackEnd) -> BackEndInspection:
    lacking: dict[str, list[str]] = {}
    unknown: dict[str, list[str]] = {}
    for node, operator, kind in kinds:
        if kind is None:
            unknown.setdefault(operator, []).append(node)
        elif not has(back_end, kind):
            lacking.setdefault(operator, []).append(node)
    notes = [STANDS_IN_THE_WAY[back_end]] if back_end in STANDS_IN_THE_WAY else []
    if back_end == "hiai" and any((kind or "").startswith("Deconvolution") for *_, kind in kinds):
        notes.append(_FLOAT_ONLY)
    return BackEndInspection(
        back_end=BACK_END_NAMES[back_end],
        operators=len(kinds),
        lacking={name: tuple(nodes) for name, nodes in lacking.items()},
        unknown={name: tuple(nodes) for name, nodes in unknown.items()},
        notes=tuple(notes),
    )


def _running(graph: GraphFacts) -> Iterator[onnx.NodeProto]:
    """Yield the nodes that compute something from the values of an input, not from its size alone."""
    made = {name for node in graph.nodes for name in node.output}
    live = {name for node in graph.nodes for name in node.input if name and name not in made | graph.constants.keys()}
    for node in graph.nodes:
        if node.op_type != "Shape" and live.intersection(node.input):
            live.update(node.output)
            if node.op_type not in _NOT_RUN:
                yield node
