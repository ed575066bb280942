#!/bin/sh
# MNN 3.6.1's converter adds a constant to a layer per channel whenever it has as many elements as the layer has
# channels, whatever its shape says: a row of coordinates (1, 1, 1, W) is added down the channels where W equals C.
#
# Conv and ConvTranspose are concerned with the layer as first input of the Add, MatMul and Gemm in either order. No warning,
# and "Converted Success!". It is right with the constant before the Conv, and for every width but W = C: a network with
# coordinate or position rows is right at one input size and wrong at another. Here a Conv of 4 channels gives a map of
# 4 x 4, plus the row 0, 1, 2, 3; the weights are 1, so ONNX's definition gives x + column number in every channel.
# Expected output:
#   constant second: off by 3.0 (MNN gives x + number of the channel)
#   constant first: off by 0.0
#   constant second, of a map of 5 columns: off by 0.0
# Seen with Python 3.11 on x86-64 Linux, 2026-11-28.
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


def error(columns, first):
    x = np.random.default_rng(0).integers(0, 9, (1, 1, 4, columns)).astype(np.float32)
    row = np.arange(columns, dtype=np.float32).reshape(1, 1, 1, columns)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["f"], kernel_shape=[1, 1]),
        helper.make_node("Add", ["row", "f"] if first else ["f", "row"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "row",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 4, columns])],
        [numpy_helper.from_array(np.ones((4, 1, 1, 1), np.float32), "w"), numpy_helper.from_array(row, "row")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, "net.onnx")
    arguments = ["MNNConvert", "-f", "ONNX", "--modelFile", "net.onnx", "--MNNModel", "net.mnn", "--bizCode", "x"]
    done = subprocess.run([sys.executable, "-c", CONVERT, *arguments], capture_output=True, text=True)
    assert "Converted Success!" in done.stdout
    found = run("net.mnn", x)
    by_channel = np.repeat(x, 4, axis=1) + np.arange(4, dtype=np.float32).reshape(1, 4, 1, 1)
    return float(np.abs(found - (np.repeat(x, 4, axis=1) + row)).max()), np.array_equal(found, by_channel)


wrong, by_channel = error(4, first=False)
print(f"constant second: off by {wrong} (MNN gives x + number of the channel)")
right, _ = error(4, first=True)
print(f"constant first: off by {right}")
other, _ = error(5, first=False)
print(f"constant second, of a map of 5 columns: off by {other}")
assert by_channel and (wrong, right, other) == (3, 0, 0), "MNN has changed"
PYTHON
venv/bin/python try.py
