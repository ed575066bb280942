"""Put a trained clothing-landmark network on a phone: export with proven parity, decode, detect.

The parts, each of which imports only those above it::

    deepmark.runtime     bundle + picture -> heads -> detections (NumPy, no torch)
    deepmark.models      checkpoint -> network; data set -> checkpoint, accuracy
    deepmark.exporter    network -> ONNX -> MNN, parity at every hop, bundle
    deepmark.benchmarks  speed and memory of all of it
    deepmark.commands    the command line
"""

__version__ = "0.1.0"
