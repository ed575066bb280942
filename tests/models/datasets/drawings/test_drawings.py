"""Drawings: is every label true of the picture?"""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepmark.models.datasets.drawings import DrawnItem, draw, sketch
from deepmark.models.datasets.drawings.body import Posture, random_body
from deepmark.models.datasets.drawings.canvas import DrawingCanvas, DrawnSize
from deepmark.models.datasets.drawings.garments import CLASS_IDS, landmark_names
from deepmark.models.datasets.drawings.outfits import dress
from deepmark.models.datasets.drawings.scene import Scene
from deepmark.runtime.keypoints.schema import KeypointSchema

pytestmark = pytest.mark.slow

Sketches = tuple[tuple[Scene, tuple[DrawnItem, ...]], ...]
SCHEMA = KeypointSchema.deepfashion2()


def test_the_same_seed_index_and_size_give_the_same_picture_and_labels() -> None:
    one, two = draw(3, 14, 96), draw(3, 14, 96)
    np.testing.assert_array_equal(one.image_bgr_u8, two.image_bgr_u8)
    assert [item.segmentation for item in one.items] == [item.segmentation for item in two.items]


@pytest.mark.parametrize(("seed", "index"), [(3, 15), (4, 14)])
def test_another_seed_or_index_gives_another_picture(seed: int, index: int) -> None:
    assert (draw(3, 14, 96).image_bgr_u8 != draw(seed, index, 96).image_bgr_u8).mean() > 0.5


def test_a_sketch_has_the_labels_of_the_drawing() -> None:
    for index in range(5):
        _, sketched = sketch(1, index, 128)
        for one, other in zip(draw(1, index, 128).items, sketched, strict=True):
            np.testing.assert_array_equal(one.landmarks, other.landmarks)


@settings(max_examples=12, deadline=None)
@given(index=st.integers(0, 10**9), size=st.sampled_from((64, 100, 256, 333, (128, 96), (64, 300), (300, 64))))
def test_a_drawing_of_any_size_has_colours_and_one_to_three_garments(index: int, size: DrawnSize) -> None:
    drawing = draw(0, index, size)
    assert drawing.image_bgr_u8.shape == (*DrawingCanvas.of(size).hw, 3)
    assert drawing.image_bgr_u8.dtype == np.uint8
    assert drawing.image_bgr_u8.std() > 2
    assert 1 <= len(drawing.items) <= 3


@pytest.mark.parametrize("size", [(192, 144), (144, 192)])
def test_another_shape_shows_the_same_garments_and_squeezes_none(size: tuple[int, int]) -> None:
    for index in range(12):
        (square, _), (other, _) = sketch(7, index, 192), sketch(7, index, size)
        for one, two in zip(square.worn, other.worn, strict=True):
            assert one.class_id == two.class_id
            across, along = np.ptp(two.landmarks, axis=0) / np.ptp(one.landmarks, axis=0)
            assert across == pytest.approx(along)
            assert 0.7 < across < 1.001


def test_a_square_is_drawn_as_ever() -> None:
    """Shipped networks were trained and measured on these."""
    scene, items = sketch(900_001, 1, 256)
    assert scene.canvas.size == 256
    boxes = {item.category_name: item.bounding_box for item in items}
    assert boxes["shorts"] == pytest.approx((9.0, 101.37, 133.0, 190.07), abs=0.01)
    assert boxes["long sleeve top"] == pytest.approx((21.96, 12.15, 255.0, 154.18), abs=0.01)


def test_every_class_has_its_landmarks_in_deepfashion2s_order(sketches: Sketches) -> None:
    seen = {item.category_id for _, items in sketches for item in items}
    assert seen == set(CLASS_IDS)
    for scene, items in sketches:
        for worn in scene.worn:
            assert worn.names == SCHEMA.classes[worn.class_id - 1].keypoint_names
        for item in items:
            assert item.landmarks.shape == (len(SCHEMA.classes[item.category_id - 1].groups), 3)
            assert item.category_name == SCHEMA.class_names[item.category_id - 1]


@pytest.mark.parametrize("attribute", ["scale", "occlusion", "zoom_in", "viewpoint"])
def test_every_value_of_an_attribute_is_frequent_enough_for_a_subset(sketches: Sketches, attribute: str) -> None:
    values = [getattr(item, attribute) for _, items in sketches for item in items]
    shares = [values.count(value) / len(values) for value in (1, 2, 3)]
    assert sum(shares) == pytest.approx(1)
    assert min(shares) > 0.05


def test_attributes_follow_from_box_and_landmarks(sketches: Sketches) -> None:
    for scene, items in sketches:
        for item in items:
            left, top, right, bottom = item.bounding_box
            share = (right - left) * (bottom - top) / scene.canvas.area
            assert item.scale == 1 + (share >= 0.1) + (share > 0.4)
            flags = item.landmarks[:, 2]
            occluded, outside = (flags == 1).sum() / (flags > 0).sum(), (flags == 0).mean()
            assert item.occlusion == 1 + (occluded >= 0.2) + (occluded >= 0.5)
            assert item.zoom_in == 1 + (outside > 0) + (outside > 0.3)


def test_landmarks_are_visible_occluded_or_outside_the_picture(sketches: Sketches) -> None:
    flags = np.concatenate([item.landmarks[:, 2] for _, items in sketches for item in items])
    assert set(flags) == {0, 1, 2}
    assert (flags == 2).mean() > 0.5
    for scene, items in sketches:
        for item in items:
            points, flag = item.landmarks[:, :2], item.landmarks[:, 2]
            assert np.all((points >= 0) & (points <= scene.canvas.sides - 1))
            assert np.all(item.landmarks[flag == 0] == 0)


def test_a_landmark_is_outside_only_where_the_garment_leaves_the_picture(sketches: Sketches) -> None:
    for scene, items in sketches:
        places = {worn.class_id: worn.landmarks for worn in scene.worn}
        for item in items:
            true = places[item.category_id]
            outside = np.any((true < -0.01) | (true > scene.canvas.sides - 0.99), axis=1)
            np.testing.assert_array_equal(item.landmarks[:, 2] == 0, outside)
            np.testing.assert_allclose(item.landmarks[~outside, :2], true[~outside], atol=0.01)


def test_boxes_are_what_the_outline_and_the_labelled_landmarks_span(sketches: Sketches) -> None:
    for scene, items in sketches:
        for item in items:
            outline = np.concatenate([np.reshape(polygon, (-1, 2)) for polygon in item.segmentation])
            points = np.concatenate([outline, item.landmarks[item.landmarks[:, 2] > 0, :2]])
            box = np.array(item.bounding_box)
            assert box.min() >= 0
            assert np.all(box[2:] <= scene.canvas.sides - 1)
            spanned = np.concatenate([points.min(axis=0), points.max(axis=0)])
            assert np.all(box[:2] <= spanned[:2])
            assert np.all(box[2:] >= spanned[2:])
            # specks of less than six pixels are in the box but not worth an outline, and outlines are simplified
            assert np.abs(box - spanned).max() < 0.1 * scene.canvas.long
            assert np.median(np.abs(box - spanned)) <= 1.5


def test_every_landmark_lies_on_an_edge_of_its_garment(sketches: Sketches) -> None:
    for scene, _ in sketches[:150]:
        for number, worn in enumerate(scene.worn):
            for name, point in zip(worn.names, worn.landmarks, strict=True):
                parts = [layer for layer in scene.layers if layer.garment == number and name in layer.ring]
                if not parts:
                    assert name in worn.hidden
                    continue
                for part in parts:
                    edge = part.polygons[0].astype(np.float32)
                    distance = cv2.pointPolygonTest(edge, tuple(point.tolist()), measureDist=True)
                    assert abs(distance) < 0.05, (worn.class_id, name)


def test_what_faces_away_is_never_visible(sketches: Sketches) -> None:
    hidden = 0
    for scene, items in sketches:
        away = {worn.class_id: worn.hidden for worn in scene.worn}
        for item in items:
            for name, landmark in zip(landmark_names(item.category_id), item.landmarks, strict=True):
                if name in away[item.category_id]:
                    hidden += 1
                    assert landmark[2] < 2
    assert hidden > 50


def test_an_arm_or_a_patch_over_a_landmark_makes_it_occluded(sketches: Sketches) -> None:
    """Whatever is painted after a visible landmark's garment leaves the landmark's pixel free, but for a rim."""
    for scene, items in sketches[:100]:
        last = {layer.garment: place for place, layer in enumerate(scene.layers) if layer.garment is not None}
        numbers = {worn.class_id: number for number, worn in enumerate(scene.worn)}
        for item in items:
            above = scene.layers[last[numbers[item.category_id]] + 1 :]
            for x, y, flag in item.landmarks.tolist():
                if flag == 2:
                    depths = [
                        cv2.pointPolygonTest(polygon.astype(np.float32), (x, y), measureDist=True)
                        for layer in above
                        for polygon in layer.polygons
                    ]
                    assert max(depths, default=-1) <= 1.1


@pytest.mark.parametrize("class_id", CLASS_IDS)
@pytest.mark.parametrize("posture", ["standing", "flat"])
def test_left_is_the_pictures_left_from_the_front_and_from_behind(class_id: int, posture: Posture) -> None:
    rng = np.random.default_rng(class_id)
    trunk = {"collar_left", "left_shoulder", "left_strap_top", "left_armpit", "left_side_waist", "left_side_lower"}
    trunk |= {"opening_left_upper", "waist_left", "left_leg_hip", "left_skirt_hem", "left_leg_cuff_outer"}
    for _ in range(20):
        body = random_body(rng, posture)
        (garment,) = dress(rng, body, (class_id,))
        for name in trunk & set(garment.points):
            assert garment.points[name][0] < garment.points[name.replace("left", "right")][0], name
