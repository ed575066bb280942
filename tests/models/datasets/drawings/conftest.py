"""Drawings that several tests look at."""

from __future__ import annotations

import pytest

from deepmark.models.datasets.drawings import DrawnItem, sketch
from deepmark.models.datasets.drawings.scene import Scene

Sketch = tuple[Scene, tuple[DrawnItem, ...]]


@pytest.fixture(scope="session")
def sketches() -> tuple[Sketch, ...]:
    """Four hundred scenes with their labels, without pixels."""
    return tuple(sketch(2024, index, 256) for index in range(400))
