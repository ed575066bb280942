"""Inference engines: one interface before MNN and ONNX Runtime; `loading.load_engine` gives one that runs a model."""
