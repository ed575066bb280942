"""Heads that a graph gives in one output: the same by name, in every engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from joined_models import bundle_short_of_a_part, joined_bundle, joined_models
from shared import shared_folder
from tiny import CHANNELS, Tiny, assert_close, noise, truth, write_bundle

from deepmark.errors import BundleError
from deepmark.runtime.bundle import Backend
from deepmark.runtime.engines.joined_output import separated
from deepmark.runtime.engines.loading import load_engine
from deepmark.runtime.heads.maps import Heads

SHAPE = (1, 3, 64, 96)


@pytest.fixture(scope="module")
def joined(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(folder: Path) -> None:
        joined_bundle(tiny, folder)

    return shared_folder(tmp_path_factory, "joined", make) / "joined.deepmark"


def test_parts_are_views_in_their_order() -> None:
    values = noise(2, 5, 3, 4)
    found = separated({"heads": values}, {"wh": 2, "hm": 3})
    np.testing.assert_array_equal(found["wh"], values[:, :2])
    np.testing.assert_array_equal(found["hm"], values[:, 2:])
    assert list(found) == ["wh", "hm"]
    assert all(np.shares_memory(one, values) for one in found.values())


def test_outputs_by_themselves_stay_so() -> None:
    """A bundle's ONNX file has them so, with the manifest that MNN's model has."""
    outputs = {"hm": noise(1, 3, 3, 4), "wh": noise(1, 2, 3, 4)}
    assert separated(outputs, {"wh": 2, "hm": 3}) == outputs


@pytest.mark.parametrize(("parts", "said"), [({"hm": 2, "wh": 2}, "4: hm 2, wh 2"), ({}, "0: none")])
def test_parts_that_do_not_add_up_are_refused(parts: dict[str, int], said: str) -> None:
    with pytest.raises(BundleError, match=rf"output 'heads' has 5 channels, its manifest says {said}$") as error:
        separated({"heads": noise(1, 5, 3, 4)}, parts)
    assert error.value.hint == "export the model again"


def test_heads_are_bit_by_bit_those_of_separate_outputs(tiny: Tiny, joined: Path) -> None:
    pictures = [np.random.default_rng(seed).integers(0, 256, (64, 96, 3), dtype=np.uint8) for seed in range(2)]
    with load_engine(tiny.mnn, threads=1) as engine:
        expected = engine.heads_together(pictures)
    for model in (joined, joined / "model.mnn"):
        with load_engine(model, threads=1) as engine:
            found = engine.heads_together(pictures)
        for one, right in zip(found, expected, strict=True):
            assert isinstance(one, Heads)
            assert isinstance(right, Heads)
            for name in CHANNELS:
                np.testing.assert_array_equal(getattr(one, name), getattr(right, name), err_msg=name)


@pytest.mark.parametrize("backend", ["mnn", "onnxruntime"])
def test_both_engines_run_a_bundle(tiny: Tiny, joined: Path, backend: Backend) -> None:
    x = noise(*SHAPE)
    with load_engine(joined, threads=1, backend=backend) as engine:
        assert_close(engine.run(x), truth(tiny.onnx, x))


def test_a_bare_onnx_file_in_that_form_runs_too(tiny: Tiny, tmp_path: Path) -> None:
    joined_models(tiny, tmp_path)
    x = noise(*SHAPE)
    with load_engine(tmp_path / "joined.onnx", threads=1) as engine:
        assert_close(engine.run(x), truth(tiny.onnx, x))


def test_channels_that_do_not_add_up_are_refused_at_load(tiny: Tiny, joined: Path, tmp_path: Path) -> None:
    bundle = bundle_short_of_a_part(tiny, joined, tmp_path)
    with pytest.raises(
        BundleError,
        match=r"output 'heads' of model\.mnn has shape \(1, 17, 16, 24\), its manifest says \(1, 15, 16, 24\)",
    ):
        load_engine(bundle, threads=1)


def test_a_joined_output_that_the_manifest_does_not_know_is_refused(tiny: Tiny, joined: Path, tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "a.deepmark", tiny.manifest, {"model.mnn": joined / "model.mnn"})
    with pytest.raises(BundleError, match=r"model\.mnn has the outputs heads, its manifest says hm, hm_hp, "):
        load_engine(bundle, threads=1)
