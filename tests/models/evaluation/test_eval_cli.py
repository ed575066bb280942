"""``deepmark eval``, through the command line."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
import torch
from checkpoints import key_shapes, light_tensors, of_library
from deepfashion2_files import document, item, write_set, write_zip
from outcome import Deepmark
from small_models import deepfashion2_bundle

from deepmark.models.datasets.drawings.dataset import write_dataset
from deepmark.runtime.decoding.params import DecoderParams
from deepmark.runtime.decoding.techniques import with_techniques
from deepmark.runtime.keypoints.schema import KeypointSchema


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


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_a_technique_that_is_off_in_the_model_gets_the_paper_s_parameters() -> None:
    plain = replace(DecoderParams.baseline(), nms="soft")

    assert with_techniques(plain, (2,)) == replace(plain, sigma_center=0.45, sigma_keypoint=0.9)
    assert with_techniques(plain, (1, 2, 3, 4)) == DecoderParams(nms="soft")
    own = replace(plain, sigma_center=0.2, alpha=0.5)
    assert with_techniques(own, (1, 2)) == own


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_model_of_other_classes_is_refused_and_not_zero(deepmark: Deepmark, small: Path, tmp_path: Path) -> None:
    person = deepfashion2_bundle(tmp_path, KeypointSchema.coco_person())

    deepmark("eval", person, "--images", small, "--annotations", small).assert_refused(1, "finds 1 class (", "13")


def test_a_model_of_renamed_classes_is_refused_and_not_zero(deepmark: Deepmark, small: Path, tmp_path: Path) -> None:
    schema = KeypointSchema.deepfashion2()
    classes = (replace(schema.classes[1], name="shirt"), *schema.classes[1:])
    bundle = deepfashion2_bundle(tmp_path, replace(schema, classes=(schema.classes[0], *classes[:1], *classes[2:])))

    outcome = deepmark("eval", bundle, "--images", small, "--annotations", small)

    outcome.assert_refused(1, "class 2 of the model is 'shirt'", "'long sleeve top'")


def test_one_picture_is_a_data_set(deepmark: Deepmark, small_bundle: Path, tmp_path: Path) -> None:
    one = write_set(tmp_path / "one", {7: document(item(1))})

    outcome = deepmark("eval", small_bundle, "--images", one, "--annotations", one, "--subsets", "--json")

    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["accuracy"]["pictures"] == 1


def test_a_picture_without_garments_has_no_figure(deepmark: Deepmark, small_bundle: Path, tmp_path: Path) -> None:
    one = write_set(tmp_path / "one", {7: document()})

    outcome = deepmark("eval", small_bundle, "--images", one, "--annotations", one, "--json")

    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["mAP_pt"] is None


@pytest.mark.parametrize(
    ("missing", "words"),
    [("annos", ["holds no annotation"]), ("image", ["holds no picture"]), ("both", ["annotation"])],
)
def test_folders_without_files_are_named(
    deepmark: Deepmark, small_bundle: Path, small: Path, missing: str, words: list[str]
) -> None:
    for part in ("annos", "image"):
        if missing in {part, "both"}:
            for file in (small / part).iterdir():
                file.unlink()

    deepmark("eval", small_bundle, "--images", small, "--annotations", small).assert_refused(1, *words)


@pytest.mark.slow
def test_table_2_has_its_rows_and_ends_with_the_model_as_it_is(
    deepmark: Deepmark, demo_bundle: Path, drawings: Path
) -> None:
    request = ("eval", demo_bundle, "--images", drawings, "--annotations", drawings, "--table", "2")
    printed = deepmark(*request)
    found = json.loads(deepmark(*request, "--json").out)

    rows = {row["name"]: row for row in found["table2"]}
    assert list(rows) == ["Baseline", "NMS", *(f"Technique ({n})" for n in (1, 2, 3, 4)), "Combined"]
    assert rows["Combined"]["map_pt"] == found["accuracy"]["map_pt"]
    assert rows["Combined"]["map_box"] == found["accuracy"]["map_box"]
    assert rows["Combined"]["paper"] == {"map_pt": 0.445, "map_box": 0.652}
    assert [row["decoder"]["nms"] for row in rows.values()] == [None, "soft", None, None, None, None, "soft"]
    assert rows["Technique (3)"]["decoder"]["gamma"] == 0.75
    assert len({row["map_pt"]["ap"] for row in rows.values()}) > 3
    assert "the paper's figures are of mDLA-34 at 256x256" in " ".join(printed.err.split())


@pytest.mark.slow
def test_every_spread_and_cache_gives_the_same_document(
    deepmark: Deepmark, small_bundle: Path, forty: Path, tmp_path: Path
) -> None:
    request = ("eval", small_bundle, "--images", forty, "--annotations", forty, "--json")
    variants = (
        ("--cache", "none", "--threads", 1),
        ("--cache", tmp_path / "cache", "--workers", 2),
        ("--cache", tmp_path / "cache", "--workers", 1),
        ("--cache", "none", "--workers", 1),
    )
    documents = [json.loads(deepmark(*request, *one).out) for one in variants]

    for one in documents:
        one["engine"].pop("threads_asked")
        assert one == documents[0]
    assert documents[0]["accuracy"]["detections"] > 0
    assert len(list((tmp_path / "cache").rglob("*.heads"))) == 3


def _start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "deepmark", "eval", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def _alive(group: int) -> list[str]:
    """Name the processes of a group that still run."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
    return found


def _wait_for_heads(cache: Path, child: subprocess.Popen[str]) -> None:
    """Return as soon as the first file is there."""
    end = time.monotonic() + 120
    while not list(cache.rglob("[!.]*.heads")):
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < end
        time.sleep(0.005)


def _underway(bundle: Path, folder: Path, *spread: object) -> tuple[subprocess.Popen[str], tuple[object, ...], Path]:
    """Begin an evaluation on drawings; returns the process with its first heads, its data's options and its cache."""
    write_dataset(folder / "set", count=80, seed=3, size=64, workers=1)
    data = ("--images", folder / "set", "--annotations", folder / "set", "--json")
    cache = folder / "cache"
    child = _start(bundle, *data, "--cache", cache, *spread)
    _wait_for_heads(cache, child)
    return child, data, cache


@pytest.mark.slow
@pytest.mark.parametrize("spread", [(), ("--workers", 2)])
def test_a_killed_evaluation_goes_on_where_it_was(
    small_bundle: Path, tmp_path: Path, spread: tuple[object, ...]
) -> None:
    child, data, cache = _underway(small_bundle, tmp_path, *spread)
    os.kill(child.pid, signal.SIGKILL)  # its workers are not told
    child.communicate(timeout=60)
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("[!.]*.heads")}
    assert len(before) < 5

    out, err = _start(small_bundle, *data, "--cache", cache, *spread).communicate(timeout=120)
    whole, _ = _start(small_bundle, *data, "--cache", "none", *spread).communicate(timeout=120)

    after = {path: path.stat().st_mtime_ns for path in cache.rglob("[!.]*.heads")}
    assert len(after) == 5, err
    assert before.items() <= after.items()
    assert json.loads(out) == json.loads(whole)


@pytest.mark.slow
@pytest.mark.parametrize("spread", [(), ("--workers", 2)])
def test_ctrl_c_is_one_line_and_ends_all_processes(
    small_bundle: Path, tmp_path: Path, spread: tuple[object, ...]
) -> None:
    child, *_ = _underway(small_bundle, tmp_path, *spread)
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does
    _, err = child.communicate(timeout=60)

    assert child.returncode == 130, err
    assert "Traceback" not in err
    assert err.splitlines()[-1] == "error: interrupted"
    end = time.monotonic() + 30
    while _alive(child.pid) and time.monotonic() < end:  # Python's own tracker ends a moment after its parent
        time.sleep(0.05)
    assert _alive(child.pid) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--annotations", "set"], ["either MODEL or --detections"]),
        (["model", "--detections", "found.json", "--annotations", "set"], ["either MODEL or --detections"]),
        (["model", "--annotations", "set"], ["--images"]),
        (["model", "--images", "set"], ["--annotations"]),
        (["--detections", "f.json", "--annotations", "set", "--techniques", "1"], ["--techniques has no meaning"]),
        (
            ["model", "--images", "s", "--annotations", "s", "--size", "64"],
            ["--size has no meaning", "exported", "hint: "],
        ),
        (["model", "--images", "s", "--annotations", "s", "--dcn-mask", 2], ["--dcn-mask has no meaning", "exported"]),
        (["m.pth", "--images", "s", "--annotations", "s", "--backend", "mnn"], ["--backend has no meaning", "torch"]),
        (["model", "--images", "s", "--annotations", "s", "--threads", 2, "--workers", 2], ["--threads, --workers"]),
        (["model", "--images", "s", "--annotations", "s", "--workers", 2, "--dask", "tcp://a:1"], ["only one of"]),
        (["--detections", "f.json", "--annotations", "s", "--cache", "none"], ["--cache has no meaning"]),
        (["--detections", "f.json", "--annotations", "s", "--table", 2], ["--table has no meaning"]),
        (["model", "--images", "s", "--annotations", "s", "--techniques", "5"], ["'5' is none of all, none"]),
        (["model", "--images", "s", "--annotations", "s", "--techniques", ""], ["is none of all, none"]),
    ],
)
def test_requests_without_sense_are_refused(deepmark: Deepmark, arguments: list[str], words: list[str]) -> None:
    deepmark("eval", *arguments).assert_refused(2, *words)


def test_a_checkpoint_whose_mask_is_not_certain_is_run_when_its_factor_is_told(
    deepmark: Deepmark, small: Path, tmp_path: Path
) -> None:
    given = light_tensors(key_shapes("resnet18_dcn_17kp"))
    torch.save(of_library(given, "H", 2), tmp_path / "net.pth")
    command = ("eval", tmp_path / "net.pth", "--images", small, "--annotations", small, "--size", 32)

    deepmark(*command).assert_refused(1, "does not say whether its mask", "--dcn-mask 2")
    deepmark(*command, "--dcn-mask", 2).assert_refused(1, "finds 1 class ")  # loaded: persons, no garments


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


@pytest.mark.slow
def test_a_file_that_cannot_be_written_is_one_line(
    deepmark: Deepmark, demo_bundle: Path, small: Path, tmp_path: Path
) -> None:
    write(tmp_path / "file", "")

    outcome = deepmark(
        "eval", demo_bundle, "--images", small, "--annotations", small, "--save", tmp_path / "file" / "found.json"
    )

    outcome.assert_refused(1, "found.json")


def test_no_detections_are_saved_as_an_empty_list(tmp_path: Path) -> None:
    from deepmark.models.evaluation.coco_file import save_results
    from deepmark.models.evaluation.detection_files import load_detections
    from deepmark.models.evaluation.results import ResultsBuilder
    from deepmark.models.evaluation.truth import collect_truth
    from deepmark.runtime.keypoints.schema import KeypointSchema

    schema = KeypointSchema.deepfashion2()
    save_results(tmp_path / "found.json", ResultsBuilder(schema).build(), schema)

    assert msgspec.json.decode((tmp_path / "found.json").read_bytes()) == []
    found = load_detections([tmp_path / "found.json"], collect_truth([], schema))
    assert found.points is not None
    assert found.boxes is found.points
    assert sum(map(len, found.points)) == 0


def test_a_cache_folder_that_cannot_be_made_is_said_and_no_reason_to_stop(
    deepmark: Deepmark,
    small_bundle: Path,
    small: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("DEEPMARK_CACHE", str(write(tmp_path / "file", "in the way") / "cache"))

    outcome = deepmark("eval", small_bundle, "--images", small, "--annotations", small, "--json")

    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["accuracy"]["pictures"] == 2
    assert "the cache folder cannot be written" in caplog.text
