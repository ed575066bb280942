"""Samples of a refiner: picture and landmarks stay together, whatever is done to them."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_refiners import Drawings

from deepmark.errors import DataError
from deepmark.models.refiner.samples import RefinerSamples, collate_samples
from deepmark.models.training.pictures import Label, PlainLabel
from deepmark.runtime.arrays import Image8
from deepmark.runtime.keypoints.schema import KeypointSchema

SCHEMA = KeypointSchema.deepfashion2()
SKIRT = 9  # category


class Dotted:
    """A picture with a garment whose landmarks are bright dots, each of a colour of its own."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> tuple[Image8, list[Label]]:
        image = np.zeros((200, 200, 3), np.uint8)
        landmarks = np.array([[60 + 10 * n, 50 + 12 * n, 2] for n in range(8)], np.float64)
        landmarks[7, 2] = 0
        for number, (x, y, _) in enumerate(landmarks):
            image[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3] = (255, 10 * number, 255 - 10 * number)
        return image, [PlainLabel(SKIRT, landmarks, (55.0, 45.0, 140.0, 145.0))]


def _samples(augment: float | None, pictures: Dotted | None = None) -> RefinerSamples:
    return RefinerSamples(pictures or Dotted(), SCHEMA, SCHEMA.groups, 62, (128, 96), 1, augment)


@pytest.mark.parametrize("augment", [None, 1.0])
def test_a_landmark_is_where_the_picture_shows_it(augment: float | None) -> None:
    samples = _samples(augment)
    mirror = SCHEMA.classes[SKIRT - 1].mirror
    groups = list(SCHEMA.groups[SKIRT - 1])
    mirrored = set()
    for position in range(12):
        one = samples[position]
        shown = [
            at
            for at in range(8)
            if one.counts[groups[at]]
            and (one.truth[groups[at]] > 3).all()
            and (one.truth[groups[at]] < (92, 124)).all()
        ]
        colours = {}
        for at in shown:
            x, y = one.truth[groups[at]].round().astype(int)
            colours[at] = round(float(one.image[y, x, 1]) / 10)
        plain = all(colour == at for at, colour in colours.items())
        assert plain or all(colour == mirror[at] for at, colour in colours.items())
        mirrored.add(plain)
    assert mirrored == ({True} if augment is None else {True, False})


def test_what_nobody_labelled_has_no_loss_but_is_given() -> None:
    one = _samples(None)[0]
    at = SCHEMA.groups[SKIRT - 1][7]

    assert not one.counts[at]
    assert one.pose[at, 2] == 1
    assert one.pose[:, 2].sum() == 8
    assert one.counts.sum() == 7


def test_sample_k_is_the_same_whatever_came_before() -> None:
    one, other = _samples(1.0), _samples(1.0)
    other[3]

    np.testing.assert_array_equal(one[5].pose, other[5].pose)
    np.testing.assert_array_equal(one[5].image, other[5].image)


def test_drawings_become_a_batch() -> None:
    samples = RefinerSamples(Drawings(4), SCHEMA, SCHEMA.groups, 62, (64, 64), 0)

    batch = collate_samples([samples[number] for number in range(6)])

    assert batch.image.shape == (6, 3, 64, 64)
    assert batch.pose.shape == (6, 62, 3)
    assert batch.counts.any(dim=1).all()
    assert float((batch.pose[..., :2] - batch.truth)[batch.counts].abs().max()) > 1


def test_neighbours_share_groups_whatever_their_class() -> None:
    class Layered(Dotted):
        def __getitem__(self, index: int) -> tuple[Image8, list[Label]]:
            image, labels = super().__getitem__(index)
            shorts = np.zeros((10, 3))
            shorts[:, :2], shorts[:, 2] = (95, 95), 2
            return image, [*labels, PlainLabel(7, shorts, (60.0, 45.0, 140.0, 150.0))]

    shared = set(SCHEMA.groups[SKIRT - 1]) & set(SCHEMA.groups[6])
    assert shared  # or the case would show nothing
    _samples(None, Layered())[0]


def test_pictures_without_the_class_are_refused() -> None:
    channels = tuple(tuple(range(25)) if at == 0 else () for at in range(13))
    samples = RefinerSamples(Dotted(), SCHEMA, channels, 25, (64, 64))

    with pytest.raises(DataError, match="none of 50 pictures has an object"):
        samples[0]
