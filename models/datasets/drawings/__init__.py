"""Drawn pictures of dressed people with DeepFashion2's labels, from a seed and a number."""

from deepmark.models.datasets.drawings.annotation import DrawnItem
from deepmark.models.datasets.drawings.drawing import Drawing, draw, sketch

__all__ = ["Drawing", "DrawnItem", "draw", "sketch"]
