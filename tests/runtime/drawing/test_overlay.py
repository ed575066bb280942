"""Drawings: what is drawn where, and what is left alone."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from garments import SCHEMA, garments
from hypothesis import given, settings
from hypothesis import strategies as st

from deepmark.runtime.arrays import F64
from deepmark.runtime.detections import Detections
from deepmark.runtime.drawing import label_layout, text
from deepmark.runtime.drawing.contact_sheet import TILE, Tile, contact_sheet, fill_tile
from deepmark.runtime.drawing.label_layout import Box, Size
from deepmark.runtime.drawing.overlay import annotate, scaled
from deepmark.runtime.drawing.palette import HALO, class_colour, contrast, ink_on
from deepmark.runtime.drawing.text import text_width
from deepmark.runtime.keypoints.schema import KeypointClass

BOX = (100.0, 100.0, 300.0, 300.0)


def _grey(height: int, width: int, level: int = 128) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def _one_point(point: tuple[float, float], refined: bool) -> Detections:
    """A skirt all of whose landmarks lie on one point, far from the corners of its box."""
    skirt = garments([BOX], [8])
    return replace(skirt, keypoints=(np.full((8, 2), point, np.float32),), refined=(np.full(8, refined),))


def test_nothing_found_leaves_an_equal_picture() -> None:
    image = np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8)

    drawn = annotate(image, garments([]), SCHEMA)

    assert (drawn == image).all()
    assert not np.shares_memory(drawn, image)


@pytest.mark.parametrize("size", [(96, 96), (400, 300), (1700, 20)])
def test_the_picture_itself_is_not_drawn_on(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    before = image.copy()

    drawn = annotate(image, garments([(2, 2, size[1] - 2, size[0] - 2)]), SCHEMA)

    assert (image == before).all()
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    assert (drawn != image).any()


def test_an_object_without_landmarks_has_its_whole_box_drawn() -> None:
    skirt = garments([BOX], [8])
    box = replace(
        skirt,
        keypoints=(np.empty((0, 2), np.float32),),
        keypoint_scores=(np.empty(0, np.float32),),
        refined=(np.empty(0, bool),),
    )
    schema = replace(
        SCHEMA, classes=tuple(KeypointClass(name, (), (), (), ()) for name in SCHEMA.class_names), group_names=()
    )
    colour = np.array(class_colour(8))

    for found, table, is_whole in ((box, schema, True), (skirt, SCHEMA, False)):
        drawn = annotate(_grey(400, 400), found, table)
        line = np.abs(drawn[140:260, 96:104].astype(int) - colour).sum(axis=2).min(axis=1)  # the left side's middle
        assert bool((line < 60).all()) == is_whole
    assert (annotate(_grey(400, 400), box, schema)[150:250, 150:250] == 128).all()


def test_pixels_away_from_the_drawing_stay_exactly_as_they_are() -> None:
    image = np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)

    drawn = annotate(image, garments([(150, 200, 250, 300)], [8]), SCHEMA)

    changed = (drawn != image).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert rows.min() > 150  # the label stands above the box
    assert rows.max() < 310
    assert columns.min() > 140
    assert columns.max() < 260


@given(
    height=st.integers(1, 120),
    width=st.integers(1, 120),
    boxes=st.lists(st.tuples(*[st.floats(-300, 300, width=32)] * 4), max_size=4),
)
@settings(max_examples=40, deadline=None)
def test_any_boxes_on_any_picture_can_be_drawn(
    height: int, width: int, boxes: list[tuple[float, float, float, float]]
) -> None:
    image = _grey(height, width)

    assert annotate(image, garments(boxes), SCHEMA).shape == image.shape


@pytest.mark.parametrize("size", [(1, 1), (10, 20_000), (20_000, 10), (10, 40_000), (2500, 2500)])
def test_extreme_pictures_can_be_drawn_on(size: tuple[int, int]) -> None:
    image = _grey(*size)

    assert annotate(image, garments([(0, 0, size[1], size[0])]), SCHEMA).shape == image.shape


def test_a_confirmed_landmark_is_filled_and_a_regressed_one_is_hollow() -> None:
    colour = np.array(class_colour(8))
    image = _grey(400, 400)

    filled = annotate(image, _one_point((200, 200), refined=True), SCHEMA)[200, 200]
    hollow = annotate(image, _one_point((200, 200), refined=False), SCHEMA)[200, 200]

    assert np.abs(filled - colour).max() < 30
    assert np.abs(hollow - np.array(HALO)).max() < 60


def test_a_landmark_is_drawn_at_the_centre_of_its_pixel() -> None:
    drawn = annotate(_grey(400, 400), _one_point((200, 150), refined=True), SCHEMA).astype(int)

    window = drawn[140:161, 190:211]  # point symmetric around (200, 150): one lies in its middle
    assert np.abs(window - window[::-1, ::-1]).max() <= 12


def test_the_outline_joins_the_landmarks_that_the_schema_says() -> None:
    skirt = garments([BOX], [8])
    joined = {pair for line in SCHEMA.classes[8].outline for pair in itertools.pairwise(line)}
    points = skirt.keypoints[0]
    drawn = annotate(_grey(400, 400), skirt, SCHEMA)

    assert joined
    for start, end in joined:
        x, y = (points[start] + points[end]) / 2
        assert (drawn[round(y), round(x)] != 128).any()


def test_all_labels_of_a_crowd_lie_in_the_picture_and_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    placed: list[tuple[float, float, float, float]] = []
    chips_of = label_layout.lay_out_labels

    def watched(
        sizes: Sequence[Size], boxes: Sequence[Box], picture: Size, *, gap: float, avoid: F64
    ) -> list[Size | None]:
        corners = chips_of(sizes, boxes, picture, gap=gap, avoid=avoid)
        scale = picture[0] / 600
        for corner, size in zip(corners, sizes, strict=True):
            if corner:
                placed.append((corner[0] / scale, corner[1] / scale, size[0] / scale, size[1] / scale))
        return corners

    monkeypatch.setattr("deepmark.runtime.drawing.overlay.lay_out_labels", watched)
    boxes = [
        (60.0 * column, 80.0 * row, 60.0 * column + 90, 80.0 * row + 110) for row in range(4) for column in range(8)
    ]

    annotate(_grey(400, 600), garments(boxes), SCHEMA)

    assert len(placed) > 16
    for number, (x, y, width, height) in enumerate(placed):
        assert x >= 0
        assert x + width <= 600
        assert y >= 0
        assert y + height <= 400
        for other_x, other_y, other_width, other_height in placed[:number]:
            assert (
                x + width <= other_x
                or other_x + other_width <= x
                or y + height <= other_y
                or other_y + other_height <= y
            )


def test_a_narrow_picture_shows_the_score_without_the_name() -> None:
    """A strip 60 wide has no room for "short sleeve outwear 0.90", but for "0.90"."""
    drawn = annotate(_grey(400, 60), garments([(5, 100, 55, 300)], [2]), SCHEMA)

    above_the_box = drawn[:95].astype(int)
    chip = (np.abs(above_the_box - class_colour(2)).max(axis=2) < 10).sum(axis=0) > 3
    assert 10 < chip.sum() < 50


def test_scaled_detections_draw_the_same_on_a_scaled_picture() -> None:
    skirt = garments([BOX], [8])

    twice = scaled(skirt, 2)

    assert twice.boxes.tolist() == (skirt.boxes * 2).tolist()
    assert twice.keypoints[0].tolist() == (skirt.keypoints[0] * 2).tolist()
    assert twice.boxes.dtype == np.float32


def test_a_class_beyond_the_palette_has_a_colour_too() -> None:
    assert class_colour(13) == class_colour(0)
    assert class_colour(27) == class_colour(1)


def test_text_on_every_class_colour_is_legible() -> None:
    """WCAG asks for a contrast of 4.5 for normal text and 3 for graphics."""
    for class_id in range(13):
        colour = class_colour(class_id)
        assert contrast(ink_on(colour), colour) >= 4.5
        assert contrast(HALO, colour) >= 3


# Linear RGB as people without L and without M cones see it (Machado, Oliveira, Fernandes 2009, severity 1).
_PROTANOPIA = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
_DEUTERANOPIA = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]


@pytest.mark.parametrize(
    ("eyes", "least"), [(np.eye(3), 0.13), (np.array(_PROTANOPIA), 0.085), (np.array(_DEUTERANOPIA), 0.085)]
)
def test_any_two_classes_can_be_told_apart_by_everybody(eyes: np.ndarray, least: float) -> None:
    srgb = np.array([class_colour(class_id)[::-1] for class_id in range(13)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    lab = _oklab((linear @ eyes.T).clip(0, 1))

    distances = np.linalg.norm(lab[:, None] - lab, axis=2)[~np.eye(13, dtype=bool)]

    assert distances.min() >= least


def _oklab(linear: F64) -> F64:
    to_cones = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566]]
    to_cones.append([0.0883024619, 0.2817188376, 0.6299787005])
    to_lab = [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099]]
    to_lab.append([0.0259040371, 0.7827717662, -0.8086757660])
    lab: F64 = np.cbrt(linear @ np.array(to_cones).T) @ np.array(to_lab).T
    return lab


def test_opencv_4_without_its_font_writes_with_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    image, found = _grey(400, 400), garments([BOX], [8])
    with_font = annotate(image, found, SCHEMA)
    monkeypatch.setattr(text, "_font", lambda: None)

    drawn = annotate(image, found, SCHEMA)

    assert 50 < text.text_width("skirt 0.90", 20) < 200
    assert (drawn[:97] != image[:97]).any()
    assert (drawn[:97] != with_font[:97]).any()
    assert (drawn[130:270, 130:270] == with_font[130:270, 130:270]).all()  # away from the label nothing changes


def test_text_is_wider_when_it_is_longer_larger_or_bolder() -> None:
    assert text_width("trousers", 20) < text_width("long trousers", 20)
    assert text_width("trousers", 20) < text_width("trousers", 40)


def test_a_contact_sheet_shows_every_tile_whole_and_in_order() -> None:
    shapes = [(TILE, TILE), (TILE, 100), (30, TILE), (1, 1), (TILE, TILE)]
    tiles = [Tile(np.full((*shape, 3), 40 * n + 10, np.uint8), f"tile {n}") for n, shape in enumerate(shapes)]

    sheet = contact_sheet(tiles, columns=2)

    for number, (height, width) in enumerate(shapes):
        rows, columns = np.nonzero((sheet == 40 * number + 10).all(axis=2))
        assert len(rows) >= height * width
        assert rows.mean() == pytest.approx((number // 2) * sheet.shape[0] / 3 + sheet.shape[0] / 6, abs=40)
        assert columns.mean() == pytest.approx((number % 2) * sheet.shape[1] / 2 + sheet.shape[1] / 4, abs=40)


def test_a_contact_sheet_of_few_tiles_is_no_wider_than_they_need() -> None:
    one = contact_sheet([Tile(_grey(10, 10), "alone")])
    four = contact_sheet([Tile(_grey(10, 10), "together")] * 4)

    assert one.shape[1] < four.shape[1] / 3
    assert one.shape[0] == four.shape[0]


def test_a_long_caption_keeps_its_end() -> None:
    long = Tile(_grey(10, 10), "a very long name " * 20 + "end.png")

    sheet = contact_sheet([long])

    margin = np.concatenate([sheet[:, :20], sheet[:, -20:]], axis=1)
    assert (margin == sheet[0, 0]).all()


def test_a_picture_is_fitted_into_a_tile_by_its_longer_side_before_it_is_drawn_on() -> None:
    one = garments([(4, 4, 40, 40)], [8])
    for image, shape in ((_grey(96, 48), (TILE, TILE // 2)), (_grey(48, 960), (TILE // 20, TILE))):
        tile = fill_tile(image, one, SCHEMA)
        assert tile.shape == (*shape, 3)
        by_hand = scaled(one, TILE / max(image.shape[:2]))
        assert (tile == annotate(_grey(*shape), by_hand, SCHEMA)).all()
