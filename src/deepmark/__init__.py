"""Put a trained clothing-landmark network on a phone: export with proven parity, decode, detect.

The parts, each of which imports only those above it::

    deepmark.runtime     bundle + picture -> heads -> detections (NumPy, no torch)
    deepmark.models      checkpoint -> network; data set -> checkpoint, accuracy
    deepmark.exporter    network -> ONNX -> MNN, parity at every hop, bundle
    deepmark.benchmarks  speed and memory of all of it
    deepmark.commands    the command line
"""

import os

__version__ = "0.1.0"

# Some libraries read a switch once, when they are imported. So it is set here, before anything of ours imports them,
# and in the environment, so that every child process has it too.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # a call after the import of ONNX Runtime stops only some of its reports
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(2**28))  # `MAX_PIXELS` of deepmark.runtime.media.picture_size
