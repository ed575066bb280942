"""From detections to refined ones: which landmarks go where, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from moving_refiner import SIDE, OpenMoving, detections, make_refiner_manifest, moving_bundles
from tiny import tiny_schema

from deepmark.errors import BundleError, DataError, UsageError
from deepmark.runtime.detections import Detections
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.refinement.oks_nms import oks_nms
from deepmark.runtime.refinement.pose_crop import PoseCrop
from deepmark.runtime.refinement.refiner import Refiner, RefinerRequest

TOP = np.array([[20.0, 30.0], [60.0, 34.0]])
SKIRT = np.array([[20.0, 60.0], [60.0, 62.0], [40.0, 110.0]])
PICTURE = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)


@pytest.fixture
def open_moving(monkeypatch: pytest.MonkeyPatch) -> OpenMoving:
    return moving_bundles(monkeypatch)


def _moved(points: np.ndarray, step: float) -> np.ndarray:
    return np.asarray(points + np.array([step / PoseCrop.of_pose(points, (SIDE, SIDE)).scale, 0]))


def test_landmarks_move_and_all_else_stays(open_moving: OpenMoving) -> None:
    opened, session = open_moving(make_refiner_manifest(tiny_schema()), 2.0)
    before = detections([1, 0], [SKIRT, TOP])

    after = Refiner(opened)(PICTURE, before)

    np.testing.assert_allclose(after.keypoints[0], _moved(SKIRT, 2), atol=1e-4)
    np.testing.assert_allclose(after.keypoints[1], _moved(TOP, 2), atol=1e-4)
    for name in ("class_ids", "scores", "box_scores", "boxes", "keypoints_score"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    assert [one["pose"][0, :, 2].tolist() for one in session.asked] == [[1, 1, 1], [1, 1, 0]]


def test_the_engine_sees_the_object_s_part_of_the_picture(open_moving: OpenMoving) -> None:
    opened, session = open_moving(make_refiner_manifest(tiny_schema()), 0.0)

    Refiner(opened)(PICTURE, detections([0], [TOP]))

    crop = PoseCrop.of_pose(TOP, (SIDE, SIDE))
    np.testing.assert_array_equal(session.asked[0]["image"][0], crop.cut(PICTURE).transpose(2, 0, 1))
    np.testing.assert_allclose(session.asked[0]["pose"][0, :2, :2], crop.to_input(TOP), atol=1e-4)


def test_flip_takes_the_mean_with_the_mirror_image(open_moving: OpenMoving) -> None:
    opened, session = open_moving(make_refiner_manifest(tiny_schema()), 2.0)

    after = Refiner(opened, flip=True)(PICTURE, detections([0], [TOP]))

    plain, mirrored = session.asked
    np.testing.assert_array_equal(mirrored["image"], plain["image"][..., ::-1])
    np.testing.assert_allclose(mirrored["pose"][0, 0, 0], SIDE - 1 - plain["pose"][0, 1, 0], atol=1e-4)
    np.testing.assert_allclose(after.keypoints[0], TOP, atol=1e-4)  # to the right, and to the mirrored right


def test_objects_of_next_to_no_score_are_left_alone(open_moving: OpenMoving) -> None:
    opened, session = open_moving(make_refiner_manifest(tiny_schema()), 2.0)

    after = Refiner(opened)(PICTURE, detections([0, 0], [TOP, TOP], [0.9, 0.01]))

    np.testing.assert_array_equal(after.keypoints[1], TOP.astype(np.float32))
    assert len(session.asked) == 1


def test_a_file_for_each_class(open_moving: OpenMoving) -> None:
    schema = tiny_schema()
    top, _ = open_moving(make_refiner_manifest(schema, ((0, 1), ())), 2.0)
    skirt, _ = open_moving(make_refiner_manifest(schema, ((), (0, 1, 2))), 4.0)

    after = Refiner([top, skirt])(PICTURE, detections([0, 1], [TOP, SKIRT]))
    alone = Refiner(top)

    np.testing.assert_allclose(after.keypoints[0], _moved(TOP, 2), atol=1e-4)
    np.testing.assert_allclose(after.keypoints[1], _moved(SKIRT, 4), atol=1e-4)
    assert alone.classes == (0,)
    np.testing.assert_array_equal(alone(PICTURE, detections([1], [SKIRT])).keypoints[0], SKIRT.astype(np.float32))


def test_two_files_of_one_class_are_refused(open_moving: OpenMoving) -> None:
    manifest = make_refiner_manifest(tiny_schema(), ((0, 1), ()))

    with pytest.raises(BundleError, match="both refine 'top'"):
        Refiner([open_moving(manifest, 1.0)[0], open_moving(manifest, 1.0)[0]])


def test_no_detections_are_no_detections(open_moving: OpenMoving) -> None:
    opened, _ = open_moving(make_refiner_manifest(tiny_schema()), 2.0)

    assert len(Refiner(opened)(PICTURE, detections([], []))) == 0


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (detections([0], [np.empty((0, 2))]), r"'top' has landmarks \(0, 2\), expected \(2, 2\)"),
        (detections([0], [SKIRT]), r"has landmarks \(3, 2\), expected \(2, 2\)"),
        (detections([2], [TOP]), "is of class 2, the refiner knows 2"),
        (detections([0], [TOP * np.nan]), "landmarks that are all finite"),
    ],
)
def test_detections_without_these_landmarks_are_refused(open_moving: OpenMoving, bad: Detections, words: str) -> None:
    opened, _ = open_moving(make_refiner_manifest(tiny_schema()), 2.0)

    with pytest.raises(DataError, match=words):
        Refiner(opened)(PICTURE, bad)


def test_what_is_no_picture_is_refused(open_moving: OpenMoving) -> None:
    opened, _ = open_moving(make_refiner_manifest(tiny_schema()), 2.0)

    with pytest.raises(DataError, match="a picture must be"):
        Refiner(opened)(PICTURE[..., 0], detections([0], [TOP]))


def test_a_detector_of_other_landmarks_is_refused_whatever_their_groups(open_moving: OpenMoving) -> None:
    opened, _ = open_moving(make_refiner_manifest(KeypointSchema.deepfashion2()), 2.0)
    refiner = Refiner(opened)

    refiner.require_schema(KeypointSchema.deepfashion2(294), "the model")
    with pytest.raises(BundleError, match="for 13 classes from 'short sleeve top', not for 'person'"):
        refiner.require_schema(KeypointSchema.coco_person(), "the model")
    with pytest.raises(BundleError, match="for other landmarks"):
        refiner.require_schema(tiny_schema(), "the model")
    boxes = KeypointSchema.coco()
    with pytest.raises(BundleError, match="the model finds boxes only: it has no landmarks to refine"):
        refiner.require_schema(boxes, "the model")


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(UsageError, match="no refiner"):
        Refiner([])
    with pytest.raises(UsageError, match=r"nms of a refiner must be in \[0, 1\]"):
        Refiner("none.deepmark", nms=2)
    with pytest.raises(UsageError, match="nothing is refined"):
        RefinerRequest((), flip=True).check()


def test_paths_that_are_no_refiner_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.mnn").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    for path, words in (
        (tmp_path / "none", "does not exist"),
        (tmp_path / "model.mnn", "is a bare model file, expected a refiner's bundle"),
        (tmp_path / "folder", "is no bundle"),
    ):
        with pytest.raises(BundleError, match=words):
            Refiner(path)


def test_an_object_on_a_better_one_goes() -> None:
    near = TOP + 0.2
    objects = detections([0, 0, 1, 0], [TOP, near, SKIRT, TOP + 40], [0.9, 0.8, 0.7, 0.6])

    kept = oks_nms(objects, tiny_schema(), 0.9)

    np.testing.assert_allclose(kept.scores, [0.9, 0.7, 0.6])
