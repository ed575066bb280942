"""What counts as a gain of a refiner, and the study that measures it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from drawn_refiners import write_fresh_refiner

from deepmark.benchmarks.studies.__main__ import main
from deepmark.benchmarks.studies.refinement import WAYS, Refined, is_gain


def _rows(
    *, points: float = 0.42, low: float = 0.005, classes: tuple[float, float] = (0.45, 0.395), control: float = -0.001
) -> list[Refined]:
    def row(way: str, points: float, low: float, classes: tuple[float, float]) -> Refined:
        return Refined(way, points, 0.6, low, low + 0.01, dict(zip(("vest", "skirt"), classes, strict=True)))

    found = row(WAYS[0], 0.41, 0.0, (0.42, 0.40))
    return [found, row(WAYS[1], points, low, classes), *(row(way, 0.40, control, (0.4, 0.4)) for way in WAYS[2:])]


@pytest.mark.parametrize(
    ("rows", "counts"),
    [
        (_rows(), True),
        (_rows(points=0.4199), False),
        (_rows(low=0.0), False),
        (_rows(classes=(0.45, 0.39)), False),
        (_rows(control=0.001), False),
    ],
)
def test_a_gain_is_large_sure_nowhere_a_loss_and_not_without_the_picture(rows: list[Refined], counts: bool) -> None:
    assert is_gain(rows) is counts


@pytest.mark.slow
def test_the_study_from_end_to_end(demo_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from deepmark.exporter.refinement.refiner_export import export_refiner

    write_fresh_refiner(tmp_path / "fresh.pth", side=32)
    bundle = export_refiner(tmp_path / "fresh.pth", ("mnn",), tmp_path, tolerance_px=0.1).path

    main(["refinement", str(demo_bundle), str(bundle), "--count", "2", "--objects", "3", "--json"])

    found = json.loads(capsys.readouterr().out)
    assert [row["way"] for row in found["rows"]] == list(WAYS)
    assert len({row["boxes"] for row in found["rows"]}) == 1
    assert found["gain"] is False
    assert 0 < found["synthesised"]["before"] < 1
    assert found["synthesised"]["objects"] == 3
