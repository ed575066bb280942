"""Samples depend on their number alone; drawings made beforehand are those that `draw` makes."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from full_disk import room_for

from deepmark.errors import DataError
from deepmark.models.datasets.drawings import draw
from deepmark.models.datasets.drawings.dataset import write_dataset
from deepmark.models.training.batch_plan import BatchPlan, shown_sizes
from deepmark.models.training.pictures import DrawnPictures, Photographs, draw_pictures, picture_sizes
from deepmark.models.training.samples import TrainingSamples
from deepmark.runtime.input_fit import Fit
from deepmark.runtime.keypoints.schema import KeypointSchema

SCHEMA = KeypointSchema.deepfashion2(62)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> DrawnPictures:
    return draw_pictures(tmp_path_factory.mktemp("drawn") / "d", seed=3, size=64, count=5, workers=1)


def test_drawings_are_kept_as_they_were_drawn(drawn: DrawnPictures) -> None:
    assert len(drawn) == 5
    for index in range(5):
        image, labels = drawn[index]
        original = draw(3, index + 1, 64)
        np.testing.assert_array_equal(image, original.image_bgr_u8)
        assert len(labels) == len(original.items)
        for label, item in zip(labels, original.items, strict=True):
            assert (label.category_id, label.bounding_box) == (item.category_id, item.bounding_box)
            np.testing.assert_array_equal(label.landmarks, item.landmarks)


def test_drawings_of_mixed_shapes_are_kept_as_they_were_drawn(tmp_path: Path) -> None:
    mixed = draw_pictures(tmp_path / "m", seed=3, size=64, count=6, workers=1, mixed=True)
    assert mixed.sizes.tolist() == [[64, 48], [48, 64], [64, 36], [36, 64], [64, 64], [64, 48]]
    for index, size in enumerate(mixed.sizes.tolist()):
        np.testing.assert_array_equal(mixed[index][0], draw(3, index + 1, tuple(size)).image_bgr_u8)
    with pytest.raises(DataError, match=r"seed 3 and size 64 in mixed shapes, not 6 of seed 3 and size 64$"):
        draw_pictures(mixed.folder, seed=3, size=64, count=6, workers=1)


def test_drawings_from_before_there_were_shapes_are_taken(drawn: DrawnPictures, tmp_path: Path) -> None:
    with np.load(drawn.folder / "labels.npz") as labels:
        kept = {name: labels[name] for name in labels.files if name != "sizes"}
    np.savez(tmp_path / "labels.npz", **(kept | {"key": kept["key"][:3]}))
    (tmp_path / "pixels.npy").write_bytes((drawn.folder / "pixels.npy").read_bytes())
    old = draw_pictures(tmp_path, seed=3, size=64, count=5, workers=1)
    np.testing.assert_array_equal(old[4][0], drawn[4][0])
    assert picture_sizes(old).tolist() == [[64, 64]] * 5


def test_photographs_say_how_large_they_are_shown(tmp_path: Path) -> None:
    write_dataset(tmp_path / "set", count=5, seed=8, size=64, workers=1, mixed=True)
    sizes = picture_sizes(Photographs(tmp_path / "set"))
    assert sizes.tolist() == [[64, 48], [48, 64], [64, 36], [36, 64], [64, 64]]


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing(tmp_path: Path) -> None:
    one, two = (draw_pictures(tmp_path / str(n), seed=3, size=64, count=20, workers=n) for n in (1, 2))
    for index in range(20):
        np.testing.assert_array_equal(one[index][0], two[index][0])
        assert [label.bounding_box for label in one[index][1]] == [label.bounding_box for label in two[index][1]]


def test_drawings_are_taken_when_they_are_there_and_refused_when_they_are_others(drawn: DrawnPictures) -> None:
    def count() -> None:
        raise AssertionError("drawn again")

    draw_pictures(drawn.folder, seed=3, size=64, count=5, workers=1, advance=count)
    with pytest.raises(DataError, match="5 drawings of seed 3 and size 64, not 6 of seed 3 and size 64"):
        draw_pictures(drawn.folder, seed=3, size=64, count=6, workers=1)


def test_an_interrupted_drawing_leaves_nothing(tmp_path: Path) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw_pictures(tmp_path / "d", seed=3, size=64, count=5, workers=1, advance=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with room_for(20_000), pytest.raises(DataError, match="cannot keep the drawings"):
        draw_pictures(tmp_path / "d", seed=3, size=64, count=5, workers=1)
    assert list(tmp_path.iterdir()) == []


def test_another_process_gets_the_folder_and_not_the_pixels(drawn: DrawnPictures) -> None:
    packed = pickle.dumps(drawn)
    assert len(packed) < 1000
    np.testing.assert_array_equal(pickle.loads(packed)[2][0], drawn[2][0])


def test_damaged_drawings_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "pixels.npy").write_bytes(b"no array")
    with pytest.raises(DataError, match="cannot read the drawings"):
        DrawnPictures(tmp_path)


def _samples(drawn: DrawnPictures, seed: int, **options: Any) -> TrainingSamples:
    return TrainingSamples(drawn, SCHEMA, BatchPlan.of_one_size(len(drawn), (64, 64), seed=seed), seed, **options)


def test_a_sample_is_the_same_whatever_was_asked_for_before(drawn: DrawnPictures) -> None:
    first = _samples(drawn, seed=1)
    in_a_row = [first[position] for position in range(12)]
    alone = _samples(drawn, seed=1)[11]
    np.testing.assert_array_equal(alone.image, in_a_row[11].image)
    np.testing.assert_array_equal(alone.targets.hm_hp, in_a_row[11].targets.hm_hp)


def test_epochs_and_seeds_show_pictures_otherwise(drawn: DrawnPictures) -> None:
    images = [_samples(drawn, seed=seed)[position].image for seed in (0, 1) for position in range(15)]
    assert len({image.tobytes() for image in images}) == 30


class _Numbered:
    """Pictures whose brightness is their number."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __len__(self) -> int:
        return 7

    def __getitem__(self, index: int) -> tuple[Any, list[Any]]:
        self.asked.append(index)
        return np.full((40, 40, 3), index, np.uint8), []


def test_every_epoch_shows_every_picture_once() -> None:
    pictures = _Numbered()
    samples = TrainingSamples(pictures, SCHEMA, BatchPlan.of_one_size(7, (32, 32)))
    for position in range(21):
        assert samples[position].targets.centres.shape == (0, 2)
    epochs = [pictures.asked[start : start + 7] for start in (0, 7, 14)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert len(set(map(tuple, epochs))) == 3


def test_a_rect_input_shows_what_the_square_has_in_its_middle() -> None:
    drawing = draw(5, 1, (96, 48))
    pictures = [(drawing.image_bgr_u8, drawing.items)]
    plans = (BatchPlan(shown_sizes(picture_sizes(pictures), (96,), fit=fit, multiple=32)) for fit in get_args(Fit))
    square, rect = (TrainingSamples(pictures, SCHEMA, plan, augment=0) for plan in plans)
    for position in range(4):  # colours would change by the mean of all that is shown, black too
        assert rect[position].image.shape == (3, 96, 64)
        np.testing.assert_array_equal(rect[position].image, square[position].image[..., 16:80])
        np.testing.assert_array_equal(rect[position].targets.hm, square[position].targets.hm[..., 4:20])
