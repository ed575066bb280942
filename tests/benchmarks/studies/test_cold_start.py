"""Starts of `deepmark detect` are timed, and a start that fails is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from outcome import Outcome

from deepmark.benchmarks.studies.cold_start import import_times
from deepmark.errors import DeepMarkError


@pytest.mark.slow
def test_every_start_is_timed_and_its_imports_are_named(
    study: Callable[..., Outcome], demo_bundle: Path, demo_pictures: tuple[Path, ...]
) -> None:
    found = json.loads(study("cold_start", demo_bundle, demo_pictures[0], "--runs", 2, "--json").out)
    assert len(found["seconds"]) == 2
    assert min(found["seconds"]) > 0.1
    assert {"numpy", "cv2", "deepmark"} <= set(found["imports"])
    assert "torch" not in found["imports"]


def test_a_start_that_fails_is_an_error(study: Callable[..., Outcome], tmp_path: Path) -> None:
    with pytest.raises(DeepMarkError) as refused:
        study("cold_start", tmp_path / "none.mnn", tmp_path / "none.png")
    assert str(refused.value) == f"deepmark detect ended with status 1: {tmp_path / 'none.mnn'} does not exist"
    assert refused.value.hint == "check the path of the model"


def test_modules_count_for_their_package() -> None:
    printed = "import time:       100 |        300 | a.b\nnoise\nimport time:       200 |        200 |   a\n"
    assert import_times(printed) == {"a": 0.3}
