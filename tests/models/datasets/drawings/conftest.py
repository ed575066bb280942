"""Drawings that several tests look at."""

from __future__ import annotations

import pytest

from deepmark.models.datasets.drawings import DrawnItem, sketch
from deepmark.models.datasets.drawings.canvas import DrawnSize
from deepmark.models.datasets.drawings.scene import Scene

SIZES: tuple[DrawnSize, ...] = (256, 256, (256, 192), 256, 256, (144, 256))

Sketch = tuple[Scene, tuple[DrawnItem, ...]]


@pytest.fixture(scope="session")
def sketches() -> tuple[Sketch, ...]:
    """Four hundred scenes with their labels, without pixels; a third of them not square."""
    return tuple(sketch(2024, index, SIZES[index % len(SIZES)]) for index in range(400))
