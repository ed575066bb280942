"""Put a trained clothing-landmark network on a phone: export with proven parity, decode, detect.

The four parts, and how data flows through them::

    deepmark.models    checkpoint -> network, keypoint schema
    deepmark.exporter  network -> ONNX -> MNN, parity at every hop, bundle
    deepmark.runtime   bundle + image -> heads -> detections (NumPy, no torch)
    deepmark.benchmarks  speed, memory and accuracy of all of it
"""

__version__ = "0.1.0"
