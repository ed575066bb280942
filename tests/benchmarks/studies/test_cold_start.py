"""Starts of `deepmark detect` are timed, and a start that fails is not."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from deepmark.benchmarks.studies.cold_start import import_times, main
from deepmark.errors import DeepMarkError


def test_every_start_is_timed_and_its_imports_are_named(demo_bundle: Path, demo_pictures: tuple[Path, ...]) -> None:
    done = CliRunner().invoke(main, [str(demo_bundle), str(demo_pictures[0]), "--runs", "2", "--json"])
    found = json.loads(done.stdout)
    assert len(found["seconds"]) == 2
    assert min(found["seconds"]) > 0.1
    assert {"numpy", "cv2", "deepmark"} <= set(found["imports"])
    assert "torch" not in found["imports"]


def test_a_start_that_fails_is_an_error(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, [str(tmp_path / "none.mnn"), str(tmp_path / "none.png")])
    assert isinstance(done.exception, DeepMarkError)
    assert str(done.exception) == f"deepmark detect ended with status 1: {tmp_path / 'none.mnn'} does not exist"
    assert done.exception.hint == "check the path of the model"


def test_modules_count_for_their_package() -> None:
    printed = "import time:       100 |        300 | a.b\nnoise\nimport time:       200 |        200 |   a\n"
    assert import_times(printed) == {"a": 0.3}
