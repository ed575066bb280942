"""A trained refiner -> ONNX -> MNN, compared at every hop -> bundle."""
