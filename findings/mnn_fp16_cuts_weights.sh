#!/bin/sh
# MNN 3.6.1's converter cuts weights to 16 bits with --fp16 instead of rounding them to the nearest half. All errors have
# one sign, towards zero, and add up. Rounding the weights to halves in the ONNX file first makes the storage exact.
#
# A 1 x 1 convolution of 512 channels with weights between 1 and 2 sums them, for an input of ones. Every weight loses up
# to 2^-10, so the sum is a quarter off; rounded before, its error is what halves themselves cost. In a trained network
# of 60 convolutions the difference was a factor of six to eight. Biases stay in 32 bits.
# Expected output:
#   fp32 784.17, --fp16 783.92 (0.2509 less), halves first and --fp16 784.16 (0.0029 off)
#   weights that MNN made smaller: 512 of 512, larger: 0
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
COUNT = 512


def run(path, x):
    import MNN

    def tensor(shape):
        return MNN.Tensor(shape, MNN.Halide_Type_Float, MNN.Tensor_DimensionType_Caffe)

    interpreter = MNN.Interpreter(path)
    session = interpreter.createSession({"backend": "CPU", "numThread": 1, "precision": 1})
    source, host = interpreter.getSessionInput(session), tensor(x.shape)
    np.copyto(host.getNumpyData(), x)
    source.copyFrom(host)
    assert interpreter.runSession(session) == 0
    output = interpreter.getSessionOutput(session)
    copy = tensor(output.getShape())
    output.copyToHostTensor(copy)
    return np.array(copy.getNumpyData()).astype(np.float64)


def converted(weights, *flags):
    shapes = {"x": [1, weights.shape[1], 1, 1], "y": [1, weights.shape[0], 1, 1]}
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items())
    node = helper.make_node("Conv", ["x", "w"], ["y"], kernel_shape=[1, 1])
    graph = helper.make_graph([node], "conv", [x], [y], [numpy_helper.from_array(weights, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "net.onnx")
    arguments = ["MNNConvert", "-f", "ONNX", "--modelFile", "net.onnx", "--MNNModel", "net.mnn", "--bizCode", "x"]
    done = subprocess.run([sys.executable, "-c", CONVERT, *arguments, *flags], capture_output=True, text=True)
    assert "Converted Success!" in done.stdout
    return run("net.mnn", np.ones(shapes["x"], np.float32)).ravel()


weights = np.random.default_rng(0).uniform(1, 2, (1, COUNT, 1, 1)).astype(np.float32)
halves = weights.astype(np.float16).astype(np.float32)
whole, cut, rounded = converted(weights)[0], converted(weights, "--fp16")[0], converted(halves, "--fp16")[0]
print(
    f"fp32 {whole:.2f}, --fp16 {cut:.2f} ({whole - cut:.4f} less),"
    f" halves first and --fp16 {rounded:.2f} ({abs(rounded - whole):.4f} off)"
)
column = weights.reshape(COUNT, 1, 1, 1)  # each weight as an output of its own
stored = converted(column, "--fp16")
smaller, larger = int((stored < column.ravel()).sum()), int((stored > column.ravel()).sum())
print(f"weights that MNN made smaller: {smaller} of {COUNT}, larger: {larger}")
assert larger == 0 and smaller > 0.9 * COUNT and whole - cut > 10 * abs(rounded - whole), "MNN has changed"
PYTHON
venv/bin/python try.py
