"""Labels are of the picture as it is shown: its size and its pixels are turned alike."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deepfashion2_files import coco_document, document, item, write_set, write_zip
from media_files import STORED, stored_with_orientation

from deepmark.errors import DataError
from deepmark.models.datasets.deepfashion2 import open_dataset
from deepmark.models.training.pictures import Photographs
from deepmark.runtime.arrays import Image8
from deepmark.runtime.media.picture_file import decode_picture

HIGH: dict[str, Any] = {
    "bounding_box": [20, 70, 60, 110],
    "landmarks": [number for _ in range(25) for number in (40, 90, 2)],
}
WIDE: dict[str, Any] = {
    "bounding_box": [70, 20, 110, 60],
    "landmarks": [number for _ in range(25) for number in (90, 40, 2)],
}


def _shown() -> Image8:
    """80 wide, 120 high, with a red garment where `HIGH` says."""
    image = np.full((120, 80, 3), 127, np.uint8)
    image[70:110, 20:60] = (0, 0, 255)
    return image


def _set(folder: Path, labels: dict[str, Any], orientation: int = 6, kind: str = "JPEG") -> Path:
    """Picture 1 is stored turned, picture 2 is not."""
    write_set(folder, {1: document(item(1, **labels)), 2: document(item(1))})
    content = stored_with_orientation(_shown(), kind, orientation)
    (folder / "image" / "000001.jpg").unlink()
    (folder / "image" / f"000001.{ {'JPEG': 'jpg', 'PNG': 'png'}[kind] }").write_bytes(content)
    return folder


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", sorted(set(STORED) - {1}))
def test_labels_of_the_picture_as_shown_lie_on_what_is_trained_on(
    tmp_path: Path, orientation: int, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    pictures = Photographs(_set(tmp_path, HIGH, orientation, kind))

    image, (label,) = pictures[0]

    assert image.shape == (120, 80, 3)
    x1, y1, x2, y2 = (int(value) for value in label.bounding_box)
    np.testing.assert_allclose(image[y1 + 8 : y2 - 8, x1 + 8 : x2 - 8], np.full((24, 24, 3), (0, 0, 255)), atol=8)
    assert (image[label.landmarks[:, 1].astype(int), label.landmarks[:, 0].astype(int), 2] > 250).all()
    assert "1 of 2 pictures carry an orientation" in caplog.text


def test_labels_that_fit_only_as_stored_are_refused_or_left_out(tmp_path: Path) -> None:
    dataset = open_dataset(_set(tmp_path, WIDE), tmp_path)
    sentence = r"item1.bounding_box fits the picture of 120x80 as it is stored, but not as it is shown, 80x120"

    with pytest.raises(DataError, match=sentence):
        dataset.read_all()
    labels = dataset.read_all(skip_bad=True)
    assert [one.image_id for one in labels.annotations] == [2]
    assert len(labels.faults) == 1
    assert labels.turned == 1


def test_a_coco_file_is_held_to_the_picture_as_shown_too(tmp_path: Path) -> None:
    for number, labels in enumerate((HIGH, WIDE)):
        folder = _set(tmp_path / str(number), labels)
        path = folder / "coco.json"
        path.write_text(json.dumps(coco_document({1: document(item(1, **labels)), 2: document(item(1))}, side=120)))
        dataset = open_dataset(path, folder)
        if labels is HIGH:
            assert dataset.read_all().turned == 1
        else:
            with pytest.raises(DataError, match="as it is stored, but not as it is shown"):
                dataset.read_all()


def test_pictures_in_a_zip_are_turned_alike(tmp_path: Path) -> None:
    folder = _set(tmp_path / "set", HIGH)
    archive = write_zip(tmp_path / "set.zip", folder, "train/", None)

    assert open_dataset(archive, archive).read_all().turned == 1


def test_nothing_is_said_where_no_picture_is_turned(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_set(tmp_path, {1: document(item(1))})

    with caplog.at_level(logging.WARNING):
        assert open_dataset(tmp_path, tmp_path).read_all().turned == 0
    assert caplog.text == ""


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_a_data_set_s_pictures_may_be_of_any_kind_and_stored_any_way(tmp_path: Path, kind: str) -> None:
    seen = []
    for orientation in STORED:
        folder = tmp_path / str(orientation)
        write_set(folder, {1: document(item(1, **HIGH))})
        (folder / "image" / "000001.jpg").unlink()
        content = stored_with_orientation(_shown(), kind, orientation)
        (folder / "image" / f"000001.{kind.lower()}").write_bytes(content)
        dataset = open_dataset(folder, folder)
        assert dataset.read_all().faults == ()
        pixels, source = dataset.picture(1)
        seen.append(decode_picture(pixels, source=source))

    assert all((one == _shown()).all() for one in seen)
