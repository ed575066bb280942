"""A small model and pictures for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_models import deepfashion2_bundle

from deepmark.models.datasets.drawings.dataset import write_dataset


@pytest.fixture(scope="session")
def small_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of two convolutions with DeepFashion2's heads, 64x64; never written to by a test."""
    return deepfashion2_bundle(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def forty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty drawings of 64 pixels, three chunks; never written to by a test."""
    folder = tmp_path_factory.mktemp("forty") / "set"
    write_dataset(folder, count=40, seed=2, size=64, workers=1)
    return folder
