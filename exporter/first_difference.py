"""Find the first tensor of a graph that is not what it was one step before.

The graph is walked in the order in which it computes. Against torch, a node is compared with the module that it was
traced from (``/base/level2/tree1/conv1/Conv`` is ``base.level2.tree1.conv1``); the exporter folds batch normalisation
into the layer before it, so such a node must give what the normalisation gives. A rewritten graph is compared
with the traced one, and MNN's with what it was converted from, by the names of tensors; those that only one side has,
as MNN fuses many away, are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmark.runtime.arrays import F32
from deepmark.runtime.native_libraries import captured_stdout

if TYPE_CHECKING:
    import onnx
    import torch


# Inside the network values reach hundreds and are not clipped by any activation, so what may differ is measured against
# the largest value of the tensor: Winograd's rounding is 1e-4 of that at worst, a wrong weight 1e-2 and more.
RELATIVE = 1e-3
_MOVES = ("Reshape", "Squeeze", "Transpose", "Unsqueeze")  # MNN computes before or behind them under their names
AS_TRACED = ("onnx", "simplified")  # stages whose nodes have the names of the modules that they were traced from


@dataclass(frozen=True, slots=True)
class FirstDifference:
    """The first tensor that differs.

    Attributes:
        tensor: name of the tensor in the ONNX graph.
        operator: ONNX operator of the node that makes the tensor.
        shape: the tensor's shape.
        max_error: largest absolute difference.
        allowed: largest difference that is allowed: `RELATIVE` of the tensor's largest value.
        compared: number of tensors before it that agree.
    """

    tensor: str
    operator: str
    shape: tuple[int, ...]
    max_error: float
    allowed: float
    compared: int

    def __str__(self) -> str:
        return (
            f"the first tensor that differs is {self.tensor} ({self.operator}, {'x'.join(map(str, self.shape))}),"
            f" by {self.max_error:.2g} where {self.allowed:.2g} is allowed; {self.compared} before it agree"
        )


def find_first_difference(network: torch.nn.Module, files: Mapping[str, Path], x: F32) -> str:
    """Walk all stages of an export; say in words where the first one that differs does.

    Args:
        network: network that gives raw heads by name.
        files: stage -> model file, in the order of the chain; ``"onnx"`` is among them.
        x: (1, 3, H, W) float32, a normalised picture.
    """
    source = files["onnx"]
    for name, path in files.items():
        if path.suffix != ".onnx":
            found = explain_mnn(source, path, x)
        elif name in AS_TRACED:
            found = explain_onnx(network, path, x)
        else:
            found = explain_rewritten(files["onnx"], path, x)
        if found is not None:
            return f"{name}: {found}"
        source = path
    return "no tensor differs"


def explain_onnx(network: torch.nn.Module, path: Path, x: F32) -> FirstDifference | None:
    """Walk an ONNX graph against the network that it was made from.

    Args:
        network: network that gives raw heads by name.
        path: ONNX file.
        x: (1, 3, H, W) float32, a normalised picture.
    """
    import onnx

    model = onnx.load(str(path))
    expected = _torch_tensors(network, x)
    found = _onnx_tensors(model, x)
    pairs = []
    for node in model.graph.node:
        right = expected.get(module_of(node))
        if right is not None and node.op_type in right:
            pairs.append((node, right[node.op_type], found[node.output[0]]))
    return _first_difference(pairs)


def explain_rewritten(onnx_path: Path, path: Path, x: F32) -> FirstDifference | None:
    """Walk an ONNX graph against the one that it was rewritten from: by the tensors whose names both have.

    Args:
        onnx_path: ONNX file as it was traced.
        path: ONNX file that was made from it.
        x: (1, 3, H, W) float32, a normalised picture.
    """
    import onnx

    model = onnx.load(str(path))
    expected, found = _onnx_tensors(onnx.load(str(onnx_path)), x), _onnx_tensors(model, x)
    nodes = [node for node in model.graph.node if node.output[0] in expected]
    return _first_difference([(node, expected[node.output[0]], found[node.output[0]]) for node in nodes])


def explain_mnn(onnx_path: Path, mnn_path: Path, x: F32) -> FirstDifference | None:
    """Walk an MNN model against the ONNX model that it was made from; arguments as for `explain_onnx`."""
    import onnx

    model = onnx.load(str(onnx_path))
    tensors = _onnx_tensors(model, x)
    expected = {name: values for name, values in tensors.items() if values.dtype == np.float32 and values.ndim == 4}
    found = _mnn_tensors(mnn_path, tuple(expected), x)
    nodes = [node for node in model.graph.node if node.output[0] in found and node.op_type not in _MOVES]
    return _first_difference([(node, expected[node.output[0]], found[node.output[0]]) for node in nodes])


def _first_difference(pairs: list[tuple[onnx.NodeProto, F32, F32]]) -> FirstDifference | None:
    for compared, (node, right, other) in enumerate(pairs):
        allowed = RELATIVE * float(np.abs(right).max())
        error = float(np.abs(other - right).max()) if other.shape == right.shape else np.inf
        if not error <= allowed:  # also where it is NaN
            return FirstDifference(node.output[0], node.op_type, tuple(other.shape), error, allowed, compared)
    return None


def _torch_tensors(network: torch.nn.Module, x: F32) -> dict[str, dict[str, F32]]:
    """Run the network; return module path -> ONNX operator -> what a node of that operator must give."""
    import torch
    from torch import nn

    from deepmark.models.deformable import DeformableConv2d

    operators: dict[type[nn.Module], str] = {
        nn.Conv2d: "Conv",
        nn.ConvTranspose2d: "ConvTranspose",
        nn.MaxPool2d: "MaxPool",
        nn.ReLU: "Relu",
        nn.BatchNorm2d: "BatchNormalization",
        DeformableConv2d: "DeformConv",
    }
    tensors: dict[str, dict[str, F32]] = {}
    makers: dict[int, str] = {}  # id of a tensor -> path of the layer that made it
    alive: list[torch.Tensor] = []  # an id is unique only while its tensor lives

    def keep(path: str, module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        values = output.numpy().copy()  # a ReLU in place would overwrite them
        tensors[path] = {operators[type(module)]: values}
        maker = makers.get(id(inputs[0]))
        if isinstance(module, nn.BatchNorm2d) and maker is not None:
            tensors[maker] = dict.fromkeys(tensors[maker], values)
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | DeformableConv2d):
            makers[id(output)] = path
            alive.append(output)

    leaves = [(path, module) for path, module in network.named_modules() if type(module) in operators]
    hooks = [module.register_forward_hook(lambda m, i, o, path=path: keep(path, m, i, o)) for path, module in leaves]
    try:
        with torch.inference_mode():
            network(torch.from_numpy(x))
    finally:
        for hook in hooks:
            hook.remove()
    return tensors


def _onnx_tensors(model: onnx.ModelProto, x: F32) -> dict[str, F32]:
    """Run an ONNX graph as it stands; return all of its tensors by name."""
    import onnx
    import onnxruntime

    open_bundle = onnx.ModelProto()
    open_bundle.CopyFrom(model)
    names = [node.output[0] for node in model.graph.node]
    known = {output.name for output in model.graph.output}
    open_bundle.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # nothing fused away
    session = onnxruntime.InferenceSession(open_bundle.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: x}), strict=True))


def _mnn_tensors(path: Path, names: tuple[str, ...], x: F32) -> dict[str, F32]:
    """Run an MNN model; return those of the named tensors that it has."""
    with captured_stdout():  # one line for each tensor that was fused away
        return _saved_tensors(path, names, x)


def _saved_tensors(path: Path, names: tuple[str, ...], x: F32) -> dict[str, F32]:
    import MNN

    def caffe(shape: tuple[int, ...]) -> Any:
        return MNN.Tensor(shape, MNN.Halide_Type_Float, MNN.Tensor_DimensionType_Caffe)

    interpreter = MNN.Interpreter(str(path))
    session = interpreter.createSession({"backend": "CPU", "numThread": 1, "saveTensors": names})
    image = interpreter.getSessionInput(session)
    interpreter.resizeTensor(image, x.shape)
    interpreter.resizeSession(session)
    host = caffe(x.shape)
    np.copyto(host.getNumpyData(), x)
    image.copyFrom(host)
    interpreter.runSession(session)
    tensors = {}
    for name, tensor in interpreter.getSessionOutputAll(session).items():
        copy = caffe(tensor.getShape())
        tensor.copyToHostTensor(copy)
        tensors[name] = copy.getNumpyData().copy()
    return tensors


def module_of(node: onnx.NodeProto) -> str:
    """Return the path of the module that a node was traced from.

    >>> import onnx
    >>> module_of(onnx.NodeProto(name="/network/hm/hm.0/Conv"))  # the exporter names a Sequential twice
    'hm.0'
    """
    parts: list[str] = []
    for part in node.name.split("/")[2:-1]:  # without the exporter's wrapper and the operator
        if parts and part.startswith(f"{parts[-1]}."):
            parts.pop()
        parts.append(part)
    return ".".join(parts)
