"""Where calibration pictures come from, and what is wrong with some folders."""

from __future__ import annotations

import errno
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepmark.errors import DataError
from deepmark.exporter.precision import calibration
from deepmark.exporter.precision.calibration import drawn_pictures, gather_calibration
from deepmark.runtime.transform import letterbox

SIZE = (64, 96)


def _picture(path: Path, grey: int) -> np.ndarray:
    image = np.full((40, 50, 3), grey, np.uint8)
    cv2.imwrite(str(path), image)
    return image


def test_pictures_of_a_folder_come_by_name_letterboxed(tmp_path: Path) -> None:
    images = {name: _picture(tmp_path / name, grey) for name, grey in (("b.png", 90), ("a.png", 30))}
    (tmp_path / "notes.txt").write_text("not a picture")
    found = gather_calibration(tmp_path, SIZE)
    assert found.source == "pictures"
    for name, image in zip(("a.png", "b.png"), found.images, strict=True):
        np.testing.assert_array_equal(image, letterbox(images[name], SIZE)[0])


def test_of_many_pictures_some_are_taken_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "MOST_PICTURES", 3)
    for number in range(7):
        _picture(tmp_path / f"{number}.png", 30 * number)
    greys = [int(image[32, 48, 0]) for image in gather_calibration(tmp_path, SIZE).images]
    assert greys == [0, 60, 120]


def test_without_a_folder_drawings_are_taken_the_same_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "DRAWN_PICTURES", 2)
    first, second = gather_calibration(None, SIZE), gather_calibration(None, SIZE)
    assert first.source == "drawings"
    assert first.images[0].shape == (*SIZE, 3)
    assert first.record == second.record
    assert first.record.pictures == 2


def test_the_record_tells_other_pictures(tmp_path: Path) -> None:
    _picture(tmp_path / "a.png", 30)
    before = gather_calibration(tmp_path, SIZE).record
    _picture(tmp_path / "a.png", 31)
    assert gather_calibration(tmp_path, SIZE).record.sha256 != before.sha256


def test_nobody_is_judged_on_what_it_was_calibrated_on() -> None:
    one = drawn_pictures(1, calibration.CALIBRATION_SEED, SIZE)[0].image
    assert not np.array_equal(one, drawn_pictures(1, calibration.JUDGE_SEED, SIZE)[0].image)


def test_a_missing_an_empty_and_a_false_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere does not exist"):
        gather_calibration(tmp_path / "nowhere", SIZE)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no picture to calibrate on"):
        gather_calibration(tmp_path / "empty", SIZE)
    (tmp_path / "file").write_text("text")
    with pytest.raises(DataError, match="file is no folder"):
        gather_calibration(tmp_path / "file", SIZE)


def test_a_broken_picture_is_named(tmp_path: Path) -> None:
    _picture(tmp_path / "a.png", 30)
    (tmp_path / "b.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"b\.png"):
        gather_calibration(tmp_path, SIZE)


def test_an_unreadable_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DataError, match=r"cannot read the folder .*: Permission denied"):
        gather_calibration(tmp_path, SIZE)
