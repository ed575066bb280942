"""``dm_detect --refine``: the landmarks that Python's refiner gives, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from media_files import encoded, read_image
from moving_refiner import detections
from native_programs import run_program
from sealed_manifest import change_manifest

from deepmark.runtime import Detector
from deepmark.runtime.native import NativeBuild
from deepmark.runtime.refinement.refiner import LEAST_SCORE, Refiner

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pictures(demo_pictures: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    folder = tmp_path_factory.mktemp("pictures")
    for path in demo_pictures[:2]:
        (folder / f"{path.stem}.ppm").write_bytes(encoded(read_image(path), ".ppm"))
    return tuple(sorted(folder.iterdir()))


def found_by(build: NativeBuild, *words: object) -> list[list[dict[str, Any]]]:
    code, lines, printed = run_program(build, "dm_detect", "--threads", 1, *words)
    assert code == 0, printed
    return [line["objects"] for line in lines]


def points_of(one: dict[str, Any]) -> np.ndarray:
    return np.reshape(one["keypoints"], (-1, 2))


@pytest.fixture(scope="module")
def plain(host_build: NativeBuild, demo_bundle: Path, pictures: tuple[Path, ...]) -> list[list[dict[str, Any]]]:
    return found_by(host_build, demo_bundle, *pictures)


def _one_class(bundle: Path, folder: Path, class_id: int) -> Path:
    """Copy a refiner of all classes as the refiner of one."""
    copied = folder / f"class{class_id}.deepmark"
    shutil.copytree(bundle, copied)

    def keep_one(document: dict[str, Any]) -> None:
        document["channels"] = [
            channels if number == class_id else [] for number, channels in enumerate(document["channels"])
        ]

    return change_manifest(copied, keep_one)


@pytest.mark.parametrize("alone", [False, True], ids=["all classes", "a bundle a class"])
def test_landmarks_are_python_s(
    host_build: NativeBuild,
    demo_bundle: Path,
    refiner_bundle: Path,
    pictures: tuple[Path, ...],
    plain: list[list[dict[str, Any]]],
    tmp_path: Path,
    alone: bool,
) -> None:
    """From the same objects; everything else stays, and so do objects of a low score and of other classes."""
    strongest = sorted({objects[0]["class_id"] for objects in plain})
    refiners = [_one_class(refiner_bundle, tmp_path, number) for number in strongest] if alone else [refiner_bundle]
    options = [word for path in refiners for word in ("--refine", path)]

    refined = found_by(host_build, demo_bundle, *pictures, *options)

    errors, moved, left = [], [], 0
    with Refiner(refiners, threads=1) as refiner:
        for path, before, after in zip(pictures, plain, refined, strict=True):
            points = [points_of(one) for one in before]
            given = detections([one["class_id"] for one in before], points, [one["score"] for one in before])
            expected = refiner(read_image(path), given).keypoints
            for one, other, want in zip(before, after, expected, strict=True):
                assert {**one, "keypoints": []} == {**other, "keypoints": []}
                errors.append(np.abs(points_of(other) - want).max())
                if one["score"] >= LEAST_SCORE and one["class_id"] in refiner.classes:
                    moved.append(np.abs(points_of(other) - points_of(one)).max())
                else:
                    left += one == other
    assert max(errors) < 0.05
    assert np.mean(errors) < 0.005
    assert min(moved) > 1
    assert left == sum(map(len, plain)) - len(moved) > 0


@pytest.mark.parametrize("flip", [False, True], ids=["single", "flip"])
def test_the_whole_way_is_python_s(
    host_build: NativeBuild, demo_bundle: Path, refiner_bundle: Path, pictures: tuple[Path, ...], flip: bool
) -> None:
    words = ("--refine", refiner_bundle, "--threshold", 0.2, *["--flip"] * flip)
    refined = found_by(host_build, demo_bundle, *pictures, *words)
    detector = Detector(demo_bundle, threads=1, flip=flip, refiner=Refiner(refiner_bundle, threads=1))
    errors: list[float] = []
    for path, objects in zip(pictures, refined, strict=True):
        expected = detector(read_image(path))
        keep = expected.scores >= 0.2
        assert [one["class_id"] for one in objects] == expected.class_ids[keep].tolist()
        for one, points in zip(objects, expected.keypoints, strict=False):
            errors += np.linalg.norm(points_of(one) - points, axis=1).tolist()
    assert len(errors) > 20
    assert max(errors) < 0.5  # the letterboxes may differ by a grey level
    assert np.mean(errors) < 0.05


def refused(build: NativeBuild, *words: object, code: int = 1) -> dict[str, Any]:
    """What is said last, where nothing else is said."""
    found, lines, printed = run_program(build, "dm_detect", "--threads", 1, *words)
    assert found == code, printed
    assert [line["event"] for line in lines] == ["error"]
    assert f"error: {lines[0]['message']}\n" in printed
    return lines[0]


def test_what_is_no_refiner_of_these_landmarks_is_refused(
    host_build: NativeBuild,
    demo_bundle: Path,
    refiner_bundle: Path,
    pictures: tuple[Path, ...],
    tmp_path: Path,
) -> None:
    words = (demo_bundle, pictures[0], "--refine")
    said = refused(host_build, *words, demo_bundle)
    assert said["message"].endswith("is of a detector, expected a refiner")
    assert "deepmark refiner export" in said["hint"]
    said = refused(host_build, refiner_bundle, pictures[0])
    assert said["message"].endswith("is of a refiner, expected a detector")
    assert said["hint"].startswith("BUNDLE must be a detector's: give refiners by --refine")
    said = refused(host_build, *words, refiner_bundle, "--refine", refiner_bundle)
    assert "both refine 'short sleeve top'" in said["message"]
    assert "No such file" in refused(host_build, *words, tmp_path / "none")["message"]
    refused(host_build, *words, code=2)

    def rename(document: dict[str, Any]) -> None:
        document["keypoints"]["classes"][2]["keypoint_names"][0] = "elsewhere"

    other = change_manifest(Path(shutil.copytree(refiner_bundle, tmp_path / "other.deepmark")), rename)
    name = json.loads((other / "manifest.json").read_bytes())["keypoints"]["classes"][2]["name"]
    said = refused(host_build, *words, other)
    assert "is for other landmarks than" in said["message"]
    assert f": for 'elsewhere' as landmark 1 of '{name}', not for '" in said["message"]
    assert "trained with the model's own schema" in said["hint"]
    said = refused(host_build, *words, other, "--refine", _one_class(refiner_bundle, tmp_path, 0))
    assert "are for different landmarks: for 'elsewhere' as landmark 1 of" in said["message"]


@pytest.mark.parametrize("sealed", [False, True], ids=["changed", "sealed again"])
def test_a_corrupt_refiner_is_refused(
    host_build: NativeBuild,
    demo_bundle: Path,
    refiner_bundle: Path,
    pictures: tuple[Path, ...],
    tmp_path: Path,
    sealed: bool,
) -> None:
    """By its checksum; and a model that is no refiner's, though its checksum fits, by its inputs."""
    copied = Path(shutil.copytree(refiner_bundle, tmp_path / "copied.deepmark"))
    if sealed:
        shutil.copy(demo_bundle / "model.mnn", copied / "model.mnn")
        entry = json.loads((demo_bundle / "manifest.json").read_bytes())["files"]["model.mnn"]
        change_manifest(copied, lambda document: document["files"].update({"model.mnn": entry}))
    else:
        content = bytearray((copied / "model.mnn").read_bytes())
        content[len(content) // 2] ^= 1
        (copied / "model.mnn").write_bytes(content)
    said = refused(host_build, demo_bundle, pictures[0], "--refine", copied)
    assert ("expected 2 inputs, found 1" if sealed else "model.mnn is damaged") in said["message"]
