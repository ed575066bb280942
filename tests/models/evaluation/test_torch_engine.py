"""A checkpoint as an engine: what a file does not say is told to it, and told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from checkpoints import of_library

from deepmark.models.evaluation.heads_job import ModelRequest, maker
from deepmark.models.seeded import seeded_checkpoint
from deepmark.runtime.multi_inference import MultiInference
from deepmark.runtime.placed_heads import look


def test_the_factor_of_a_mask_decides_what_is_computed_and_what_a_cache_may_give(tmp_path: Path) -> None:
    given = seeded_checkpoint("resnet18-dcn", "persons")
    torch.save(given, tmp_path / "dcnv2.pth")
    torch.save(of_library(given, "H", 2), tmp_path / "wrapper.pth")
    image = np.random.default_rng(0).normal(size=(1, 3, 32, 32)).astype(np.float32)

    with ModelRequest(tmp_path / "dcnv2.pth", size=(32, 32)).open(1) as engine:
        expected = engine.run(image)
    with ModelRequest(tmp_path / "wrapper.pth", size=(32, 32), dcn_mask=2).open(1) as engine:
        twice, twice_by = engine.run(image), maker(engine.record)
    with ModelRequest(tmp_path / "wrapper.pth", size=(32, 32), dcn_mask=1).open(1) as engine:
        once, once_by = engine.run(image), maker(engine.record)

    assert all(np.array_equal(twice[name], head) for name, head in expected.items())
    assert not np.array_equal(once["hm"], expected["hm"])
    assert once_by != twice_by


def test_a_checkpoint_takes_pictures_in_their_own_shapes(tmp_path: Path) -> None:
    torch.save(seeded_checkpoint("resnet18-dcn", "persons"), tmp_path / "net.pth")
    with ModelRequest(tmp_path / "net.pth", size=(64, 64)).open(1) as engine:
        inference = MultiInference(fit="rect").for_model(engine.manifest)
        (placed,) = look(engine, np.zeros((80, 30, 3), np.uint8), inference)
    assert placed.transform.input_centre == (16, 32)
