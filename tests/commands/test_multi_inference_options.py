"""``--flip``, ``--scales`` and ``--scales-mode`` of detect and eval: what they do, and how nonsense is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from outcome import Deepmark
from small_models import deepfashion2_bundle

from deepmark.models.datasets.drawings.dataset import write_dataset
from deepmark.runtime.bundle import open_bundle
from deepmark.runtime.keypoints.schema import KeypointSchema
from deepmark.runtime.provenance import Tuning

pytest.importorskip("torch", reason="the small bundle is exported here")

SINGLE = {"flip": False, "scales": [1.0], "scales_mode": "fix", "fit": "square"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return deepfashion2_bundle(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two drawings with their labels; never written to by a test."""
    folder = tmp_path_factory.mktemp("two")
    write_dataset(folder, count=2, seed=2, size=64, workers=1)
    return folder


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8))
    return path


NONSENSE = [
    (("--scales", "0"), ("a scale of 0 is not possible, expected numbers from 0.1 to 4", "hint: ")),
    (("--scales", "abc"), ("--scales must be numbers with commas, found 'abc'; for example",)),
    (("--scales", "20"), ("a scale of 20 is not possible",)),
    (("--scales", "1,1"), ("stands twice",)),
    (("--scales-mode", "pad"), ("'pad' is not one of 'fix', 'keep'",)),
]


@pytest.mark.parametrize(("arguments", "words"), NONSENSE)
def test_nonsense_is_one_line_of_detect(
    deepmark: Deepmark, bundle: Path, picture: Path, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    deepmark("detect", bundle, picture, "-o", tmp_path / "out", *arguments).assert_refused(2, *words)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("arguments", "words"), NONSENSE)
def test_nonsense_is_one_line_of_eval(
    deepmark: Deepmark, bundle: Path, pictures: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    data = ("--images", pictures, "--annotations", pictures)
    deepmark("eval", bundle, *data, *arguments).assert_refused(2, *words)


def test_looks_have_no_meaning_without_a_model(deepmark: Deepmark, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "found.json").write_text("[]")
    arguments = ("--detections", tmp_path / "found.json", "--annotations", pictures, "--flip", "--scales-mode", "keep")
    deepmark("eval", *arguments).assert_refused(
        2,
        "--flip, --scales-mode has no meaning with --detections",
        "hint: leave that out, or give the MODEL in place of --detections",
    )


def test_detect_looks_as_it_is_asked_to(deepmark: Deepmark, bundle: Path, picture: Path, tmp_path: Path) -> None:
    found = {}
    for name, arguments in {
        "single": (),
        "flip": ("--flip",),
        "all": ("--flip", "--scales", ".85,.95,1,1.1", "--scales-mode", "keep"),
    }.items():
        outcome = deepmark(
            "detect", bundle, picture, "-o", tmp_path / name, "--threshold", 0, "--threads", 1, "--json", *arguments
        )
        assert outcome.code == 0, outcome.err
        found[name] = json.loads(outcome.out)
    assert found["single"]["inference"] == SINGLE
    assert found["all"]["inference"] == {
        **SINGLE,
        "flip": True,
        "scales": [0.85, 0.95, 1.0, 1.1],
        "scales_mode": "keep",
    }
    assert found["single"]["engine"]["pairs"] == ""
    assert "two runs" in found["flip"]["engine"]["pairs"]
    assert found["single"]["frames"] != found["flip"]["frames"] != found["all"]["frames"]
    assert found["all"]["totals"]["objects"] > found["single"]["totals"]["objects"] > 0


def test_eval_looks_as_it_is_asked_to_and_says_so(deepmark: Deepmark, bundle: Path, pictures: Path) -> None:
    data = ("--images", pictures, "--annotations", pictures, "--threads", 1, "--cache", "none", "--json")
    outcome = deepmark("eval", bundle, *data, "--flip", "--scales", ".5,1")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["inference"] == {**SINGLE, "flip": True, "scales": [0.5, 1.0]}


def changed(bundle: Path, folder: Path, **changes: object) -> Path:
    """Copy a bundle, and change its manifest."""
    copied = folder / "changed.deepmark"
    (copied / "vectors").mkdir(parents=True)
    for name in ("model.onnx", "vectors/one.bin"):
        (copied / name).write_bytes((bundle / name).read_bytes())
    manifest = msgspec.structs.replace(open_bundle(bundle).manifest, **changes)
    (copied / "manifest.json").write_bytes(manifest.to_json())
    return copied


def test_what_a_model_cannot_do_is_one_line(deepmark: Deepmark, bundle: Path, picture: Path, tmp_path: Path) -> None:
    manifest = open_bundle(bundle).manifest
    fixed = changed(bundle, tmp_path / "a", input=msgspec.structs.replace(manifest.input, dynamic=False))
    outcome = deepmark("detect", fixed, picture, "-o", tmp_path / "out", "--scales-mode", "keep")
    outcome.assert_refused(2, "this model takes 64x64 only", "hint: --scales-mode fix, or export")
    alone = tuple(replace(one, mirror=tuple(range(len(one.groups)))) for one in KeypointSchema.deepfashion2().classes)
    schema = replace(manifest.keypoints, classes=alone)
    pairless = changed(bundle, tmp_path / "b", keypoints=schema, flip_pairs=())
    outcome = deepmark("detect", pairless, picture, "-o", tmp_path / "out", "--flip")
    outcome.assert_refused(1, "no pair among them", "hint: name each landmark's partner in the column swap_global")
    assert not (tmp_path / "out").exists()


def test_a_picture_that_is_too_large_at_a_scale_is_named_and_the_others_go_on(
    deepmark: Deepmark, bundle: Path, picture: Path, tmp_path: Path
) -> None:
    large = tmp_path / "large.png"
    cv2.imwrite(str(large), np.zeros((1100, 1000, 3), np.uint8))
    outcome = deepmark(
        "detect", bundle, large, picture, "-o", tmp_path / "out", "--scales", "4", "--scales-mode", "keep"
    )
    assert outcome.code == 1
    assert "needs an input of 4032x4416, the limit is 16,777,216 pixels" in outcome.err
    assert "picture.png" in (tmp_path / "out" / "detections.jsonl").read_text()


def test_parameters_for_another_way_of_looking_are_said(
    deepmark: Deepmark, bundle: Path, picture: Path, tmp_path: Path
) -> None:
    decoder = open_bundle(bundle).manifest.decoder
    tuning = Tuning("tests", "mnn", "0" * 64, 1, 1, decoder, (0.1, 0.2), (0.05, 0.15), (0.1, 0.1), flip=True)
    tuned = changed(bundle, tmp_path, tuning=tuning)
    plain, flip = (
        deepmark("detect", tuned, picture, "-o", tmp_path / "out", *arguments) for arguments in ((), ("--flip",))
    )
    assert "note: this model's parameters were tuned for flip, this is single" in plain.err
    assert "tuned" not in flip.err
