"""``--fit`` of detect, eval, tune and bench: what it does, and how nonsense is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
from media_files import write_video
from outcome import Deepmark
from small_models import deepfashion2_bundle

from deepmark.benchmarks.speed import samples
from deepmark.models.datasets.drawings.dataset import write_dataset
from deepmark.runtime.bundle import open_bundle

pytest.importorskip("torch", reason="the small bundle is exported here")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return deepfashion2_bundle(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two drawings with their labels; never written to by a test."""
    folder = tmp_path_factory.mktemp("two")
    write_dataset(folder, count=2, seed=2, size=64, workers=1)
    return folder


def write_pictures(folder: Path, *sizes: tuple[int, int]) -> Path:
    """Write seeded pictures of these heights and widths."""
    folder.mkdir()
    for number, size in enumerate(sizes):
        image = np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8)
        cv2.imwrite(str(folder / f"{number:03}.png"), image)
    return folder


def changed(bundle: Path, folder: Path, **changes: Any) -> Path:
    """Copy a bundle, and change the input of its manifest."""
    copied = folder / "changed.deepmark"
    (copied / "vectors").mkdir(parents=True)
    for name in ("model.onnx", "vectors/one.bin"):
        (copied / name).write_bytes((bundle / name).read_bytes())
    manifest = open_bundle(bundle).manifest
    manifest = msgspec.structs.replace(manifest, input=msgspec.structs.replace(manifest.input, **changes))
    (copied / "manifest.json").write_bytes(manifest.to_json())
    return copied


def detect(deepmark: Deepmark, bundle: Path, pictures: Path, out: Path, *options: str) -> dict[str, Any]:
    outcome = deepmark("detect", bundle, pictures, "-o", out, "--threshold", 0, "--threads", 1, "--json", *options)
    assert outcome.code == 0, outcome.err
    document: dict[str, Any] = json.loads(outcome.out)
    return document


def test_detect_takes_the_fit_that_is_asked_for_or_the_manifest_s(
    deepmark: Deepmark, bundle: Path, tmp_path: Path
) -> None:
    pictures = write_pictures(tmp_path / "pictures", (120, 40), (40, 120), (60, 60))
    shaped = changed(bundle, tmp_path, fit="rect")
    own, rect, by_manifest, back = (
        detect(deepmark, model, pictures, tmp_path / "out", *options)
        for model, options in ((bundle, ()), (bundle, ("--fit", "rect")), (shaped, ()), (shaped, ("--fit", "square")))
    )
    assert [one["inference"]["fit"] for one in (own, rect, by_manifest, back)] == ["square", "rect", "rect", "square"]
    assert own["frames"] == back["frames"]
    assert rect["frames"] == by_manifest["frames"]
    assert rect["frames"][0] != own["frames"][0]
    assert rect["frames"][2] == own["frames"][2]  # the square picture
    assert own["totals"]["failures"] == rect["totals"]["failures"] == 0


def test_a_hundred_shapes_in_one_folder_are_all_looked_at(deepmark: Deepmark, bundle: Path, tmp_path: Path) -> None:
    shapes = [(1 + number, 120 - number) for number in range(100)]
    pictures = write_pictures(tmp_path / "pictures", *shapes, (1, 5000), (5000, 1))
    options = ("--fit", "rect", "--threshold", 1, "--threads", 1, "--json")
    outcome = deepmark("detect", bundle, pictures, "-o", tmp_path / "out", *options)
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["totals"]["frames"] == 102


def test_a_video_and_a_bundle_that_knows_no_fit(deepmark: Deepmark, data: Path, tmp_path: Path) -> None:
    old = data / "made_without_avx2" / "tiny.deepmark"
    assert b'"fit"' not in (old / "manifest.json").read_bytes()
    write_video(tmp_path / "clip.mp4", 3, (96, 48))
    for options, fit in (((), "square"), (("--fit", "rect"), "rect")):
        found = detect(deepmark, old, tmp_path / "clip.mp4", tmp_path / "out", *options)
        assert (found["inference"]["fit"], found["totals"]["frames"]) == (fit, 3)


def test_a_model_of_one_size_refuses_other_shapes_with_the_way_out(
    deepmark: Deepmark, bundle: Path, labelled: Path, tmp_path: Path
) -> None:
    pictures = write_pictures(tmp_path / "pictures", (60, 40))
    fixed = changed(bundle, tmp_path, dynamic=False)
    data = ("--images", labelled, "--annotations", labelled, "--cache", "none")
    for code, *words in (
        (2, "detect", fixed, pictures, "-o", tmp_path / "out"),
        (2, "eval", fixed, *data),
        (2, "tune", fixed, *data),
        (1, "bench", fixed, "--images", pictures),  # as of every model that none is left of
    ):
        outcome = deepmark(*words, "--fit", "rect")
        outcome.assert_refused(
            code, "'rect' needs inputs of many shapes, but this model takes 64x64 only", "hint: --fit square"
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["detect", "eval", "tune", "bench", "export"])
def test_an_unknown_fit_is_one_line(deepmark: Deepmark, bundle: Path, command: str) -> None:
    deepmark(command, bundle, "--fit", "centernet").assert_refused(
        2, "Invalid value for '--fit': 'centernet' is not one of 'square', 'rect'"
    )


def test_golden_inputs_are_no_pictures_of_their_own_shape(deepmark: Deepmark, bundle: Path) -> None:
    deepmark("bench", bundle, "--fit", "square", "--fit", "rect").assert_refused(
        2, "--fit rect measures pictures of their own shape", "hint: say which shape is meant, such as --shape 3:4, or"
    )


@pytest.mark.parametrize("shape", ["3x4", "3:0", "3:4:5", "0.75", "-3:4", ""])
def test_a_shape_is_width_to_height(deepmark: Deepmark, bundle: Path, shape: str) -> None:
    deepmark("bench", bundle, "--shape", shape).assert_refused(
        2, f"{shape!r} is no shape: width to height, such as 3:4 or 16:9"
    )


@pytest.mark.parametrize(("shape", "expected"), [((3, 4), (40, 30)), ((16, 9), (34, 60)), ((1, 9999), (40, 1))])
def test_pictures_are_cut_to_a_shape(tmp_path: Path, shape: tuple[int, int], expected: tuple[int, int]) -> None:
    pictures = write_pictures(tmp_path / "pictures", (40, 60))
    found = samples.gather(pictures, (), shape)
    assert found.record().sizes == (expected,)
    assert found.source == f"pictures, cut to {shape[0]}:{shape[1]}"
    (whole,), (cut,) = samples.gather(pictures, ()).images, found.images
    top, left = ((side - kept) // 2 for side, kept in zip((40, 60), expected, strict=True))
    np.testing.assert_array_equal(cut, whole[top : top + expected[0], left : left + expected[1]])


def test_eval_and_its_cache_know_the_fit(deepmark: Deepmark, bundle: Path, labelled: Path, tmp_path: Path) -> None:
    data = ("--images", labelled, "--annotations", labelled, "--threads", 1, "--cache", tmp_path / "cache", "--json")
    for number, (options, fit) in enumerate(
        [((), "square"), (("--fit", "square"), "square"), (("--fit", "rect"), "rect")]
    ):
        outcome = deepmark("eval", bundle, *data, *options)
        assert outcome.code == 0, outcome.err
        assert json.loads(outcome.out)["inference"]["fit"] == fit
        assert len(list((tmp_path / "cache").iterdir())) == 1 + number // 2
