"""What augmentation does to a picture it must do to its labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepmark.models.datasets.drawings import DrawnItem
from deepmark.models.training.augmentation import View, jitter_colours, random_view, show_image, show_label
from deepmark.models.training.targets import make_targets
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.transform import Letterbox, letterbox

SCHEMA = KeypointSchema.deepfashion2(62)
VEST = 5  # category_id


def _item(points: np.ndarray) -> DrawnItem:
    count = len(SCHEMA.groups[VEST - 1])
    landmarks = np.zeros((count, 3))
    landmarks[: len(points)] = np.column_stack([points, np.full(len(points), 2)])
    return DrawnItem(VEST, landmarks, (10.0, 20.0, 70.0, 90.0), (), 1, 1, 1, 2)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([(128, 128), (100, 160), (300, 200)]))
def test_a_landmark_lies_where_its_pixel_is_shown(seed: int, image_hw: tuple[int, int]) -> None:
    rng = np.random.default_rng(seed)
    view = random_view(rng, image_hw, (128, 128))
    y, x = (int(rng.integers(8, side - 8)) for side in image_hw)
    image = np.zeros((*image_hw, 3), np.uint8)
    image[y - 3 : y + 4, x - 3 : x + 4] = 255
    shown = show_image(image, view, (128, 128))[..., 0].astype(float)
    garment = show_label(_item(np.array([[x, y]])), view, image_hw[1], SCHEMA)
    position = SCHEMA.classes[VEST - 1].mirror[0] if view.mirrored else 0
    expected = garment.landmarks[position, :2] * 4
    if expected.min() < 8 or expected.max() > 120:
        return
    rows, columns = np.indices(shown.shape)
    centroid = np.array([(shown * columns).sum(), (shown * rows).sum()]) / shown.sum()
    assert np.abs(centroid - expected).max() < 0.3


def test_a_mirrored_landmark_takes_its_partners_group() -> None:
    one = SCHEMA.classes[VEST - 1]
    position = next(i for i, partner in enumerate(one.mirror) if partner != i)
    item = _item(np.zeros((0, 2)))
    item.landmarks[position] = [30, 40, 2]
    box = Letterbox.fit((128, 128), (128, 128))
    for mirrored, owner in ((False, position), (True, one.mirror[position])):
        garment = show_label(item, View(box, mirrored=mirrored), 128, SCHEMA)
        targets = make_targets([garment], SCHEMA, (32, 32))
        assert [g for g in range(62) if targets.hps_known[0, 2 * g]] == [one.groups[owner]]
        assert garment.landmarks[owner, 0] * 4 == (127 - 30 if mirrored else 30)
    assert item.landmarks[position].tolist() == [30, 40, 2]  # the label itself stays


def test_mirroring_twice_is_the_identity_for_boxes() -> None:
    item = _item(np.zeros((0, 2)))
    box = Letterbox.fit((128, 128), (128, 128))
    plain, mirrored = (show_label(item, View(box, mirrored=m), 128, SCHEMA).box * 4 for m in (False, True))
    assert plain.tolist() == [10, 20, 70, 90]
    assert mirrored.tolist() == [127 - 70, 20, 127 - 10, 90]


def test_a_picture_shown_whole_is_the_one_that_the_detector_sees() -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 140, 3), np.uint8)
    expected, box = letterbox(image, (64, 64))
    np.testing.assert_array_equal(show_image(image, View(box), (64, 64)), expected)


@pytest.mark.parametrize("side", [1, 2, 40, 256, 1000])
def test_every_size_of_picture_has_a_view(side: int) -> None:
    rng = np.random.default_rng(side)
    view = random_view(rng, (side, side), (64, 64))
    assert 0 <= view.letterbox.image_centre[0] < side


def test_colours_change_and_shapes_do_not() -> None:
    image = np.random.default_rng(0).integers(60, 200, (32, 32, 3), np.uint8)
    changed = [jitter_colours(np.random.default_rng(seed), image) for seed in range(20)]
    means = np.array([one.mean() for one in changed])
    assert means.std() > 5
    assert np.corrcoef(image[..., 1].ravel(), changed[0][..., 1].ravel())[0, 1] > 0.8
    assert all(one.dtype == np.uint8 and one.shape == image.shape for one in changed)


def test_without_strength_a_picture_is_whole_and_keeps_its_colours() -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 140, 3), np.uint8)
    whole, box = letterbox(image, (64, 64))
    for seed in range(4):
        view = random_view(np.random.default_rng(seed), (90, 140), (64, 64), strength=0)
        assert view.letterbox == box
        expected = letterbox(image[:, ::-1], (64, 64))[0] if view.mirrored else whole
        shown = jitter_colours(np.random.default_rng(seed), show_image(image, view, (64, 64)), strength=0)
        assert np.abs(shown.astype(int) - expected).max() <= 1  # the saturation's grey is rounded


@pytest.mark.parametrize("strength", [0.0, 0.25, 1.0])
def test_zoom_and_shift_stay_within_their_strength(strength: float) -> None:
    scales: list[float] = []
    centres: list[float] = []
    for seed in range(200):
        box = random_view(np.random.default_rng(seed), (1000, 1000), (64, 64), strength).letterbox
        scales.append(1000 * box.scale / 64)
        centres.extend(box.image_centre)
    assert 1 / (1 + 0.4 * strength) <= min(scales)
    assert max(scales) <= 1 / (1 - 0.4 * strength)
    assert max(abs(centre - 500) for centre in centres) <= strength * 372
    assert (np.std(scales) > 0.02) == (strength > 0)
