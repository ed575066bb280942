#!/bin/sh
# MNN 3.6.1's converter computes relu(conv(x)) + c as relu(conv(x) + c), where c is a constant with as many elements as the
# convolution has output channels: the constant per channel, as everybody writes it.
#
# It first melts Relu into the convolution, then takes the constant for the convolution's bias. Conv and ConvTranspose over
# maps are concerned, with or without a BatchNormalization before the Relu; Relu, ReLU6 and slopes of 0. No warning, and
# "Converted Success!". It is right with the constant before the Relu's output in the Add, with Sub, with a single number
# (where there are several channels), and for MatMul. Here a Conv of weight -1 makes all of x negative, so that Relu gives
# 0 and ONNX's definition gives the constant, 0, 1, 2, 3 by channel, while relu(c - x) is 0 for every x above 3.
# Expected output:
#   relu(conv(x)) + c: off by 3.0 (MNN gives relu(conv(x) + c))
#   c + relu(conv(x)): off by 0.0
#   relu(conv(x)) - (-c): off by 0.0
# Seen with Python 3.11 on x86-64 Linux, 2026-11-29.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet mnn==3.6.1 onnx==1.23.2
cat > try.py <<'PYTHON'
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# The wheel's C module; `mnnconvert` itself would install a log uploader.
CONVERT = "import sys, _tools; _tools.mnnconvert(sys.argv[1:])"


def run(path, x):
    import MNN

    def tensor(shape):
        return MNN.Tensor(shape, MNN.Halide_Type_Float, MNN.Tensor_DimensionType_Caffe)

    interpreter = MNN.Interpreter(path)
    session = interpreter.createSession({"backend": "CPU", "numThread": 1})
    source, host = interpreter.getSessionInput(session), tensor(x.shape)
    np.copyto(host.getNumpyData(), x)
    source.copyFrom(host)
    assert interpreter.runSession(session) == 0
    output = interpreter.getSessionOutput(session)
    copy = tensor(output.getShape())
    output.copyToHostTensor(copy)
    return np.array(copy.getNumpyData())


def error(operator, inputs):
    x = np.random.default_rng(0).integers(4, 9, (1, 1, 5, 6)).astype(np.float32)
    c = np.arange(4, dtype=np.float32).reshape(1, 4, 1, 1)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["f"], kernel_shape=[1, 1]),
        helper.make_node("Relu", ["f"], ["r"]),
        helper.make_node(operator, inputs, ["y"]),
    ]
    constants = {"w": np.full((4, 1, 1, 1), -1, np.float32), "c": -c if operator == "Sub" else c}
    graph = helper.make_graph(
        nodes,
        "relu",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 5, 6])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, "net.onnx")
    arguments = ["MNNConvert", "-f", "ONNX", "--modelFile", "net.onnx", "--MNNModel", "net.mnn", "--bizCode", "x"]
    done = subprocess.run([sys.executable, "-c", CONVERT, *arguments], capture_output=True, text=True)
    assert "Converted Success!" in done.stdout
    found = run("net.mnn", x)
    before = np.maximum(c - x, 0)
    return float(np.abs(found - (np.maximum(-x, 0) + c)).max()), np.array_equal(found, before)


wrong, before = error("Add", ["r", "c"])
print(f"relu(conv(x)) + c: off by {wrong} (MNN gives relu(conv(x) + c))")
first, _ = error("Add", ["c", "r"])
print(f"c + relu(conv(x)): off by {first}")
minus, _ = error("Sub", ["r", "c"])
print(f"relu(conv(x)) - (-c): off by {minus}")
assert before and (wrong, first, minus) == (3, 0, 0), "MNN has changed"
PYTHON
venv/bin/python try.py
