"""Drawn pictures of dressed people with DeepFashion2's labels, from a seed and a number."""

from deepmark.models.training.drawings.annotation import Item
from deepmark.models.training.drawings.drawing import Drawing, draw, sketch

__all__ = ["Drawing", "Item", "draw", "sketch"]
