"""One small valid ONNX model for every rule of the guard: what the rule says of MNN can be seen on it.

All values are exact in float32 and the inputs are seeded, so a right converter gives ONNX Runtime's numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from tiny import noise

Array = npt.NDArray[Any]
Value = Array | np.generic
FLOAT = TensorProto.FLOAT


@dataclass(frozen=True)
class OperatorModel:
    """A model and what to run it on.

    ``nodes`` read ``x`` (and more feeds) and ``constants``, and give ``outputs``.
    """

    nodes: Sequence[onnx.NodeProto]
    feeds: Mapping[str, Array]
    constants: Mapping[str, Value] = field(default_factory=dict)
    opset: int = 17
    outputs: Sequence[str] = ("y",)
    domains: Sequence[tuple[str, int]] = ()
    shape: Sequence[int] | None = None  # of the outputs, where ONNX cannot infer it

    def build(self) -> onnx.ModelProto:
        """Make the ONNX model."""
        inputs = [helper.make_tensor_value_info(name, FLOAT, one.shape) for name, one in self.feeds.items()]
        outputs = [helper.make_tensor_value_info(name, FLOAT, self.shape) for name in self.outputs]
        constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in self.constants.items()]
        graph = helper.make_graph(list(self.nodes), "rule", inputs, outputs, constants)
        opsets = [*(helper.make_opsetid(*one) for one in self.domains), helper.make_opsetid("", self.opset)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=10 if self.opset > 20 else 8)
        model = onnx.shape_inference.infer_shapes(model)  # an output must state its rank
        onnx.checker.check_model(model)
        return model


def f32(*values: float) -> Array:
    """A vector of float32."""
    return np.array(values, np.float32)


def i64(*values: int) -> Array:
    """A vector of int64."""
    return np.array(values, np.int64)


def one(operator: str, x: Array, *constants: Array, opset: int = 17, **attributes: Any) -> OperatorModel:
    """``y = operator(x, *constants)``; an empty constant is an input that is left out."""
    names = [f"c{at}" if value.size else "" for at, value in enumerate(constants)]
    node = helper.make_node(operator, ["x", *names], ["y"], **attributes)
    given = {name: value for name, value in zip(names, constants, strict=True) if name}
    return OperatorModel([node], {"x": x}, given, opset)


NONE = f32()
GRID = noise(1, 3, 3, 2)
SQUARE = noise(1, 1, 4, 4)
ASYMMETRIC: dict[str, Any] = {"coordinate_transformation_mode": "asymmetric"}
CORNERS: dict[str, Any] = {"coordinate_transformation_mode": "align_corners"}
SUMS = ("ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp")
N = helper.make_node


def resize(*constants: Array, opset: int = 17, side: int = 4, **attributes: Any) -> OperatorModel:
    return one("Resize", noise(1, 1, side, side), *constants, opset=opset, **attributes)


def pool(operator: str, side: int, *, opset: int = 17, **attributes: Any) -> OperatorModel:
    return one(operator, noise(1, 1, side, side), opset=opset, **attributes)


def compared(operator: str, x: Array, c: Array) -> OperatorModel:
    return OperatorModel([N(operator, ["x", "c"], ["b"]), N("Cast", ["b"], ["y"], to=FLOAT)], {"x": x}, {"c": c})


def shifted(operator: str, *shape: int, first: bool = False, twice: bool = False) -> OperatorModel:
    """A layer of four channels over 4 x 4, plus a constant of four elements of this shape."""
    nodes = [N(operator, ["x", "w"], ["f"]), N("Add", ["c", "f"] if first else ["f", "c"], ["g" if twice else "y"])]
    more = [N("Add", ["f", "g"], ["y"])] if twice else []
    weights = {"Conv": (4, 1, 1, 1), "ConvTranspose": (1, 4, 1, 1), "MatMul": (4, 4), "Gemm": (4, 4)}[operator]
    x = noise(4, 4) if len(weights) == 2 else noise(1, 1, 4, 4)
    return OperatorModel([*nodes, *more], {"x": x}, {"w": noise(*weights), "c": f32(0, 1, 2, 3).reshape(shape)})


def melted(*middle: onnx.NodeProto, shape: Sequence[int] = (1, 1, 1, 4), **constants: Value) -> OperatorModel:
    """A convolution to four channels over 4 x 4, nodes from "f" to "g", plus a constant "c" of four elements."""
    nodes = [N("Conv", ["x", "w"], ["f"]), *middle]
    if middle[-1].output[0] != "y":
        nodes.append(N("Add", ["g", "c"], ["y"]))
    given = {"w": noise(4, 1, 1, 1), "c": f32(0, 1, 2, 3).reshape(shape), **constants}
    return OperatorModel(nodes, {"x": noise(1, 1, 4, 4)}, given)


def through(*middle: onnx.NodeProto, **constants: Value) -> OperatorModel:
    """A convolution to four channels over 4 x 4, plus a constant "c" that nodes compute from others."""
    nodes = [*middle, N("Conv", ["x", "w"], ["f"]), N("Add", ["f", "c"], ["y"])]
    return OperatorModel(nodes, {"x": noise(1, 1, 4, 4)}, {"w": noise(4, 1, 1, 1), **constants})


def lines(*behind: onnx.NodeProto, **constants: Value) -> OperatorModel:
    """A convolution over lines, from "x" to "f", and nodes from "f" to "y"."""
    return OperatorModel(
        [N("Conv", ["x", "w"], ["f"]), *behind], {"x": noise(1, 2, 6)}, {"w": noise(3, 2, 3), **constants}
    )


PER_CHANNEL = (4, 1, 1)
SIX: dict[str, Value] = {"low": np.float32(0), "high": np.float32(6)}


def several(operator: str, *constants: Value) -> OperatorModel:
    names = [f"c{at}" for at in range(len(constants))]
    return OperatorModel([N(operator, ["x", *names], ["y"])], {"x": SQUARE}, dict(zip(names, constants, strict=True)))


def chosen(second: str, third: str) -> OperatorModel:
    """Where x > 0; "x" is the whole map, "c" a row, "d" a number."""
    nodes = [N("Greater", ["x", "zero"], ["b"]), N("Where", ["b", second, third], ["y"])]
    constants: dict[str, Value] = {"zero": np.float32(0), "c": f32(5, 6, 7, 8), "d": np.float32(9)}
    return OperatorModel(nodes, {"x": SQUARE}, {name: constants[name] for name in {"zero", second, third} - {"x"}})


def gelu(inner: float, outer: float, power: float = 3, *, half_first: bool = False) -> OperatorModel:
    nodes = [
        N("Pow", ["x", "power"], ["p"]),
        N("Mul", ["p", "inner"], ["m"]),
        N("Add", ["x", "m"], ["a"]),
        N("Mul", ["a", "outer"], ["u"]),
        N("Tanh", ["u"], ["t"]),
        N("Add", ["t", "one"], ["s"]),
        *(
            [N("Mul", ["x", "half"], ["h"]), N("Mul", ["h", "s"], ["y"])]
            if half_first
            else [N("Mul", ["s", "half"], ["h"]), N("Mul", ["x", "h"], ["y"])]
        ),
    ]
    numbers = {"power": power, "inner": inner, "outer": outer, "one": 1, "half": 0.5}
    return OperatorModel(nodes, {"x": noise(1, 4)}, {name: np.float32(value) for name, value in numbers.items()})


def quantised(*shape: int) -> OperatorModel:
    nodes = [N("QuantizeLinear", ["x", "s", "z"], ["q"]), N("DequantizeLinear", ["q", "s", "z"], ["y"])]
    return OperatorModel(nodes, {"x": noise(*shape)}, {"s": np.float32(0.125), "z": np.int8(0)})


def arg(operator: str, *values: float, **attributes: Any) -> OperatorModel:
    nodes = [N(operator, ["x"], ["i"], axis=1, **attributes), N("Cast", ["i"], ["y"], to=FLOAT)]
    return OperatorModel(nodes, {"x": f32(*values).reshape(1, -1)})


def split(side: int) -> OperatorModel:
    node = N("Split", ["x"], ["y", "b"], axis=1, num_outputs=2)
    return OperatorModel([node], {"x": noise(1, side)}, opset=18)


def hot(*indices: int) -> OperatorModel:
    nodes = [N("OneHot", ["i", "depth", "values"], ["h"], axis=-1), N("Add", ["x", "h"], ["y"])]
    constants = {"i": i64(*indices), "depth": i64(4), "values": f32(0, 1)}
    return OperatorModel(nodes, {"x": noise(len(indices), 4)}, constants)


def remainder(kind: int, **attributes: Any) -> OperatorModel:
    nodes = [
        N("Cast", ["x"], ["i"], to=kind),
        N("Mod", ["i", "c"], ["m"], **attributes),
        N("Cast", ["m"], ["y"], to=FLOAT),
    ]
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    return OperatorModel(nodes, {"x": f32(-3, -2, 4, 5)}, {"c": np.array(3, dtype)})


def suppressed(boxes: Array, *scores: float, **attributes: Any) -> OperatorModel:
    count = len(scores)
    nodes = [
        N("NonMaxSuppression", ["x", "scores", "most", "iou"], ["i"], **attributes),
        N("Cast", ["i"], ["y"], to=FLOAT),
    ]
    constants = {"scores": f32(*scores).reshape(1, 1, count), "most": i64(count), "iou": f32(0.5)}
    return OperatorModel(nodes, {"x": boxes.reshape(1, count, 4)}, constants)


def aligned(mode: str) -> OperatorModel:
    attributes = {"output_height": 2, "output_width": 2, "sampling_ratio": 2}
    return one("RoiAlign", noise(1, 1, 8, 8), f32(1, 1, 6, 6).reshape(1, 4), i64(0), opset=16, mode=mode, **attributes)


def branch() -> OperatorModel:
    """If, with a branch each for sums above and below 0."""
    then, other = (
        helper.make_graph([N(operator, ["x"], [name])], name, [], [helper.make_tensor_value_info(name, FLOAT, [1, 4])])
        for operator, name in (("Neg", "p"), ("Abs", "q"))
    )
    nodes = [
        N("ReduceSum", ["x"], ["s"], keepdims=0),
        N("Greater", ["s", "zero"], ["c"]),
        N("If", ["c"], ["y"], then_branch=then, else_branch=other),
    ]
    return OperatorModel(nodes, {"x": noise(1, 4)}, {"zero": np.float32(0)})


def loop() -> OperatorModel:
    """Three times the double."""
    body = helper.make_graph(
        [N("Identity", ["before"], ["after"]), N("Add", ["in", "in"], ["out"])],
        "body",
        [
            helper.make_tensor_value_info("number", TensorProto.INT64, []),
            helper.make_tensor_value_info("before", TensorProto.BOOL, []),
            helper.make_tensor_value_info("in", FLOAT, [1, 4]),
        ],
        [
            helper.make_tensor_value_info("after", TensorProto.BOOL, []),
            helper.make_tensor_value_info("out", FLOAT, [1, 4]),
        ],
    )
    node = N("Loop", ["times", "", "x"], ["y"], body=body)
    return OperatorModel([node], {"x": noise(1, 4)}, {"times": np.int64(3)}, shape=[1, 4])


def bitwise(operator: str, *names: str) -> OperatorModel:
    nodes = [
        N("Cast", ["x"], ["q"], to=TensorProto.INT32),
        N(operator, names, ["i"]),
        N("Cast", ["i"], ["y"], to=FLOAT),
    ]
    return OperatorModel(nodes, {"x": f32(1, 2)}, opset=18)


def recurrent(operator: str, gates: int) -> OperatorModel:
    w, r = noise(1, 2 * gates, 3), noise(1, 2 * gates, 2)
    return one(operator, noise(4, 1, 3), w, r, hidden_size=2)


# Rule -> models on which MNN goes wrong. Not here: pools without strides, a Mean of two shapes, an LSTM, a ConvInteger
# and bits of uint8, which cannot be had at all, and 7c, whose memory that was never written often is 0.
WRONG: Mapping[str, Sequence[Callable[[], OperatorModel]]] = {
    "1a": [
        lambda: compared("Less", f32(-3, -2, -1, 1), f32(-1.5)),
        lambda: one("Shrink", f32(-3, -2, -1, 1), lambd=1.5, bias=0.0),
    ],
    "1b": [lambda: compared("Equal", f32(-0.0, 0, 1, 2), f32(0))],
    "2a": [
        lambda: shifted("Conv", 1, 1, 1, 4),
        lambda: shifted("Conv", 4),
        lambda: shifted("Conv", 1, 1, 4, 1),
        lambda: shifted("ConvTranspose", 1, 1, 1, 4),
        lambda: shifted("MatMul", 4, 1),
        lambda: shifted("MatMul", 4, 1, first=True),
        lambda: shifted("Gemm", 4, 1),
        lambda: shifted("Gemm", 4, 1, first=True),
        lambda: melted(N("Sum", ["f", "c"], ["y"])),
        lambda: melted(N("Identity", ["f"], ["g"])),
        lambda: melted(N("Dropout", ["f"], ["g"])),
        lambda: melted(N("Cast", ["f"], ["g"], to=FLOAT)),
        lambda: melted(N("Reshape", ["f", "s"], ["g"]), s=i64(1, 4, 4, 4)),
        lambda: melted(N("BatchNormalization", ["f", "o", "o", "o", "o"], ["g"], epsilon=1e-5), o=f32(1, 1, 1, 1)),
        lambda: melted(N("Add", ["f", "o"], ["g"]), o=f32(1, 1, 1, 1).reshape(PER_CHANNEL)),
        lambda: through(N("Identity", ["k"], ["c"]), k=f32(0, 1, 2, 3)),
        lambda: through(N("Reshape", ["k", "s"], ["c"]), k=f32(0, 1, 2, 3), s=i64(1, 1, 1, 4)),
        lambda: through(N("Range", ["a", "b", "d"], ["c"]), a=np.float32(0), b=np.float32(4), d=np.float32(1)),
        lambda: OperatorModel(
            [N("Identity", ["k"], ["c"]), N("MatMul", ["x", "w"], ["f"]), N("Sum", ["f", "c"], ["y"])],
            {"x": noise(4, 4)},
            {"w": noise(4, 4, seed=1), "k": f32(0, 1, 2, 3).reshape(4, 1)},
        ),
    ],
    "2b": [lambda: one("Gemm", noise(4, 4), noise(4, 4, seed=1), f32(0, 1, 2, 3).reshape(4, 1))],
    "2c": [
        lambda: melted(N("Relu", ["f"], ["g"]), shape=PER_CHANNEL),
        lambda: melted(N("Relu", ["f"], ["g"])),
        lambda: melted(N("Clip", ["f", "low", "high"], ["g"]), shape=PER_CHANNEL, **SIX),
        lambda: melted(N("LeakyRelu", ["f"], ["g"], alpha=0.0), shape=PER_CHANNEL),
        lambda: melted(N("PRelu", ["f", "o"], ["g"]), shape=PER_CHANNEL, o=np.float32(0)),
        lambda: melted(N("Relu", ["f"], ["g"]), N("Sum", ["g", "c"], ["y"]), shape=PER_CHANNEL),
        lambda: melted(N("Relu", ["f"], ["h"]), N("Identity", ["h"], ["g"]), shape=PER_CHANNEL),
        lambda: melted(
            N("BatchNormalization", ["f", "o", "o", "o", "o"], ["h"], epsilon=1e-5),
            N("Relu", ["h"], ["g"]),
            shape=PER_CHANNEL,
            o=f32(1, 1, 1, 1),
        ),
        lambda: OperatorModel(
            [N("ConvTranspose", ["x", "w"], ["f"]), N("Relu", ["f"], ["g"]), N("Add", ["g", "c"], ["y"])],
            {"x": noise(1, 1, 4, 4)},
            {"w": noise(1, 1, 2, 2), "c": np.float32(3)},
        ),
    ],
    "3a": [partial(one, operator, np.abs(SQUARE), i64(3), opset=18, keepdims=1) for operator in SUMS],
    "3b": [partial(one, operator, np.abs(SQUARE), axes=[3]) for operator in SUMS],
    "4": [
        lambda: OperatorModel(
            [N("Softmax", ["x"], ["y"], axis=1)], {"x": noise(1, 2, 3)}, opset=11, domains=[("com.example", 13)]
        )
    ],
    "7a": [lambda: chosen("x", "c")],
    "7b": [
        partial(several, operator, f32(1, 2, 3, 4).reshape(4, 1), np.float32(0.25))
        for operator in ("Max", "Min", "Sum", "Mean")
    ],
    "7d": [lambda: one("Pad", SQUARE, i64(0, 0, -1, -1, 0, 0, -1, 0))],
    "7e": [
        lambda: OperatorModel(
            [N("Split", ["x", "parts"], ["a", "b", "c"], axis=1), N("Concat", ["a", "c"], ["y"], axis=1)],
            {"x": noise(1, 4)},
            {"parts": i64(2, 0, 2)},
        )
    ],
    "8a": [
        lambda: OperatorModel(
            [N("Relu", ["x"], ["r"]), N("BatchNormalization", ["r", "s", "b", "m", "v"], ["y"])],
            {"x": noise(1, 2, 4, 4)},
            {"s": f32(1, 1), "b": f32(0, 0), "m": f32(0, 0), "v": f32(1e-5, 1e-4)},
        ),
        lambda: one("InstanceNormalization", 1e-3 * noise(1, 2, 4, 4), f32(1, 1), f32(0, 0)),
    ],
    "8b": [lambda: one("Softmax", noise(1, 2, 3), opset=11), lambda: one("LogSoftmax", noise(1, 2, 3), opset=11)],
    "8c": [
        lambda: OperatorModel(
            [N("OneHot", ["i", "depth", "values"], ["h"]), N("Add", ["x", "h"], ["y"])],
            {"x": noise(4, 4)},
            {"i": i64(0, 2, 1, 1), "depth": i64(4), "values": f32(0, 1)},
        )
    ],
    "8d": [
        lambda: resize(NONE, f32(1, 1, 2, 2)),
        lambda: one("Upsample", SQUARE, f32(1, 1, 2, 2), opset=9),
    ],
    "9a": [
        lambda: resize(NONE, f32(1, 1, 2, 2), mode="nearest", nearest_mode="ceil"),
        lambda: resize(NONE, f32(1, 1, 2, 2), mode="nearest", nearest_mode="round_prefer_ceil", **ASYMMETRIC),
    ],
    "9b": [
        lambda: resize(NONE, f32(1, 1, 2, 2), mode="cubic"),
        lambda: resize(NONE, f32(1, 1, 2, 2), mode="cubic", coordinate_transformation_mode="pytorch_half_pixel"),
    ],
    "9c": [lambda: resize(NONE, f32(1, 1, 2, 2), mode="cubic", cubic_coeff_a=-0.5, **CORNERS)],
    "9d": [lambda: resize(NONE, f32(1, 1, 2, 2), mode="cubic", exclude_outside=1, **CORNERS)],
    "9e": [
        lambda: resize(NONE, f32(1, 1, 0.5, 0.5), opset=18, side=8, mode="linear", antialias=1),
        lambda: resize(NONE, NONE, i64(1, 1, 2, 2), opset=18, mode="linear", antialias=1),
    ],
    "9f": [lambda: resize(NONE, f32(2, 2), opset=18, mode="linear", axes=[2, 3])],
    "9g": [lambda: resize(NONE, NONE, i64(1, 1, 8, 6), opset=18, mode="linear", keep_aspect_ratio_policy="not_larger")],
    "9h": [
        lambda: resize(
            NONE, f32(1, 1, 2, 2), opset=19, mode="linear", coordinate_transformation_mode="half_pixel_symmetric"
        )
    ],
    "9i": [
        lambda: resize(
            f32(0, 0, 0.1, 0.1, 1, 1, 0.9, 0.9),
            NONE,
            i64(1, 1, 4, 4),
            mode="linear",
            coordinate_transformation_mode="tf_crop_and_resize",
        )
    ],
    "9j": [lambda: one("Resize", SQUARE, f32(1, 1, 2, 2), opset=10, mode="linear")],
    "10a": [
        lambda: one("Conv", SQUARE, noise(1, 1, 2, 2), auto_pad="SAME_LOWER"),
        lambda: one("Conv", noise(1, 1, 5, 5), noise(1, 1, 2, 2), auto_pad="SAME_LOWER", strides=[2, 2]),
        lambda: one("ConvTranspose", SQUARE, noise(1, 1, 2, 2), auto_pad="SAME_LOWER", strides=[1, 1]),
        lambda: one("ConvTranspose", SQUARE, noise(1, 1, 3, 3), auto_pad="SAME_LOWER", strides=[2, 2]),
        *(
            partial(pool, operator, 4, kernel_shape=[2, 2], strides=[1, 1], auto_pad="SAME_LOWER")
            for operator in ("MaxPool", "AveragePool", "LpPool")
        ),
    ],
    "10b": [lambda: one("ConvTranspose", SQUARE, noise(1, 1, 4, 4), output_shape=[7, 7], strides=[2, 2])],
    "10c": [
        lambda: pool("MaxPool", 8, kernel_shape=[2, 2], strides=[1, 1], dilations=[2, 2]),
        lambda: pool("AveragePool", 8, opset=19, kernel_shape=[2, 2], strides=[1, 1], dilations=[2, 2]),
        lambda: pool("LpPool", 8, opset=18, kernel_shape=[2, 2], strides=[1, 1], dilations=[2, 2]),
    ],
    "10d": [
        lambda: pool("AveragePool", 4, kernel_shape=[2, 2], strides=[1, 1], pads=[0, 0, 1, 1], count_include_pad=1)
    ],
    "10e": [
        partial(pool, operator, 4, opset=18, kernel_shape=[2, 2], strides=[3, 3], pads=[1, 1, 1, 1], ceil_mode=1)
        for operator in ("AveragePool", "MaxPool", "LpPool")
    ],
    "10f": [lambda: one("MaxPool", np.full((1, 1, 4, 4), -(2.0**25), np.float32), kernel_shape=[2, 2], strides=[2, 2])],
    "11a": [lambda: one("GridSample", SQUARE, 1.5 * GRID, padding_mode="reflection")],
    "11b": [
        lambda: one("GridSample", SQUARE, GRID, mode="bicubic"),
        lambda: one("GridSample", SQUARE, GRID, mode="cubic", opset=20),
    ],
    "11c": [lambda: one("GridSample", SQUARE, f32(-0.5, -0.5, 0, 0.5).reshape(1, 1, 2, 2), mode="nearest")],
    "11e": [lambda: aligned("max")],
    "11f": [lambda: suppressed(f32(0, 0, 4, 4, 1.9, 0, 4, 4), 0.9, 0.8, center_point_box=1)],
    "11g": [lambda: suppressed(f32(0, 0, 1, 1, 0, 0, 1, 1.1, 2, 2, 1, 1), 0.9, 0.8, 0.7)],
    "12a": [
        lambda: OperatorModel(
            [N("TopK", ["x", "k"], ["v", "i"]), N("Cast", ["i"], ["y"], to=FLOAT)],
            {"x": f32(1, 2, 2, 2, 0, 2, 1, 2).reshape(1, 8)},
            {"k": i64(4)},
        )
    ],
    "12b": [
        lambda: arg("ArgMax", 2, 1, 2, 0, select_last_index=1),
        lambda: arg("ArgMin", 0, 1, 2, 0, select_last_index=1),
    ],
    "12c": [
        lambda: one("GatherElements", noise(1, 4), i64(-1, 0).reshape(1, 2), axis=1),
        lambda: one("GatherND", noise(2, 4), i64(-1, -1).reshape(1, 2)),
        lambda: one("ScatterElements", noise(1, 4), i64(-1).reshape(1, 1), f32(7).reshape(1, 1), axis=1),
        lambda: hot(-1, 1),
    ],
    "12g": [
        lambda: one(
            "ScatterElements",
            noise(1, 4),
            i64(1, 1).reshape(1, 2),
            f32(7, 8).reshape(1, 2),
            axis=1,
            reduction="add",
            opset=16,
        ),
        lambda: one("ScatterND", noise(4), i64(1, 1).reshape(2, 1), f32(7, 8), opset=16, reduction="add"),
    ],
    "12h": [lambda: remainder(FLOAT, fmod=1)],
    "12i": [lambda: one("Round", f32(0.5, 1.5, 2.5, -0.5))],
    "12j": [
        lambda: OperatorModel(
            [N("Cast", ["x"], ["b"], to=TensorProto.BOOL), N("Cast", ["b"], ["y"], to=FLOAT)], {"x": f32(0, 2, 3, -1)}
        )
    ],
    "12k": [lambda: split(5)],
    "13a": [lambda: one("Gemm", noise(3, 2), noise(3, 4), transA=1)],
    "13b": [lambda: gelu(0.2, 0.5), lambda: gelu(0.044715, 0.7978845, power=2)],
    "13c": [
        lambda: one("Conv", noise(1, 2, 6), noise(3, 2, 3)),
        lambda: lines(N("Relu", ["f"], ["y"])),
        lambda: lines(N("Relu", ["f"], ["g"]), N("LeakyRelu", ["g"], ["y"])),
        lambda: lines(N("Clip", ["f", "low", "high"], ["y"]), **SIX),
    ],
    "13d": [lambda: quantised(2, 3, 4, 4), lambda: quantised(2, 3)],
    "14": [lambda: recurrent("GRU", 3), branch, loop],
}

# Rule -> models that the converter refuses, or complains about.
REFUSED: Mapping[str, Sequence[Callable[[], OperatorModel]]] = {
    "11d": [lambda: one("GridSample", SQUARE, GRID, mode="linear", opset=20)],
    "15a": [
        lambda: one("DeformConv", SQUARE, noise(1, 1, 3, 3), np.zeros((1, 18, 2, 2), np.float32), opset=19),
        lambda: one("AffineGrid", noise(1, 2, 3), i64(1, 1, 4, 4), opset=20),
        lambda: one("Mish", SQUARE, opset=18),
        lambda: one("Swish", SQUARE, opset=24),
        lambda: one("RMSNormalization", SQUARE, f32(1, 1, 1, 1), opset=23),
        lambda: one("Attention", noise(1, 2, 3, 4), noise(1, 2, 3, 4), noise(1, 2, 3, 4), opset=23),
        lambda: one("Hardmax", SQUARE),
        lambda: OperatorModel([N("IsNaN", ["x"], ["b"]), N("Cast", ["b"], ["y"], to=FLOAT)], {"x": SQUARE}),
        lambda: OperatorModel([N("IsInf", ["x"], ["b"]), N("Cast", ["b"], ["y"], to=FLOAT)], {"x": SQUARE}),
        lambda: one("Col2Im", noise(1, 4, 4), i64(4, 4), i64(2, 2), opset=18, strides=[2, 2]),
        lambda: one("CenterCropPad", SQUARE, i64(2, 2), opset=18, axes=[2, 3]),
        lambda: bitwise("BitwiseAnd", "q", "q"),
        lambda: bitwise("BitwiseOr", "q", "q"),
        lambda: bitwise("BitwiseXor", "q", "q"),
        lambda: bitwise("BitwiseNot", "q"),
        lambda: OperatorModel(
            [N("GroupNormalization", ["x", "s", "b"], ["y"], num_groups=2)],
            {"x": noise(1, 4, 2, 2)},
            {"s": f32(1, 1, 1, 1), "b": f32(0, 0, 0, 0)},
            opset=21,
            shape=[1, 4, 2, 2],
        ),
        lambda: OperatorModel(
            [
                N("QuantizeLinear", ["x", "s", "z"], ["q"]),
                N("QLinearConv", ["q", "s", "z", "w", "s", "z", "s", "z"], ["p"]),
                N("DequantizeLinear", ["p", "s", "z"], ["y"]),
            ],
            {"x": np.ones((1, 1, 4, 4), np.float32)},
            {"w": np.ones((1, 1, 2, 2), np.uint8), "s": np.float32(1), "z": np.uint8(0)},
        ),
    ],
    "15b": [lambda: one("Pad", SQUARE, i64(0, 0, 1, 1, 0, 0, 1, 1), opset=19, mode="wrap")],
}

# Models beside the rules: MNN is right, and the guard must let them pass.
RIGHT: Mapping[str, Callable[[], OperatorModel]] = {
    "less-of-a-positive": lambda: compared("Less", f32(-3, -2, -1, 1), f32(0.5)),
    "greater": lambda: compared("Greater", f32(-3, -2, -1, 1), f32(-1.5)),
    "less-or-equal": lambda: compared("LessOrEqual", f32(-3, -2, -1, 1), f32(-1.5)),
    "equal-to-a-number": lambda: compared("Equal", f32(-3, -2, -1, 1), f32(-1)),
    "constant-by-channel": lambda: shifted("Conv", 1, 4, 1, 1),
    "constant-first": lambda: shifted("Conv", 1, 1, 1, 4, first=True),
    "constant-before-a-transposed-convolution": lambda: shifted("ConvTranspose", 1, 1, 1, 4, first=True),
    "product-read-twice": lambda: shifted("MatMul", 4, 1, twice=True),
    "convolution-read-twice": lambda: shifted("Conv", 1, 1, 1, 4, twice=True),
    "constant-by-channel-through-nodes": lambda: through(
        N("Unsqueeze", ["k", "s"], ["c"]), k=f32(0, 1, 2, 3), s=i64(1, 2)
    ),
    "constant-first-behind-relu": lambda: melted(
        N("Relu", ["f"], ["g"]), N("Add", ["c", "g"], ["y"]), shape=PER_CHANNEL
    ),
    "number-behind-relu": lambda: melted(N("Relu", ["f"], ["g"]), N("Add", ["g", "o"], ["y"]), o=np.float32(1)),
    "constant-behind-another-clip": lambda: melted(
        N("Clip", ["f", "low", "high"], ["g"]), shape=PER_CHANNEL, low=np.float32(-1), high=np.float32(3)
    ),
    "constant-behind-leaky-relu": lambda: melted(N("LeakyRelu", ["f"], ["g"]), shape=PER_CHANNEL),
    "constant-subtracted-behind-relu": lambda: melted(
        N("Relu", ["f"], ["g"]), N("Sub", ["g", "c"], ["y"]), shape=PER_CHANNEL
    ),
    "norm-behind-relu": lambda: melted(
        N("Relu", ["f"], ["g"]),
        N("BatchNormalization", ["g", "o", "o", "o", "o"], ["y"], epsilon=1e-5),
        o=f32(1, 1, 1, 1),
    ),
    "relu-read-twice": lambda: melted(
        N("Relu", ["f"], ["g"]), N("Add", ["g", "c"], ["h"]), N("Mul", ["g", "h"], ["y"]), shape=PER_CHANNEL
    ),
    "row-behind-a-scale": lambda: melted(N("Mul", ["f", "o"], ["g"]), o=f32(1, 2, 3, 4).reshape(PER_CHANNEL)),
    "column-behind-a-product-and-relu": lambda: OperatorModel(
        [N("MatMul", ["x", "w"], ["f"]), N("Relu", ["f"], ["g"]), N("Add", ["g", "c"], ["y"])],
        {"x": noise(4, 4)},
        {"w": noise(4, 4, seed=1), "c": f32(0, 1, 2, 3).reshape(4, 1)},
    ),
    "upsample": lambda: one("Upsample", SQUARE, f32(1, 1, 2, 2), opset=9, mode="linear"),
    "resize-10-nearest": lambda: one("Resize", SQUARE, f32(1, 1, 2, 2), opset=10, mode="nearest"),
    "lines-then-sigmoid": lambda: lines(N("Sigmoid", ["f"], ["y"])),
    "lines-then-identity": lambda: lines(N("Identity", ["f"], ["y"])),
    "constant-by-column": lambda: shifted("MatMul", 1, 4),
    "bias-by-column": lambda: one("Gemm", noise(4, 4), noise(4, 4, seed=1), f32(0, 1, 2, 3)),
    "reduce-with-keepdims": lambda: one("ReduceL2", SQUARE, axes=[3], keepdims=1),
    "reduce-mean": lambda: one("ReduceMean", SQUARE, i64(3), opset=18),
    "reduce-sum": lambda: one("ReduceSum", SQUARE, i64(3)),
    "where-row-second": lambda: chosen("c", "x"),
    "where-number": lambda: chosen("x", "d"),
    "max-of-one-shape": lambda: several("Max", noise(1, 1, 4, 4, seed=1), noise(1, 1, 4, 4, seed=2)),
    "max-of-two": lambda: several("Max", noise(4, 1, seed=1)),
    "pad-and-crop": lambda: one("Pad", SQUARE, i64(0, 0, -1, 1, 0, 0, 0, 0)),
    "softmax-with-axis": lambda: one("Softmax", noise(1, 2, 3), opset=11, axis=1),
    "softmax-of-rows": lambda: one("Softmax", noise(2, 3), opset=11),
    "softmax-13": lambda: one("Softmax", noise(1, 2, 3)),
    "nearest": lambda: resize(NONE, f32(1, 1, 2, 2), mode="nearest"),
    "nearest-floor": lambda: resize(NONE, f32(1, 1, 2, 2), mode="nearest", nearest_mode="floor", **ASYMMETRIC),
    "linear": lambda: resize(NONE, f32(1, 1, 2, 2), mode="linear"),
    "cubic-corners": lambda: resize(NONE, f32(1, 1, 2, 2), mode="cubic", **CORNERS),
    "antialias-of-larger": lambda: resize(NONE, f32(1, 1, 2, 2), opset=18, mode="linear", antialias=1),
    "axes-with-sizes": lambda: resize(NONE, NONE, i64(8, 6), opset=18, mode="linear", axes=[2, 3]),
    "all-axes": lambda: resize(NONE, f32(1, 1, 2, 2), opset=18, mode="linear", axes=[0, 1, 2, 3]),
    "same-lower-of-3": lambda: one("Conv", SQUARE, noise(1, 1, 3, 3), auto_pad="SAME_LOWER"),
    "same-lower-of-an-even-map": lambda: one("Conv", SQUARE, noise(1, 1, 2, 2), auto_pad="SAME_LOWER", strides=[2, 2]),
    "same-lower-transposed-3": lambda: one(
        "ConvTranspose", SQUARE, noise(1, 1, 3, 3), auto_pad="SAME_LOWER", strides=[1, 1]
    ),
    "same-lower-transposed-4": lambda: one(
        "ConvTranspose", SQUARE, noise(1, 1, 4, 4), auto_pad="SAME_LOWER", strides=[2, 2]
    ),
    "even-average": lambda: pool(
        "AveragePool", 4, kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1], count_include_pad=1
    ),
    "uneven-average": lambda: pool("AveragePool", 4, kernel_shape=[2, 2], strides=[1, 1], pads=[0, 0, 1, 1]),
    "ceil": lambda: pool("MaxPool", 8, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
    "recurrence": lambda: recurrent("RNN", 1),
    "reduce-everything": lambda: one("ReduceL2", SQUARE, opset=18, keepdims=1),
    "grid-by-default": lambda: one("GridSample", SQUARE, GRID, opset=20),
    "grid-bilinear": lambda: one("GridSample", SQUARE, GRID),
    "roi-average": lambda: aligned("avg"),
    "negative-gather": lambda: one("Gather", noise(4), i64(-1, 0)),
    "negative-scatter-nd": lambda: one("ScatterND", noise(4), i64(-1).reshape(1, 1), f32(7)),
    "scatter": lambda: one("ScatterElements", noise(1, 4), i64(1).reshape(1, 1), f32(7).reshape(1, 1), axis=1),
    "one-hot": lambda: hot(1, 3),
    "mod-of-integers": lambda: remainder(TensorProto.INT32),
    "fmod-of-integers": lambda: remainder(TensorProto.INT32, fmod=1),
    "even-split": lambda: split(4),
    "gemm-b": lambda: one("Gemm", noise(3, 2), noise(4, 2), transB=1),
    "gelu": lambda: gelu(0.044715, 0.7978845),
    "other-order-than-gelu": lambda: gelu(0.2, 0.5, half_first=True),
    "lines-within": lambda: OperatorModel(
        [N("Conv", ["x", "w"], ["c"]), N("Squeeze", ["c", "a"], ["y"])],
        {"x": noise(1, 2, 6)},
        {"w": noise(3, 2, 3), "a": i64(0)},
    ),
    "several-sets": lambda: OperatorModel(
        [N("Softmax", ["x"], ["y"], axis=1)], {"x": noise(1, 2, 3)}, domains=[("com.example", 17)]
    ),
}
