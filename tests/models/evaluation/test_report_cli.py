"""``deepmark eval --report`` and ``--annotations FILE.json``, through the command line."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from deepfashion2_files import coco_document, document, item, write_set
from html_reader import Reader
from outcome import Deepmark

from deepmark.models.datasets.drawings.dataset import write_dataset


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Two hand-made pictures."""
    return write_set(tmp_path / "small", {1: document(item(1)), 2: document(item(8), item(2))})


@pytest.fixture
def found(tmp_path: Path) -> Path:
    """A perfect detection of the first picture's garment, and a wrong one in the second."""
    keypoints = [*item(1)["landmarks"], *([0] * (882 - 75))]
    right = {"image_id": 1, "category_id": 1, "bbox": [20, 20, 40, 40], "keypoints": keypoints, "score": 0.5}
    return write(tmp_path / "found.json", [right, right | {"image_id": 2, "category_id": 9, "score": 0.4}])


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def figures(precision: dict[str, Any]) -> list[float]:
    return [precision[name] for name in ("ap", "ap50", "ap75")]


@pytest.mark.slow
def test_the_page_has_the_numbers_of_json(deepmark: Deepmark, small: Path, found: Path, tmp_path: Path) -> None:
    page = tmp_path / "pages" / "accuracy.html"
    request = ("eval", "--detections", found, "--images", small, "--annotations", small, "--json")

    outcome = deepmark(*request, "--report", page)

    assert outcome.code == 0, outcome.err
    assert outcome.out == deepmark(*request).out
    accuracy = json.loads(outcome.out)["accuracy"]
    read = Reader(page.read_text(encoding="utf-8"))
    numbers = [float(str(one["value"])) for one in read.all("data")]
    assert numbers[:6] == figures(accuracy["map_pt"]) + figures(accuracy["map_box"])
    first = accuracy["classes"][0]
    assert numbers[6:14] == [first["items"], first["detections"], *figures(first["points"]), *figures(first["boxes"])]
    assert accuracy["map_box"]["ap"] == pytest.approx(1 / 3)
    assert len(read.all("img")) == 2
    assert str(found) in read.text("dd")
    written = page.read_bytes()
    deepmark(*request, "--report", page)
    assert page.read_bytes() == written


@pytest.mark.slow
def test_a_model_is_named_with_its_engine_and_parameters(
    deepmark: Deepmark, demo_bundle: Path, small: Path, tmp_path: Path
) -> None:
    page = tmp_path / "accuracy.html"

    outcome = deepmark("eval", demo_bundle, "--images", small, "--annotations", small, "--report", page, "--json")

    printed = json.loads(outcome.out)
    read = Reader(page.read_text(encoding="utf-8"))
    facts = dict(zip(read.text("dt")[6:], read.text("dd")[-len(read.text("dt")[6:]) :], strict=True))
    assert facts["engine: backend"] == printed["engine"]["backend"]
    assert facts["engine: model sha256"] == printed["engine"]["model_sha256"]
    assert facts["decoder: alpha"] == str(printed["decoder"]["alpha"])
    assert facts["pictures left out"] == "0"


def test_pictures_that_were_left_out_are_listed(deepmark: Deepmark, small: Path, found: Path, tmp_path: Path) -> None:
    (small / "annos" / "000002.json").write_text("{")
    page = tmp_path / "accuracy.html"

    deepmark("eval", "--detections", found, "--annotations", small, "--skip-bad", "--report", page)

    read = Reader(page.read_text(encoding="utf-8"))
    assert any("000002.json: is not JSON" in text for text in read.text("th"))
    assert read.all("img") == []


@pytest.mark.slow
def test_a_page_that_cannot_be_written_is_one_line(deepmark: Deepmark, small: Path, found: Path) -> None:
    outcome = deepmark("eval", "--detections", found, "--annotations", small, "--report", small)

    outcome.assert_refused(1, f"cannot write {small}")
    assert sorted(path.name for path in small.iterdir()) == ["annos", "image"]
    assert [path.name for path in small.parent.iterdir() if path.name.startswith(".")] == []


def test_without_its_libraries_nothing_is_begun(
    deepmark: Deepmark, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "matplotlib" else find(name))

    outcome = deepmark("eval", "--detections", "absent.json", "--annotations", small, "--report", "page.html")

    outcome.assert_refused(1, "needs matplotlib", "deepmark-export[report]")


@pytest.mark.slow
def test_the_coco_file_gives_the_same_figures_as_the_folder(
    deepmark: Deepmark, demo_bundle: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "drawings"
    write_dataset(folder, count=8, seed=1, size=128, workers=1)
    documents = {int(path.stem): json.loads(path.read_bytes()) for path in sorted((folder / "annos").iterdir())}
    coco = write(tmp_path / "val-coco_style.json", coco_document(documents, side=128))
    request = ("eval", demo_bundle, "--images", folder, "--json")

    plain = json.loads(deepmark(*request, "--annotations", folder).out)
    outcome = deepmark(*request, "--annotations", coco)

    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["accuracy"] == plain["accuracy"]
    assert plain["mAP_box"] > 0


def test_subsets_need_what_the_coco_file_does_not_say(deepmark: Deepmark, found: Path, tmp_path: Path) -> None:
    coco = write(tmp_path / "coco.json", coco_document({1: document(item(1)), 2: document()}))

    outcome = deepmark("eval", "--detections", found, "--annotations", coco, "--subsets")

    outcome.assert_refused(1, "coco.json", "scale, occlusion, zoom-in and viewpoint", "hint")


def test_what_is_wrong_in_the_coco_file_is_named_or_counted(deepmark: Deepmark, found: Path, tmp_path: Path) -> None:
    content = coco_document({1: document(item(1)), 2: document(item(8), item(2))})
    content["annotations"][2]["keypoints"][0] = 7
    request = ("eval", "--detections", found, "--annotations", write(tmp_path / "coco.json", content), "--json")

    deepmark(*request).assert_refused(1, "coco.json: annotations[2].keypoints[0] must be 0", "found 7", "--skip-bad")
    outcome = json.loads(deepmark(*request, "--skip-bad").out)

    assert len(outcome["skipped"]) == 1
    assert outcome["mAP_box"] == pytest.approx(1)
