"""The refiner of landmarks (PoseFix): network, synthesised errors, targets, training."""
