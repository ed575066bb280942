"""``deepmark bench`` on the tiny network. Whether times are stable is the machine's affair: 0 and 5 both will do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from outcome import Deepmark, Outcome

from deepmark.benchmarks.result.document import BenchResult, ContestantResult
from deepmark.benchmarks.result.formats import read_result, write_result
from deepmark.benchmarks.speed.machine import choose_cores, usable_cores
from deepmark.errors import UsageError

QUICK = ("--rounds", "2", "--runs", "6", "--warm-up", "0")
MEASURED = (0, 5)


@pytest.fixture
def bench(deepmark: Deepmark) -> Callable[..., Outcome]:
    return lambda *arguments: deepmark("bench", *arguments, *QUICK)


@pytest.mark.slow
def test_a_bundle_is_measured_with_both_engines(
    bench: Callable[..., Outcome], tiny_bundle: Path, tmp_path: Path
) -> None:
    files = {name: tmp_path / f"out.{name}" for name in ("json", "csv")}

    outcome = bench(tiny_bundle, "--backend", "all", "-o", files["json"], "--csv", files["csv"])

    assert outcome.code in MEASURED, outcome.err
    result = read_result(files["json"])
    assert [one.engine for one in result.contestants] == ["mnn", "onnxruntime"]
    assert [one.name for one in result.contestants] == ["tiny mnn", "tiny onnxruntime"]
    for one in result.contestants:
        assert [len(turn.phases["network"]) for turn in one.rounds] == [3, 3]
        assert one.threads == 1
        assert one.objects is not None
        assert one.objects > 0
        before, peak = one.memory.before, one.memory.peak_uss
        assert before is not None
        assert peak is not None
        assert peak > before > 0
    assert (result.contestants[0].memory.engine or 0) > 0  # MNN tells
    assert result.failures == ()
    assert result.pictures.source == "golden inputs of tiny"
    assert len(files["csv"].read_text().splitlines()) == 1 + 2 * 6
    for word in ("letterbox", "network", "decode", "FPS", "peak USS"):
        assert word in outcome.err
    assert outcome.out == ""


@pytest.mark.slow
def test_a_flip_test_and_scales_take_turns_with_a_single_look(
    bench: Callable[..., Outcome], tiny_bundle: Path, tmp_path: Path
) -> None:
    outcome = bench(tiny_bundle, "--flip", "--scales", ".5,1", "--scales-mode", "keep", "-o", tmp_path / "out.json")

    assert outcome.code in MEASURED, outcome.err
    single, several = read_result(tmp_path / "out.json").contestants
    assert (single.name, several.name) == ("tiny", "tiny flip, scales 0.5, 1 (keep)")
    assert several.settings["inference"] == "flip, scales 0.5, 1 (keep)"
    assert "inference" not in single.settings
    assert (several.objects or 0) > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--scales", "0"), ("a scale of 0 is not possible", "from 0.1 to 4")),
        (("--scales", "abc"), ("must be numbers with commas, found 'abc'",)),
        (("--scales", "20"), ("a scale of 20 is not possible",)),
        (("--device", "adb", "--scales", ".5,1"), ("--scales goes with --device host only",)),
        (("--device", "adb", "--scales-mode", "keep"), ("--scales-mode goes with --device host only",)),
    ],
)
def test_scales_that_make_no_sense_are_one_line(
    bench: Callable[..., Outcome], tiny_bundle: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    bench(tiny_bundle, *arguments).assert_refused(2, *words)


def test_json_is_the_document_alone(bench: Callable[..., Outcome], tiny_bundle: Path) -> None:
    outcome = bench(tiny_bundle, "--json")

    assert outcome.code in MEASURED, outcome.err
    document = json.loads(outcome.out)
    assert document["format"] == "deepmark-bench/1"
    assert document["command"].startswith("deepmark bench ")


@pytest.mark.slow
def test_sizes_of_a_dynamic_model_are_swept(bench: Callable[..., Outcome], tiny_bundle: Path) -> None:
    outcome = bench(tiny_bundle, "--sweep", "--size", "64", "--size", "96x64", "--threads", "1", "--compare", "paper")

    assert outcome.code in MEASURED, outcome.err
    for words in ("tiny 64x64", "tiny 96x64", "GFLOPs, Table 6", "Huawei P40 Pro", "different machines"):
        assert words in outcome.err


@pytest.mark.slow
def test_rivals_and_a_report(bench: Callable[..., Outcome], tiny_bundle: Path, tmp_path: Path) -> None:
    pytest.importorskip("ncnn")
    page, result = tmp_path / "page.html", tmp_path / "result.json"

    outcome = bench(tiny_bundle, "--against", "ncnn,onnxruntime,mnn,torch", "--report", page, "-o", result)

    assert outcome.code in MEASURED, outcome.err
    measured = read_result(result).contestants
    assert [one.engine for one in measured if one.kind == "rival"] == ["ncnn", "onnxruntime", "mnn"]
    assert "not measured: torch runs a checkpoint, and none was given (give --checkpoint FILE)" in outcome.err
    assert "the fastest rival" in outcome.err
    html = page.read_text()
    for words in ("Distribution of the total", "ncnn (network alone)", "Stability", "Huawei P40 Pro"):
        assert words in html


def test_a_text_file_among_good_models_costs_itself_only(
    bench: Callable[..., Outcome], tiny_bundle: Path, tmp_path: Path
) -> None:
    text, result = tmp_path / "notes.onnx", tmp_path / "result.json"
    text.write_text("not a model")

    outcome = bench(text, tiny_bundle, "-o", result)

    outcome.assert_refused(1, "1 could not be measured, the others were", str(text))
    assert [one.name for one in read_result(result).contestants] == ["tiny"]
    assert "FPS" in outcome.err


def test_a_model_that_crashes_its_library_is_named(
    bench: Callable[..., Outcome], tiny_bundle: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "cut.mnn"
    whole = (tiny_bundle / "model.mnn").read_bytes()
    bad.write_bytes(whole[: len(whole) * 3 // 4])

    bench(tiny_bundle, bad).assert_refused(1, "could not be measured", str(bad))


def test_nothing_but_bad_models_is_an_error(bench: Callable[..., Outcome], tmp_path: Path) -> None:
    bench(tmp_path / "nowhere").assert_refused(1, f"{tmp_path / 'nowhere'} does not exist")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["give a MODEL"]),
        (["{model}", "--threads", "0"], ["--threads", "0"]),
        (["{model}", "--threads", "999"], ["--threads", "999"]),
        (["{model}", "--rounds", "0"], ["--rounds", "0"]),
        (["{model}", "--runs", "0"], ["--runs"]),
        (["{model}", "--size", "100"], ["multiples of 32"]),
        (["{model}", "--cores", "one"], ["--cores must be auto or a list", "'one'"]),
        (["{model}", "--cores", "4000"], ["this process may use the cores"]),
        (["{model}", "--against", "caffe"], ["'caffe' is none of torch, onnxruntime"]),
        (["{model}", "--accuracy", "a.json"], ["--report"]),
        (["{model}", "--diff", "a.json", "b.json"], ["runs no MODEL"]),
        (["{model}", "--device", "usb"], ["adb"]),
    ],
)
def test_a_wrong_command_line_is_one_line_and_a_hint(
    arguments: list[str], words: list[str], deepmark: Deepmark, tiny_bundle: Path
) -> None:
    deepmark("bench", *(one.format(model=tiny_bundle) for one in arguments)).assert_refused(2, *words)


@pytest.mark.slow
def test_pictures_of_a_folder_are_run_on(bench: Callable[..., Outcome], tiny_bundle: Path, tmp_path: Path) -> None:
    folder, result = tmp_path / "pictures", tmp_path / "result.json"
    folder.mkdir()
    for number, shape in enumerate([(40, 30, 3), (20, 50, 3)]):
        cv2.imwrite(str(folder / f"{number}.png"), np.full(shape, 50 * number, np.uint8))

    outcome = bench(tiny_bundle, "--images", folder, "-o", result)

    assert outcome.code in MEASURED, outcome.err
    assert read_result(result).pictures.sizes == ((40, 30), (20, 50))


def test_a_folder_without_pictures_is_refused(bench: Callable[..., Outcome], tiny_bundle: Path, tmp_path: Path) -> None:
    bench(tiny_bundle, "--images", tmp_path).assert_refused(1, "holds no pictures")


def test_diff_prints_what_changed(
    deepmark: Deepmark, tmp_path: Path, measured: Callable[..., ContestantResult], result: Callable[..., BenchResult]
) -> None:
    paths = [tmp_path / name for name in ("a.json", "b.json")]
    for path, ms in zip(paths, (10.0, 8.0), strict=True):
        write_result(path, result(measured("one", [[ms, ms + 0.1]] * 4)))

    shown, document = deepmark("bench", "--diff", *paths), deepmark("bench", "--diff", *paths, "--json")

    assert shown.code == document.code == 0
    assert "faster" in shown.err
    assert json.loads(document.out)[0]["verdict"] == "faster"


def test_diff_of_something_else_is_refused(deepmark: Deepmark, tmp_path: Path) -> None:
    deepmark("bench", "--diff", tmp_path / "a.json", tmp_path / "b.json").assert_refused(1, "cannot read", "a.json")


def test_cores_are_read_as_a_list_of_numbers_and_ranges() -> None:
    first = usable_cores()[0]

    assert choose_cores(f"{first}-{first}", 1) == (first,)
    assert len(choose_cores("auto", 1)) == 1
    assert set(choose_cores("auto", 1)) <= set(usable_cores())
    for wrong in ("", "3-1", "-1", "1,,2", "0x1"):
        with pytest.raises(UsageError):
            choose_cores(wrong, 1)
    with pytest.raises(UsageError, match="2 threads need as many cores"):
        choose_cores(str(first), 2)
