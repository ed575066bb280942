"""The picture of a training's curves: what it says, and what it refuses."""

from __future__ import annotations

import csv
import importlib.util
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepmark.errors import DataError, DeepMarkError
from deepmark.models.training.curves import (
    CURVES,
    HEADS,
    LOG,
    VALIDATION,
    _colour,
    draw_curves,
    read_curves,
    smooth,
    spread,
)
from deepmark.runtime.media.picture_file import read_picture

COLUMNS = ("step", "loss", *HEADS, "grad_norm", "lr", "step_s")


def _log(folder: Path, steps: int) -> Path:
    """A run whose loss falls from 8 to 4."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOG).open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for step in range(1, steps + 1):
            loss = 4 + 4 / step
            table.writerow([step, loss, *(loss / (2 + at) for at in range(len(HEADS))), 1.0, 1e-3 / step, 0.5])
    return folder


def _validated(folder: Path, *figures: tuple[int, float, float]) -> Path:
    lines = ["step,mAP_pt,mAP_box,seconds", *(f"{step},{points},{boxes},1.5" for step, points, boxes in figures)]
    (folder / VALIDATION).write_text("\n".join(lines) + "\n")
    return folder


def test_the_curves_are_drawn_with_what_they_came_to(tmp_path: Path) -> None:
    run = _validated(_log(tmp_path / "first", 300), (100, 0.2, 0.4), (200, 0.31, 0.5), (300, 0.3, 0.6))

    draw_curves(run, run / CURVES)

    drawn = (run / "curves.svg").read_text()
    for text in ("Training of first", "300 steps", "mAP_pt 0.310", "mAP_box 0.500", "step 200", *HEADS.values()):
        assert text in drawn


@pytest.mark.slow
@pytest.mark.parametrize("steps", [1, 2, 119, 1000])
def test_any_number_of_steps_can_be_drawn_without_validation(tmp_path: Path, steps: int) -> None:
    draw_curves(_log(tmp_path, steps), tmp_path / "curves.png")

    height, width, _ = read_picture(tmp_path / "curves.png").shape
    assert height > 1000
    assert width > 1000


def test_the_same_curves_give_the_same_bytes(tmp_path: Path) -> None:
    run = _validated(_log(tmp_path, 50), (50, 0.0, 0.0))
    for name in ("one.svg", "two.svg"):
        draw_curves(run, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_only_what_is_drawn_is_read_from_the_log(tmp_path: Path) -> None:
    curves = read_curves(_validated(_log(tmp_path, 4), (2, 0.25, 0.5)))
    np.testing.assert_array_equal(curves.log["step"], [1, 2, 3, 4])
    np.testing.assert_allclose(curves.log["hm"], curves.log["loss"] / 2)
    assert {name: column.tolist() for name, column in curves.validation.items()} == {
        "step": [2],
        "mAP_pt": [0.25],
        "mAP_box": [0.5],
    }


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (None, "cannot read .*log.csv"),
        ("step,loss\n1,2\n", "no column hm"),
        (",".join(COLUMNS) + "\n", "no step yet"),
        (",".join(COLUMNS) + "\n1,2,3\n", "line 2"),
        (",".join(COLUMNS) + "\n" + ",".join("x" * len(COLUMNS)) + "\n", "line 2"),
    ],
)
def test_a_folder_without_a_proper_log_is_refused_and_nothing_is_written(
    tmp_path: Path, log: str | None, words: str
) -> None:
    if log is not None:
        (tmp_path / LOG).write_text(log)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(DataError, match=words):
        draw_curves(tmp_path, tmp_path / "curves.svg")
    assert sorted(tmp_path.iterdir()) == before


def test_a_file_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must end in \.svg"):
        draw_curves(_log(tmp_path, 2), tmp_path / "curves.txt")


def test_matplotlib_must_be_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(DeepMarkError, match="matplotlib") as error:
        draw_curves(_log(tmp_path, 2), tmp_path / "curves.svg")
    assert error.value.hint == "pip install 'deepmark-export[report]'"


def test_a_smooth_curve_keeps_a_constant_and_the_mean_of_a_few() -> None:
    np.testing.assert_allclose(smooth(np.full(5000, 3.0)), 3)
    np.testing.assert_allclose(smooth(np.array([1.0, 3.0])), 2)


def test_every_head_has_a_colour_of_its_own() -> None:
    assert len({_colour(name) for name in HEADS}) == len(HEADS)


@given(st.lists(st.floats(-100, 100), max_size=8).map(sorted), st.floats(0.1, 20))
def test_labels_are_apart_in_order_and_stay_where_there_is_room(heights: list[float], gap: float) -> None:
    placed = spread(heights, gap)
    assert len(placed) == len(heights)
    assert all(high - low >= gap - 1e-6 for low, high in itertools.pairwise(placed))
    assert sum(placed) == pytest.approx(sum(heights), abs=1e-6)
    if all(high - low >= gap for low, high in itertools.pairwise(heights)):
        assert placed == heights
