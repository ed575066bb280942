"""The study that draws a training's curves takes them from its folder."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

import pytest

from deepmark.benchmarks.studies.training_curves import add_arguments, run
from deepmark.models.training.curves import HEADS, LOG


@pytest.mark.parametrize(("given", "drawn"), [((), "run/curves.svg"), (("-o", "other.svg"), "other.svg")])
def test_the_curves_are_drawn_where_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...], drawn: str
) -> None:
    (tmp_path / "run").mkdir()
    columns = ("step", "loss", *HEADS, "lr")
    (tmp_path / "run" / LOG).write_text(f"{','.join(columns)}\n1,4,{'1,' * len(HEADS)}0.001\n")
    monkeypatch.chdir(tmp_path)
    parser = ArgumentParser()
    add_arguments(parser)

    run(parser.parse_args(["run", *given]))

    assert "Training of run" in (tmp_path / drawn).read_text()
