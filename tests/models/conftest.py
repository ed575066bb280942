"""Networks and checkpoints that several tests of `deepmark.models` share; made once, never written to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from checkpoints import Tensors

from deepmark.models import LoadedNetwork, load_checkpoint

CheckpointFile = Callable[..., Path]


@pytest.fixture(scope="session")
def swap_checkpoint(make_checkpoint: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Variant A with the golden data's weights, 13 classes and 62 groups, as CenterNet saves it."""
    path = tmp_path_factory.mktemp("swap") / "swap.pth"
    torch.save({"epoch": 140, "state_dict": make_checkpoint.tensors("swap")}, path)
    return path


@pytest.fixture(scope="session")
def swap_nobias_checkpoint(make_checkpoint: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as variant B: bias-free convolutions."""
    path = tmp_path_factory.mktemp("swap_nobias") / "swap_nobias.pth"
    torch.save({"epoch": 140, "state_dict": make_checkpoint.tensors("swap_nobias")}, path)
    return path


@pytest.fixture(scope="session")
def swap(swap_checkpoint: Path) -> LoadedNetwork:
    return load_checkpoint(swap_checkpoint)


@pytest.fixture(scope="session")
def swap_nobias(swap_nobias_checkpoint: Path) -> LoadedNetwork:
    return load_checkpoint(swap_nobias_checkpoint)


@pytest.fixture
def checkpoint_file(tmp_path: Path) -> CheckpointFile:
    """Save tensors as CenterNet does: ``checkpoint_file(tensors, optimizer=...)``."""

    def save(tensors: Tensors, **besides: object) -> Path:
        path = tmp_path / "net.pth"
        torch.save({"epoch": 1, "state_dict": tensors, **besides}, path)
        return path

    return save
