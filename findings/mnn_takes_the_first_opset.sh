#!/bin/sh
# MNN 3.6.1's converter takes the version of whatever operator set an ONNX file names first for that of ONNX's own set.
#
# ONNX gives the entries of opset_import no order, and files with operators of a second domain often name that first.
# Softmax means another thing below opset 13 (the map is flattened from the axis on) than from 13 on (one axis). Here
# the file says opset 11 of ONNX and version 13 of a domain that no node uses. "Converted Success!" in both orders.
# Expected output:
#   own set first: sum of a row 0.500
#   other domain first: sum of a row 1.500 (ONNX: 0.500)
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
from onnx import TensorProto, helper

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


def sum_of_a_row(*sets):
    values = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2, 3]) for name in "xy")
    x, y = values
    graph = helper.make_graph([helper.make_node("Softmax", ["x"], ["y"], axis=1)], "softmax", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(*one) for one in sets], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, "net.onnx")
    arguments = ["MNNConvert", "-f", "ONNX", "--modelFile", "net.onnx", "--MNNModel", "net.mnn", "--bizCode", "x"]
    done = subprocess.run([sys.executable, "-c", CONVERT, *arguments], capture_output=True, text=True)
    assert "Converted Success!" in done.stdout
    return float(run("net.mnn", np.ones((1, 2, 3), np.float32))[0, 0].sum())  # of 2 x 3 equal values


right = sum_of_a_row(("", 11), ("com.example", 13))
print(f"own set first: sum of a row {right:.3f}")
wrong = sum_of_a_row(("com.example", 13), ("", 11))
print(f"other domain first: sum of a row {wrong:.3f} (ONNX: 0.500)")
assert abs(right - 0.5) < 1e-3 < abs(wrong - 0.5), "MNN has changed"
PYTHON
venv/bin/python try.py
