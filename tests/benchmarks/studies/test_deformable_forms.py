"""The studies of deformable convolutions, on a network of three."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from outcome import Outcome
from tiny_deformable import tiny_deformable
from tiny_network import tiny_loaded, tiny_network
from torch.nn import functional as F  # noqa: N812  its usual name

from deepmark.benchmarks.studies.deformable_forms import plain_twin
from deepmark.errors import DataError


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("deepmark.models.loading.load_checkpoint", lambda *_, **__: tiny_loaded(tiny_deformable()))
    return tmp_path / "net.pth"


def test_every_form_is_timed_beside_plain_convolutions(checkpoint: Path, study: Callable[..., Outcome]) -> None:
    done = study("deformable_forms", checkpoint, "--sizes", 64, "--levels", 0, "--rounds", 2, "--json")
    rows = json.loads(done.out)
    assert [(row["engine"], row["form"]) for row in rows] == [
        ("MNN, level 0", "plain convolutions"),
        ("MNN, level 0", "mask as a coordinate"),
        ("MNN, level 0", "nine products"),
        ("ONNX Runtime", "plain convolutions"),
        ("ONNX Runtime", "DeformConv"),
        ("ONNX Runtime", "nine products"),
    ]
    assert [row["ratio"] for row in rows if row["form"] == "plain convolutions"] == [1, 1]
    assert all(row["error"] < 1e-4 for row in rows if row["form"] != "plain convolutions")
    assert all((row["memory_mib"] is not None) == row["engine"].startswith("MNN") for row in rows)


def test_a_twin_has_plain_convolutions_with_the_same_weights() -> None:
    network = tiny_deformable()
    twin = plain_twin(network)
    x = torch.rand(1, 16, 4, 4)
    expected = F.conv2d(x, network.node.conv.weight, network.node.conv.bias, padding=1)
    torch.testing.assert_close(twin.get_submodule("node.conv")(x), expected)
    with pytest.raises(DataError, match="no deformable convolutions"):
        plain_twin(tiny_network())


def test_coordinates_in_halves_move_the_heads_and_are_put_back(checkpoint: Path, study: Callable[..., Outcome]) -> None:
    (hop,) = json.loads(study("deformable_halves", checkpoint, "--size", "64x96", "--json").out)
    assert (hop["reference"], hop["candidate"]) == ("torch", "coordinates in 16 bits")
    assert all(head["max_error"] > 0 for head in hop["heads"])
    assert F.grid_sample.__name__ == "grid_sample"
