#!/bin/sh
# MNN 3.6.1 on Vulkan: after a session was resized to a larger input, a 1x1 convolution gives other numbers; the return
# code is 0. The other order is right, and so is a session that is made for the larger size.
#
# Needs a Vulkan device: Debian's mesa-vulkan-drivers has one that is software (lavapipe), which this was seen on.
# PyPI's MNN has no Vulkan; tools/gpu_toolchain.sh builds its library from MNN's own sources. From the repository's root:
#   sh tools/gpu_toolchain.sh && sh findings/mnn_vulkan_resized_to_larger_is_wrong.sh
# Expected output, of 1x1 convolutions of ones, largest difference to the CPU:
#   64: right
#   64, then 256: wrong at 256
#   256, then 64: right
# Seen with Python 3.11 on x86-64 Linux, lavapipe 22.3.6, 2026-11-29.
set -eu
library=${MNN_GPU_LIBRARIES:-$PWD/build/cache/gpu/mnn-3.6.1}/libMNN_Vulkan.so
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet mnn==3.6.1 onnx==1.23.2
cat > try.py <<'PYTHON'
import ctypes
import importlib.util
import os
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# The wheel's C module; `mnnconvert` itself would install a log uploader.
CONVERT = "import sys, _tools; _tools.mnnconvert(sys.argv[1:])"
import MNN

ctypes.CDLL(importlib.util.find_spec("_mnncengine").origin, mode=ctypes.RTLD_GLOBAL | os.RTLD_NOLOAD)
ctypes.CDLL(sys.argv[1], mode=ctypes.RTLD_GLOBAL)


def session(back_end):
    interpreter = MNN.Interpreter("net.mnn")
    return interpreter, interpreter.createSession({"backend": back_end, "numThread": 1, "precision": 1})


def run(interpreter, made, side):
    def tensor(shape):
        return MNN.Tensor(shape, MNN.Halide_Type_Float, MNN.Tensor_DimensionType_Caffe)

    source = interpreter.getSessionInput(made)
    interpreter.resizeTensor(source, (1, 8, side, side))
    interpreter.resizeSession(made)
    host = tensor((1, 8, side, side))
    np.copyto(host.getNumpyData(), np.random.default_rng(side).normal(size=(1, 8, side, side)).astype(np.float32))
    source.copyFrom(host)
    assert interpreter.runSession(made) == 0
    output = interpreter.getSessionOutput(made)
    found = tensor(output.getShape())
    output.copyToHostTensor(found)
    return found.getNumpyData().copy()


weight = numpy_helper.from_array(np.ones((4, 8, 1, 1), np.float32), "w")
graph = helper.make_graph(
    [helper.make_node("Conv", ["x", "w"], ["y"], kernel_shape=[1, 1])],
    "net",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8, "h", "v"])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, "h", "v"])],
    [weight],
)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "net.onnx")
arguments = ["MNNConvert", "-f", "ONNX", "--modelFile", "net.onnx", "--MNNModel", "net.mnn", "--bizCode", "x"]
subprocess.run([sys.executable, "-c", CONVERT, *arguments], check=True, capture_output=True)
for sides in ((64,), (64, 256), (256, 64)):
    gpu = session("VULKAN")
    for side in sides:
        found = run(*gpu, side)
    error = np.abs(found - run(*session("CPU"), side)).max()
    said = "right" if error < 1e-4 else f"wrong at {side}"
    print(f"{', then '.join(map(str, sides))}: {said}", file=sys.stderr)
PYTHON
VK_ICD_FILENAMES=${VK_ICD_FILENAMES-/usr/share/vulkan/icd.d/lvp_icd.x86_64.json} venv/bin/python try.py "$library" >/dev/null
