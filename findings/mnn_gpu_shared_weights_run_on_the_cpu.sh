#!/bin/sh
# MNN 3.6.1 on Vulkan: convolutions that share one weight tensor run on the CPU from the fifth sharer on, and the session
# says Vulkan (7). Up to four, the converter gives each a copy of its own, and all run on the GPU. OpenCL's images do the
# same; its buffers compute them.
#
# Needs a Vulkan device: Debian's mesa-vulkan-drivers has one that is software (lavapipe), which this was seen on.
# PyPI's MNN has no Vulkan; tools/gpu_toolchain.sh builds its library from MNN's own sources. From the repository's root:
#   sh tools/gpu_toolchain.sh && sh findings/mnn_gpu_shared_weights_run_on_the_cpu.sh
# Expected output:
#   4 convolutions, one tensor: back end 7, 0 of 4 on the CPU
#   5 convolutions, one tensor: back end 7, 5 of 5 on the CPU
#   5 convolutions, 5 tensors: back end 7, 0 of 5 on the CPU
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


def convert(count, tensors):
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(8, 8, 3, 3)).astype(np.float32) / 9 for _ in range(tensors)]
    nodes = [
        helper.make_node("Conv", [f"t{n}", f"w{n % tensors}"], [f"t{n + 1}"], name=f"c{n}", pads=[1, 1, 1, 1])
        for n in range(count)
    ]
    ends = [helper.make_tensor_value_info(f"t{n}", TensorProto.FLOAT, [1, 8, 16, 16]) for n in (0, count)]
    constants = [numpy_helper.from_array(one, f"w{n}") for n, one in enumerate(weights)]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "net.onnx")
    arguments = ["MNNConvert", "-f", "ONNX", "--modelFile", "net.onnx", "--MNNModel", "net.mnn", "--bizCode", "x"]
    subprocess.run([sys.executable, "-c", CONVERT, *arguments], check=True, capture_output=True)


def on_the_cpu(tensor):
    try:
        tensor.getHost()
    except ValueError:  # a null pointer: the values are in the GPU's memory
        return False
    return True


for count, tensors in ((4, 1), (5, 1), (5, 5)):
    convert(count, tensors)
    interpreter = MNN.Interpreter("net.mnn")
    interpreter.setSessionMode(0)  # callbacks
    session = interpreter.createSession({"backend": "VULKAN", "numThread": 1, "precision": 1})
    places = []

    def after(outputs, info):
        if info.getType() == "Convolution":
            places.append(on_the_cpu(outputs[0]))
        return True

    assert interpreter.runSessionWithCallBackInfo(session, lambda inputs, info: True, after) == 0
    shared = "one tensor" if tensors == 1 else f"{tensors} tensors"
    back_end = int(interpreter.getSessionInfo(session, 2))
    said = f"back end {back_end}, {sum(places)} of {len(places)} on the CPU"
    print(f"{count} convolutions, {shared}: {said}", file=sys.stderr)
PYTHON
VK_ICD_FILENAMES=${VK_ICD_FILENAMES-/usr/share/vulkan/icd.d/lvp_icd.x86_64.json} venv/bin/python try.py "$library" >/dev/null
