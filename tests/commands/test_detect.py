"""``deepmark detect`` from end to end, with the demo network."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from media_files import cut, read_image, write_video
from outcome import Deepmark

pytest.importorskip("torch", reason="the demo bundle is exported here")


Objects = dict[str, list[tuple[str, float]]]


def _records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "detections.jsonl").read_text().splitlines()]


def _found(record: dict[str, Any]) -> list[str]:
    return [one["class"] for one in record["detections"]]


@pytest.mark.slow
def test_a_folder_of_pictures(
    demo_bundle: Path, demo_pictures: tuple[Path, ...], demo_objects: Objects, tmp_path: Path, deepmark: Deepmark
) -> None:
    out, sheet = tmp_path / "out", tmp_path / "sheet.png"

    outcome = deepmark(
        "detect", demo_bundle, demo_pictures[0].parent, "-o", out, "--threshold", "0.2", "--contact-sheet", sheet
    )

    assert outcome.code == 0, outcome.err
    assert outcome.out == ""
    assert {path.name for path in out.iterdir()} == {*(path.name for path in demo_pictures), "detections.jsonl"}
    records = _records(out)
    assert [Path(record["source"]).name for record in records] == [path.name for path in demo_pictures]
    assert [_found(record) for record in records] == [[name for name, _ in one] for one in demo_objects.values()]
    name, score = demo_objects["sample0.png"][0]
    assert f"sample0.png: {name} {score:.1f}"[:-1] in outcome.err
    for path in demo_pictures:
        before, after = read_image(path), read_image(out / path.name)
        assert before.shape == after.shape
        assert (before != after).any()
    assert read_image(sheet).shape[1] > 4 * 480


@pytest.mark.slow
def test_json_is_one_document_on_stdout(
    demo_bundle: Path, demo_pictures: tuple[Path, ...], demo_objects: Objects, tmp_path: Path, deepmark: Deepmark
) -> None:
    options = ("--threads", 1, "--threshold", 0.2)
    outcome = deepmark("detect", demo_bundle, *demo_pictures[4:6], "-o", tmp_path / "out", "--json", *options)
    objects = [one for path in demo_pictures[4:6] for one in demo_objects[path.name]]

    document = json.loads(outcome.out)
    assert outcome.code == 0
    assert document["frames"] == _records(tmp_path / "out")
    assert document["engine"]["backend"] == "mnn"
    assert document["engine"]["threads"] == 1
    assert document["decoder"]["score_threshold"] == 0.2
    assert document["failures"] == []
    assert document["totals"] == {"frames": 2, "objects": len(objects), "failures": 0}
    names = {one["name"]: one["keypoints"] for one in document["classes"]}
    for one in document["frames"][0]["detections"]:
        assert len(one["keypoints"]) == len(names[one["class"]])


@pytest.mark.slow
def test_the_threshold_is_a_floor_on_final_scores_and_changes_nothing_else(
    demo_bundle: Path, demo_pictures: tuple[Path, ...], demo_objects: Objects, tmp_path: Path, deepmark: Deepmark
) -> None:
    sure = max(demo_pictures, key=lambda path: max((score for _, score in demo_objects[path.name]), default=0))
    for name, threshold in (("low", 0.1), ("high", 0.35)):
        deepmark("detect", demo_bundle, sure, "-o", tmp_path / name, "--threshold", threshold)

    (low,), (high,) = _records(tmp_path / "low"), _records(tmp_path / "high")
    assert 0 < len(high["detections"]) < len(low["detections"])
    assert high["detections"] == [one for one in low["detections"] if one["score"] >= 0.35]


@pytest.mark.slow
def test_both_engines_find_the_same(
    demo_bundle: Path, demo_pictures: tuple[Path, ...], demo_objects: Objects, tmp_path: Path, deepmark: Deepmark
) -> None:
    for backend in ("mnn", "onnxruntime"):
        out = ("-o", tmp_path / backend, "--threshold", 0.2)
        deepmark("detect", demo_bundle, demo_pictures[7], *out, "--backend", backend)

    (one,), (other,) = _records(tmp_path / "mnn"), _records(tmp_path / "onnxruntime")
    assert _found(one) == _found(other) == [name for name, _ in demo_objects["sample7.png"]]
    np.testing.assert_allclose(one["detections"][0]["box"], other["detections"][0]["box"], atol=0.05)


@pytest.mark.slow
def test_a_bad_picture_among_good_ones_is_named_and_the_others_are_done(
    demo_bundle: Path, demo_pictures: tuple[Path, ...], tmp_path: Path, deepmark: Deepmark
) -> None:
    bad = cut(Path(shutil.copy(demo_pictures[0], tmp_path / "bad.png")), 0.5)
    inputs = [demo_pictures[3], bad, tmp_path / "gone.png", demo_pictures[5]]

    outcome = deepmark("detect", demo_bundle, *inputs, "-o", tmp_path / "out")
    as_json = deepmark("detect", demo_bundle, *inputs, "-o", tmp_path / "out", "--json")

    outcome.assert_refused(1, "2 of 4 inputs failed", "bad.png", "gone.png")
    assert [Path(record["source"]).name for record in _records(tmp_path / "out")] == ["sample3.png", "sample5.png"]
    assert as_json.code == 1
    assert [Path(one["source"]).name for one in json.loads(as_json.out)["failures"]] == ["bad.png", "gone.png"]


@pytest.mark.slow
def test_nothing_but_a_bad_picture_leaves_stdout_and_the_disk_empty(
    demo_bundle: Path, tmp_path: Path, deepmark: Deepmark
) -> None:
    (tmp_path / "bad.jpg").write_text("no picture")

    outcome = deepmark("detect", demo_bundle, tmp_path / "bad.jpg", "-o", tmp_path / "out", "--json")

    outcome.assert_refused(1, "bad.jpg is no picture")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_video_comes_back_as_a_video(demo_bundle: Path, tmp_path: Path, deepmark: Deepmark) -> None:
    video = write_video(tmp_path / "v.mp4", frames=3, size=(128, 96), rate=5)

    outcome = deepmark("detect", demo_bundle, video, "-o", tmp_path / "out")

    assert outcome.code == 0, outcome.err
    assert cv2.VideoCapture(str(tmp_path / "out" / "v.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 3
    assert len(_records(tmp_path / "out")) == 3


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (10, 20_000), (20_000, 10)])
def test_a_picture_of_any_shape_is_processed(
    size: tuple[int, int], demo_bundle: Path, tmp_path: Path, deepmark: Deepmark
) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full(size, 200, np.uint8))

    outcome = deepmark("detect", demo_bundle, tmp_path / "a.png", "-o", tmp_path / "out")

    assert outcome.code == 0, outcome.err
    (record,) = _records(tmp_path / "out")
    assert (record["height"], record["width"]) == size


@pytest.mark.slow
@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (["99"], ["camera 99 cannot be opened"]),
        (["nothing*.png"], ["no picture or video matches nothing*.png"]),
        (["folder"], ["the folder folder holds no picture"]),
        (["a.png", "-o", "file/out"], ["cannot write file/out"]),
        (["a.png", "--contact-sheet", "file/sheet.png"], ["cannot write file/sheet.png"]),
    ],
)
def test_what_cannot_be_done_is_one_line(
    inputs: list[str],
    words: list[str],
    demo_bundle: Path,
    demo_pictures: tuple[Path, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    deepmark: Deepmark,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("in the way")
    shutil.copy(demo_pictures[3], tmp_path / "a.png")

    deepmark("detect", demo_bundle, *inputs).assert_refused(1, *words)


@pytest.mark.slow
def test_results_are_not_written_over_their_inputs(
    demo_bundle: Path, demo_pictures: tuple[Path, ...], deepmark: Deepmark
) -> None:
    deepmark("detect", demo_bundle, demo_pictures[0], "-o", demo_pictures[0].parent).assert_refused(
        2, "sample0.png lies in the output folder"
    )


def test_results_are_not_written_into_the_bundle(
    demo_bundle: Path, demo_pictures: tuple[Path, ...], deepmark: Deepmark
) -> None:
    outcome = deepmark("detect", demo_bundle, demo_pictures[0], "-o", demo_bundle / "found")

    outcome.assert_refused(2, "lies in the bundle")
    assert not (demo_bundle / "found").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "darwin", reason="file names are Unicode there")
def test_names_that_are_no_text_are_written_as_text(
    demo_bundle: Path, demo_pictures: tuple[Path, ...], tmp_path: Path, deepmark: Deepmark
) -> None:
    picture = shutil.copy(demo_pictures[3], tmp_path / "a\udcff.png")

    outcome = deepmark("detect", demo_bundle, picture, "-o", tmp_path / "out\udcff", "--json")

    assert outcome.code == 0, outcome.err
    document = json.loads(outcome.out)
    assert Path(document["frames"][0]["source"]).name == "a\ufffd.png"
    assert (tmp_path / "out\udcff" / document["frames"][0]["output"]).exists()


def test_a_window_without_a_screen_is_refused_before_the_work(
    demo_pictures: tuple[Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deepmark: Deepmark
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)

    deepmark("detect", "no.mnn", demo_pictures[0], "--show", "-o", tmp_path / "out").assert_refused(1, "needs a screen")


def test_a_window_of_an_opencv_that_draws_none_is_refused(
    demo_pictures: tuple[Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deepmark: Deepmark
) -> None:
    def refuse(*_: object) -> None:
        raise cv2.error("The function is not implemented")

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(cv2, "namedWindow", refuse)

    outcome = deepmark("detect", "no.mnn", demo_pictures[0], "--show", "-o", tmp_path / "out")

    outcome.assert_refused(1, "--show", "pip install opencv-python")


@pytest.mark.slow
def test_quiet_prints_errors_only(
    demo_bundle: Path, demo_pictures: tuple[Path, ...], tmp_path: Path, deepmark: Deepmark
) -> None:
    outcome = deepmark("detect", demo_bundle, demo_pictures[3], "-o", tmp_path / "out", "-q")

    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
