"""``deepmark eval``, through the command line."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from deepfashion2_files import document, item, write_set, write_zip
from outcome import Deepmark

from deepmark.benchmarks.accuracy.prediction import with_techniques
from deepmark.models.training.drawings.dataset import write_dataset
from deepmark.runtime.params import DecoderParams


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve drawings; never written to by a test."""
    folder = tmp_path_factory.mktemp("drawings")
    write_dataset(folder, count=12, seed=1, size=128, workers=1)
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Two hand-made pictures."""
    return write_set(tmp_path / "small", {1: document(item(1)), 2: document(item(8), item(2))})


def detection(**changes: Any) -> dict[str, Any]:
    """A perfect detection of picture 1 of `small`."""
    keypoints = [*item(1)["landmarks"], *([0] * (882 - 75))]
    return {"image_id": 1, "category_id": 1, "bbox": [20, 20, 40, 40], "keypoints": keypoints, "score": 0.5} | changes


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_saved_detections_give_the_same_figures_as_the_model(
    deepmark: Deepmark, demo_bundle: Path, drawings: Path, tmp_path: Path
) -> None:
    found = tmp_path / "results" / "found.json"
    data = ("--images", drawings, "--annotations", drawings)
    first = deepmark("eval", demo_bundle, *data, "--subsets", "--save", found, "--json")
    second = deepmark("eval", "--detections", found, "--annotations", drawings, "--subsets", "--json")

    assert (first.code, second.code) == (0, 0), first.err + second.err
    one, two = json.loads(first.out), json.loads(second.out)
    assert one["accuracy"] == two["accuracy"]
    assert one["mAP_box"] == one["accuracy"]["map_box"]["ap"] > 0.05
    assert one["mAP_pt"] == one["accuracy"]["map_pt"]["ap"]
    assert one["engine"]["backend"] == "mnn"
    assert one["accuracy"]["pictures"] == 12
    assert len(one["accuracy"]["subsets"]) == 12
    assert one["skipped"] == []
    saved = json.loads(found.read_text())
    assert len(saved) == one["accuracy"]["detections"]
    assert all(list(row) == ["image_id", "category_id", "bbox", "keypoints", "score"] for row in saved)
    assert {len(row["keypoints"]) for row in saved} == {882}


def test_onnx_mnn_and_torch_agree(deepmark: Deepmark, demo_bundle: Path, demo_checkpoint: Path, drawings: Path) -> None:
    models = (
        (demo_bundle, "--backend", "mnn"),
        (demo_bundle, "--backend", "onnxruntime"),
        (demo_checkpoint, "--size", 128),
    )
    outcomes = [deepmark("eval", *model, "--images", drawings, "--annotations", drawings, "--json") for model in models]
    documents = [json.loads(one.out) for one in outcomes]

    assert [one["engine"]["backend"] for one in documents] == ["mnn", "onnxruntime", "torch"]
    for name in ("mAP_pt", "mAP_box"):
        figures = [one[name] for one in documents]
        assert max(figures) - min(figures) < 0.001


def test_the_table_says_what_json_says(deepmark: Deepmark, small: Path, tmp_path: Path) -> None:
    found = write(tmp_path / "found.json", [detection()])

    outcome = deepmark("eval", "--detections", found, "--annotations", small, "--subsets", "--visible-only")

    assert outcome.code == 0
    assert outcome.out == ""
    assert "visible landmarks only" in outcome.err
    assert "mAP_pt 0.3333, mAP_box 0.3333 on 2 pictures with 3 garments, 1 detections" in outcome.err
    assert "side or back" in outcome.err


def test_techniques_are_switched_off_one_by_one() -> None:
    params, plain = DecoderParams(nms="soft"), DecoderParams.baseline()

    assert with_techniques(params, frozenset((1, 2, 3, 4))) == params
    assert with_techniques(params, frozenset()) == replace(plain, nms="soft")
    assert with_techniques(params, frozenset((2, 4))) == replace(params, alpha=1, gamma=1)
    assert with_techniques(params, frozenset((1, 3))) == replace(params, sigma_center=0, sigma_keypoint=0, mask=False)


@pytest.mark.parametrize(("text", "alpha", "mask"), [("none", 1, False), ("1", 0.8, False), ("4, 1", 0.8, True)])
def test_the_chosen_techniques_decode(
    deepmark: Deepmark, demo_bundle: Path, small: Path, text: str, alpha: float, mask: bool
) -> None:
    outcome = deepmark("eval", demo_bundle, "--images", small, "--annotations", small, "--techniques", text, "--json")

    decoder = json.loads(outcome.out)["decoder"]
    assert (decoder["alpha"], decoder["mask"]) == (alpha, mask)


def test_bad_pictures_are_counted_and_their_detections_left_out(
    deepmark: Deepmark, small: Path, tmp_path: Path
) -> None:
    (small / "annos" / "000002.json").write_text("{")
    found = write(tmp_path / "found.json", [detection(), detection(image_id=2)])
    request = ("eval", "--detections", found, "--annotations", small, "--json")

    deepmark(*request).assert_refused(1, "has faults, 1 in all", "000002.json: is not JSON", "--skip-bad")
    outcome = json.loads(deepmark(*request, "--skip-bad").out)

    assert outcome["accuracy"]["detections"] == 1
    assert (outcome["mAP_pt"], outcome["mAP_box"]) == (pytest.approx(1), pytest.approx(1))
    assert len(outcome["skipped"]) == 1


def test_the_official_zip_is_evaluated_without_unpacking(
    deepmark: Deepmark, demo_bundle: Path, small: Path, tmp_path: Path
) -> None:
    packed = write_zip(tmp_path / "validation.zip", small, "validation/", b"secret")
    password = write(tmp_path / "password.txt", "secret\n")
    data = ("--images", packed, "--annotations", packed)

    zipped = deepmark("eval", demo_bundle, *data, "--password-file", password, "--json")
    plain = deepmark("eval", demo_bundle, "--images", small, "--annotations", small, "--json")

    assert json.loads(zipped.out)["accuracy"] == json.loads(plain.out)["accuracy"]
    deepmark("eval", demo_bundle, *data).assert_refused(1, "is encrypted", "--password-file")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([detection(image_id=3)], ["detection 0", "image_id 3 is no picture of the data set"]),
        ([detection(), detection(category_id=14)], ["detection 1", "category_id must be 1-13, found 14"]),
        ([detection(category_id=0)], ["detection 0", "category_id"]),
        ([detection(keypoints=[0] * 51)], ["detection 0", "882", "found 51"]),
        ([detection(bbox=[1, 1, -1, 5])], ["detection 0", "bbox"]),
        ([{"image_id": 1}], ["detection 0", "category_id"]),
        ({"annotations": []}, ["no list of detections"]),
        ("[{]", ["no list of detections"]),
        ("[NaN]", ["no list of detections"]),
    ],
)
def test_detections_that_do_not_fit_are_refused_and_not_zero(
    deepmark: Deepmark, small: Path, tmp_path: Path, content: object, words: list[str]
) -> None:
    found = write(tmp_path / "found.json", content)

    deepmark("eval", "--detections", found, "--annotations", small).assert_refused(1, "found.json", *words)


def test_a_model_of_other_classes_is_refused_and_not_zero(
    deepmark: Deepmark, demo_bundle: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepmark.models.schema import KeypointSchema
    from deepmark.runtime.detector import Detector

    monkeypatch.setattr(Detector, "schema", KeypointSchema.coco_person())

    deepmark("eval", demo_bundle, "--images", small, "--annotations", small).assert_refused(1, "1 classes", "13")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--annotations", "set"], ["either MODEL or --detections"]),
        (["model", "--detections", "found.json", "--annotations", "set"], ["either MODEL or --detections"]),
        (["model", "--annotations", "set"], ["--images"]),
        (["model", "--images", "set"], ["--annotations"]),
        (["--detections", "f.json", "--annotations", "set", "--techniques", "1"], ["--techniques has no meaning"]),
        (["model", "--images", "s", "--annotations", "s", "--size", "64"], ["--size has no meaning", "exported"]),
        (["m.pth", "--images", "s", "--annotations", "s", "--backend", "mnn"], ["--backend has no meaning", "torch"]),
        (["model", "--images", "s", "--annotations", "s", "--techniques", "5"], ["'5' is none of all, none"]),
        (["model", "--images", "s", "--annotations", "s", "--techniques", ""], ["is none of all, none"]),
    ],
)
def test_requests_without_sense_are_refused(deepmark: Deepmark, arguments: list[str], words: list[str]) -> None:
    deepmark("eval", *arguments).assert_refused(2, *words)


@pytest.mark.parametrize(
    ("model", "missing", "extra"), [("absent.deepmark", "hotcoco", "eval"), ("absent.pth", "torch", "export")]
)
def test_without_its_libraries_nothing_is_begun(
    deepmark: Deepmark, small: Path, monkeypatch: pytest.MonkeyPatch, model: str, missing: str, extra: str
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else find(name))

    outcome = deepmark("eval", model, "--images", small, "--annotations", small)

    outcome.assert_refused(1, f"needs {missing}", f"deepmark-export[{extra}]")


def test_a_file_that_cannot_be_written_is_one_line(
    deepmark: Deepmark, demo_bundle: Path, small: Path, tmp_path: Path
) -> None:
    write(tmp_path / "file", "")

    outcome = deepmark(
        "eval", demo_bundle, "--images", small, "--annotations", small, "--save", tmp_path / "file" / "found.json"
    )

    outcome.assert_refused(1, "found.json")


def test_no_detections_are_saved_as_an_empty_list(tmp_path: Path) -> None:
    from deepmark.benchmarks.accuracy.results import ResultsBuilder, load_results, save_results
    from deepmark.models.schema import KeypointSchema

    schema = KeypointSchema.deepfashion2()
    save_results(tmp_path / "found.json", ResultsBuilder(schema).build(), schema)

    assert msgspec.json.decode((tmp_path / "found.json").read_bytes()) == []
    assert sum(map(len, load_results(tmp_path / "found.json", [1], schema))) == 0
