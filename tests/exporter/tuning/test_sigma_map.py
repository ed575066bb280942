"""The map as a picture and as a table."""

from __future__ import annotations

from pathlib import Path

import pytest
from media_files import read_image

from deepmark.errors import DeepMarkError, UsageError
from deepmark.exporter.tuning.sigma_map import check_picture, draw_map, write_csv
from deepmark.exporter.tuning.sweeps import SigmaMap

MAP = SigmaMap((0.0, 0.5, 1.0), ((0.1, 0.2, 0.3), (0.4, 0.9, 0.6), (0.7, 0.8, 0.5)), found=(1.0, 0.5))


def test_the_table_has_a_line_for_each_pair(tmp_path: Path) -> None:
    write_csv(tmp_path / "map.csv", MAP)

    lines = (tmp_path / "map.csv").read_text().splitlines()
    assert lines[0] == "sigma_center,sigma_keypoint,mAP_pt"
    assert lines[1:4] == ["0,0,0.100000", "0.5,0,0.200000", "1,0,0.300000"]
    assert len(lines) == 10


def test_the_picture_says_what_its_axes_are_and_where_the_best_lies(tmp_path: Path) -> None:
    draw_map(tmp_path / "map.svg", MAP, title="shirt, 12 pictures")

    text = (tmp_path / "map.svg").read_text()
    for words in (
        "sigma_center (heatmap cells)",
        "sigma_keypoint (heatmap cells)",
        "mAP_pt",
        "shirt, 12 pictures",
        "best: 0.5, 0.5 (mAP_pt 0.9000)",
        "one at a time: 1, 0.5",
    ):
        assert f"<!-- {words} -->" in text  # matplotlib names the text that it draws as curves


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_same_map_gives_the_same_bytes(suffix: str, tmp_path: Path) -> None:
    for name in ("one", "two"):
        draw_map(tmp_path / f"{name}{suffix}", MAP, title="shirt")

    one, two = (tmp_path / f"{name}{suffix}" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    if suffix == ".png":
        assert read_image(one).shape[0] > 500


def test_another_suffix_is_refused_before_the_work() -> None:
    with pytest.raises(UsageError, match=r"\.png or \.svg, found map\.gif"):
        check_picture(Path("map.gif"))


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(DeepMarkError, match="cannot write"):
        write_csv(tmp_path / "file" / "map.csv", MAP)
