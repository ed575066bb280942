"""The study that draws a training's curves takes them from its folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from outcome import Outcome

from deepmark.models.training.curves import HEADS, LOG


@pytest.mark.parametrize(("given", "drawn"), [((), "run/curves.svg"), (("-o", "other.svg"), "other.svg")])
def test_the_curves_are_drawn_where_they_are_asked_for(
    study: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...], drawn: str
) -> None:
    (tmp_path / "run").mkdir()
    columns = ("step", "loss", *HEADS, "lr")
    (tmp_path / "run" / LOG).write_text(f"{','.join(columns)}\n1,4,{'1,' * len(HEADS)}0.001\n")
    monkeypatch.chdir(tmp_path)

    study("training_curves", "run", *given)

    assert "Training of run" in (tmp_path / drawn).read_text()
