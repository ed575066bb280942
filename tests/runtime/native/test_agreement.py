"""The C++ rule of which objects are kept is Python's: `dm_verify` and an export judge half precision alike."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from native_programs import compile_program

from deepmark.exporter.precision.agreement import agree
from deepmark.runtime.detections import Detections
from deepmark.runtime.keypoints.schema import KeypointClass, KeypointSchema

SCHEMA = KeypointSchema.deepfashion2(62)


@pytest.fixture(scope="session")
def agreement_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_program(tmp_path_factory.mktemp("agreement_run"), "agreement_run", ("agreement", "boxes"))


def make_objects(rng: np.random.Generator, count: int) -> Detections:
    """Garments of a few classes anywhere on 64 by 64 cells, best first; one in ten has a box without area."""
    class_ids = rng.integers(0, 4, count)
    corner, sides = rng.uniform(0, 40, (count, 2)), rng.uniform(2, 24, (count, 2))
    sides[rng.random(count) < 0.1] = 0
    points = [rng.uniform(0, 64, (len(SCHEMA.classes[one].sigmas), 2)).astype(np.float32) for one in class_ids]
    scores = np.sort(rng.uniform(0, 0.6, count))[::-1].astype(np.float32)
    return Detections(
        class_ids=class_ids,
        scores=scores,
        box_scores=scores,
        keypoints_score=scores,
        boxes=np.concatenate([corner, corner + sides], axis=1).astype(np.float32),
        keypoints=tuple(points),
        keypoint_scores=tuple(np.ones(len(one), np.float32) for one in points),
        refined=tuple(np.ones(len(one), bool) for one in points),
    )


def moved(rng: np.random.Generator, objects: Detections, cells: float) -> Detections:
    """The same objects, each part of them moved by about so many cells."""
    count = len(objects)
    return Detections(
        class_ids=objects.class_ids,
        scores=objects.scores,
        box_scores=objects.box_scores,
        keypoints_score=objects.keypoints_score,
        boxes=(objects.boxes + rng.normal(0, cells, (count, 4))).astype(np.float32),
        keypoints=tuple((one + rng.normal(0, cells, one.shape)).astype(np.float32) for one in objects.keypoints),
        keypoint_scores=objects.keypoint_scores,
        refined=objects.refined,
    )


def encode(one: Detections, other: Detections, top_k: int) -> str:
    lines: list[list[object]] = [[len(SCHEMA.classes), top_k]]
    lines += [[len(entry.sigmas), *entry.sigmas] for entry in SCHEMA.classes]
    for side in (one, other):
        lines.append([len(side)])
        lines += [
            [side.class_ids[i], float(side.scores[i]), *side.boxes[i].tolist(), *side.keypoints[i].ravel().tolist()]
            for i in range(len(side))
        ]
    return "\n".join(" ".join(map(str, line)) for line in lines) + "\n"


def counts(program: Path, one: Detections, other: Detections, top_k: int) -> tuple[int, int]:
    done = subprocess.run(
        [str(program)], input=encode(one, other, top_k), capture_output=True, text=True, check=False, timeout=60
    )
    assert not done.returncode, done.stderr
    objects, kept = map(int, done.stdout.split())
    return objects, kept


@pytest.mark.slow
def test_objects_that_moved_a_little_or_much_are_kept_or_lost_alike(agreement_run: Path) -> None:
    shares = []
    for seed, cells in enumerate((0.0, 0.05, 0.2, 0.4, 0.8, 1.5, 20.0)):
        rng = np.random.default_rng(seed)
        one = make_objects(rng, 40)
        other = moved(rng, one, cells)
        expected = agree(one, other, SCHEMA, top_k=30)
        assert counts(agreement_run, one, other, 30) == (expected.objects, expected.kept)
        shares.append(expected.kept / expected.objects)
    assert shares[0] > 0.8  # a box without area overlaps with nothing, itself included
    assert shares[-1] < 0.2
    assert any(0.2 < share < 0.8 for share in shares)  # the rule is tried near its limit


@pytest.mark.slow
def test_boxes_without_landmarks_are_kept_or_lost_by_their_overlap(
    agreement_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classes = tuple(KeypointClass(name, (), (), (), ()) for name in SCHEMA.class_names)
    monkeypatch.setattr(f"{__name__}.SCHEMA", KeypointSchema("boxes", classes, ()))
    rng = np.random.default_rng(3)
    one = make_objects(rng, 40)
    other = moved(rng, one, 0.8)
    expected = agree(one, other, SCHEMA, top_k=30)
    assert counts(agreement_run, one, other, 30) == (expected.objects, expected.kept)
    assert 0 < expected.kept < expected.objects


@pytest.mark.slow
@pytest.mark.parametrize(("few", "many"), [(0, 0), (0, 12), (12, 0), (3, 40)])
def test_lists_of_different_lengths(agreement_run: Path, few: int, many: int) -> None:
    rng = np.random.default_rng(9)
    one, other = make_objects(rng, few), make_objects(rng, many)
    expected = agree(one, other, SCHEMA, top_k=20)
    assert counts(agreement_run, one, other, 20) == (expected.objects, expected.kept)
