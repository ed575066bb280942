"""Accuracy on held-out drawings."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepmark.models.evaluation.drawn_accuracy import DrawnAccuracy
from deepmark.runtime import load_engine


@pytest.mark.slow
def test_accuracy_on_drawings_is_that_of_eval(demo_bundle: Path) -> None:
    with load_engine(demo_bundle, threads=1, backend="mnn") as engine:
        one, same = DrawnAccuracy(pictures=6)((engine, engine), lambda _: None)
    assert one == same
    assert 0 < one.boxes <= 1
    assert 0 <= one.points <= 1
