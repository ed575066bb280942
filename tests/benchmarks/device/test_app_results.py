"""``deepmark bench --from``: what the Android app shared. Every number here is made up; no phone was measured."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from made_app_documents import RUNS, made_document, made_lines, made_manifest, made_state, write_document
from outcome import Deepmark

from deepmark.benchmarks.device import app_document
from deepmark.benchmarks.device.app_results import result_of_app
from deepmark.benchmarks.result.diff import compare
from deepmark.benchmarks.result.figures import contestant_figures
from deepmark.benchmarks.result.formats import read_result
from deepmark.benchmarks.result.statistics import unpaired_ratio
from deepmark.benchmarks.result.verdict import judge

ROOT = Path(__file__).resolve().parents[3]
JAVA = ROOT / "android-demo/app/src/main/java/deepmark/demo/model/Measurement.java"
Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """One document, as the app shares it."""
    return write_document(tmp_path / "phone.json", made_document())


def _put(java: str, method: str) -> set[str]:
    """Names that a method of the app puts into JSON objects."""
    body = java[java.index(f" {method}(") :]
    return set(re.findall(r'\.put\(\s*"(\w+)"', body[: body.index("\n    }\n")]))


def test_the_app_writes_what_is_read_here() -> None:
    java = JAVA.read_text(encoding="utf-8")
    parts = [
        app_document._Document,
        app_document._Turn,
        app_document.AppBundle,
        app_document.AppPhone,
        app_document.AppDecoding,
        app_document.AppState,
    ]
    whole, turn, bundle, phone, decoding, state = (set(one.__struct_fields__) for one in parts)

    assert _put(java, "JSONObject phone") == phone
    assert _put(java, "JSONObject written") == decoding
    assert _put(java, "JSONObject state") == state
    assert _put(java, "String document") == whole | bundle
    assert _put(java, "MeasuredTurn take") == turn
    assert set(re.findall(r'\.put\(\s*"(\w+)"', java)) == set().union(whole, turn, bundle, phone, decoding, state)
    assert re.findall(r'FORMAT = "(.*?)"', java) == [app_document.FORMAT]


def test_what_androids_own_json_writes_is_read(tmp_path: Path) -> None:
    document = made_document()
    document["turns"][0]["lines"][3]["decode_ms"] = 0.0001
    document["turns"][0]["lines"][1]["memory"] = {"rss_kib": 1, "hwm_kib": 1, "pss_kib": None}
    text = json.dumps(document).replace("0.0001", "1.0E-4")
    text = text.replace('"ELS-N29', '"ELS\\/N29\\u2028')  # a line separator is no end of a line

    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    result = result_of_app([tmp_path / "a.json"])

    assert result.contestants[0].rounds[0].phases["decode"][0] == 1e-4
    assert result.phone is not None
    assert result.phone.identity.fingerprint == "ELS/N29  11.0.0.196"


def test_a_document_becomes_a_result_like_our_own(deepmark: Deepmark, shared: Path, tmp_path: Path) -> None:
    files = {kind: tmp_path / f"out.{kind}" for kind in ("json", "csv", "html")}

    done = deepmark(
        "bench", "--from", shared, "-o", files["json"], "--csv", files["csv"], "--report", files["html"],
        "--compare", "paper",
    )  # fmt: skip

    assert done.code == 0, done.err
    assert done.out == ""
    result = read_result(files["json"])
    (one,) = result.contestants
    assert [len(times) for times in one.times("total")] == [RUNS] * 3
    assert one.times("network")[0][0] == pytest.approx(40.0)
    assert (one.size, one.threads, one.layout, one.groups, one.sha256) == ("64x96", 4, "dense", 3, "c" * 64)
    assert (one.file_bytes, one.memory.peak_rss, one.cores) == (77_000, 117.188, ())
    assert one.settings["precision_used"] == "fp16"
    assert result.created == "2026-11-28T10:00:00+00:00"
    assert result.plan.threshold == 0.25
    assert result.phone is not None
    assert (result.phone.runtime, result.phone.app, result.phone.identity.soc) == (
        "app",
        "0.2.0",
        "Kirin 990 or 990 5G",
    )
    assert [turn.phone.host_s for turn in one.rounds if turn.phone] == [5.5] * 3
    assert [turn.at_s for turn in one.rounds] == [0, 6, 12]
    assert len(files["csv"].read_text().splitlines()) == 1 + 3 * RUNS
    words = " ".join(done.err.split())
    for said in (
        "HUAWEI ELS-NX9", "the app's, version 0.2.0", "the Android app, not by this program", "techniques 1,3",
        "score at least 0.25", "all cores; the kernel allowed 0-7", "Turns: heat", "29.0 -> 29.0",
        "pictures: samples of",
    ):  # fmt: skip
        assert said in words, said
    page = files["html"].read_text()
    for said in ("version 0.2.0", "techniques 1,3, score at least 0.25", "took no turns", "ELS-NX9"):
        assert said in page, said


def test_json_is_the_document_of_results(deepmark: Deepmark, shared: Path) -> None:
    done = deepmark("bench", "--from", shared, "--json")

    assert done.code == 0, done.err
    assert json.loads(done.out)["phone"]["app"] == "0.2.0"


def _hot_in_between(document: dict[str, Any]) -> None:
    document["turns"][1]["during"][0]["thermal_status"] = 3


def _warm_battery(document: dict[str, Any]) -> None:
    document["turns"][2]["after"]["battery_c"] = 41.5


def _slower(document: dict[str, Any]) -> None:
    document["turns"][2]["lines"] = made_lines(46.0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_hot_in_between, "thermal status 3"),
        (_warm_battery, "its battery has 41.5 °C"),
        (_slower, "the last third of its runs was 14% slower"),
    ],
)
def test_heat_and_drift_are_told_by_exit_code_5(
    change: Change, reason: str, deepmark: Deepmark, tmp_path: Path
) -> None:
    document = made_document()
    change(document)

    done = deepmark("bench", "--from", write_document(tmp_path / "a.json", document), "-o", tmp_path / "r.json")

    assert done.code == 5, done.err
    assert reason in done.err
    assert (tmp_path / "r.json").exists()


def test_a_phone_that_does_not_tell_its_heat_is_not_called_hot(tmp_path: Path) -> None:
    document = made_document()
    for turn in document["turns"]:
        for state in (turn["before"], *turn["during"], turn["after"]):
            state |= {"thermal_status": None, "battery_c": None}
    document["turns"][0]["before"]["battery_c"] = 0.0  # of a phone without that sensor

    result = result_of_app([write_document(tmp_path / "a.json", document)])

    assert [one.stable for one in judge(result)] == [True]
    assert result.phone is not None
    assert (result.phone.start.battery_c, result.phone.start.notes) == (None, ("the battery's 0 °C",))


def test_several_files_are_several_models_that_took_no_turns(deepmark: Deepmark, tmp_path: Path) -> None:
    first, second = made_document(), made_document((50.0, 50.0), name="other", wave=3.0)
    second["created"] = "2026-11-28T10:10:00+00:00"
    again = made_document((40.2, 40.2, 40.2), wave=11.0)
    again["decoding"]["score"] = 0.5
    paths = [write_document(tmp_path / f"{n}.json", one) for n, one in enumerate((first, second, again))]

    done = deepmark("bench", "--from", *paths, "-o", tmp_path / "r.json")

    assert done.code == 0, done.err
    result = read_result(tmp_path / "r.json")
    names = ["tiny score 0.25", "other score 0.25", "tiny score 0.5"]
    assert [one.name for one in result.contestants] == names
    assert result.contestants[1].rounds[0].at_s == pytest.approx(599.75)
    ratios = [row.ratio for row in contestant_figures(result)]
    assert ratios[0] is None
    one, other = (result.contestants[number].times("total") for number in (1, 0))
    assert ratios[1] == unpaired_ratio(one, other)
    assert "tiny score 0.5: decoding" in done.err


def test_results_of_one_app_are_compared_and_of_two_not(tmp_path: Path) -> None:
    old = result_of_app([write_document(tmp_path / "a.json", made_document())])
    new = result_of_app([write_document(tmp_path / "b.json", made_document((60.0,) * 3))])
    other = msgspec.structs.replace(old, pictures=msgspec.structs.replace(old.pictures, source="others"))

    changes = {one.phase: one.verdict for one in compare(old, new, ("a", "b"))}

    assert changes == {"total": "slower", "letterbox": "no difference", "network": "slower", "decode": "no difference"}
    with pytest.raises(Exception, match="different pictures"):
        compare(old, other, ("a", "c"))


def test_an_emulator_can_not_be_mistaken(deepmark: Deepmark, tmp_path: Path) -> None:
    document = made_document()
    document["phone"]["hardware"] = "ranchu"

    done = deepmark("bench", "--from", write_document(tmp_path / "a.json", document))

    assert "EMULATED: no phone was measured" in done.err
    assert "EMULATED tiny" in done.err


def _set(*keys: str | int, to: object) -> Change:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = to

    return change


def _cut(*keys: str | int) -> Change:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for key in keys[:-1]:
            place = place[key]
        del place[keys[-1]]

    return change


LINES = ("turns", 1, "lines")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_set("format", to="deepmark-app-bench/2"), ("'deepmark-app-bench/2'", "update deepmark")),
        (_set("format", to="deepmark-bench/1"), ("'deepmark-bench/1'", "expected 'deepmark-app-bench/1'")),
        (_cut("format"), ("format none",)),
        (_set("stand_in", to=True), ("stand-in", "computes nothing")),
        (_cut("phone"), ("missing required field `phone`",)),
        (_cut("phone", "sdk"), ("missing required field `sdk`", "$.phone")),
        (_set("phone", "imei", to="1"), ("unknown field `imei`",)),
        (_set("created", to="yesterday"), ("$.created",)),
        (_set("bundle", "manifest", to=made_manifest("other")), ("manifest of tiny was changed", "sha256")),
        (_set("decoding", "techniques", to=[5]), ("<= 4", "techniques")),
        (_set("turns", to=[]), ("length >= 1", "$.turns")),
        (_cut(*LINES, 0), ("turn 2", "0 lines 'start', expected 1")),
        (_cut(*LINES, 7), ("turn 2", "39 of 40 samples")),
        (_cut(*LINES, -1), ("turn 2", "its last line did not arrive")),
        (_set(*LINES, to=[]), ("turn 2", "its last line")),
        (_set(*LINES, to=[*made_lines(40.0)[:3], made_lines(40.0)[-1] | {"runs": 0}]), ("turn 2", "no samples")),
        (_set(*LINES, 5, to="sample"), ("turn 2", "none of its lines")),
        (_set(*LINES, 5, "network_ms", to=-1.0), ("turn 2", ">= 0", "network_ms")),
        (_set(*LINES, 5, "network_ms", to=float("nan")), ("malformed",)),
        (_set(*LINES, 5, "decode_ms", to=float("inf")), ("malformed",)),
        (_set(*LINES, 5, "network_ms", to="NaN"), ("turn 2", "network_ms")),
        (_set(*LINES, 5, "t_ms", to=1e6), ("turn 2", "clock went backwards")),
        (_set(*LINES, to=made_lines(40.0, precision="fp32")), ("different settings",)),
        (_set("turns", 0, "after", to=made_state(2_000_000)), ("clock went backwards",)),
        (_set("turns", 0, "before", "thermal_status", to=-1), (">= 0", "thermal_status")),
        (_set("phone", "abis", to=["x86_64", "arm64-v8a"]), ("it runs x86_64, translating arm64-v8a",)),
    ],
)
def test_what_is_no_measurement_is_refused(
    change: Change, words: tuple[str, ...], deepmark: Deepmark, tmp_path: Path
) -> None:
    document = copy.deepcopy(made_document())
    change(document)
    path = write_document(tmp_path / "phone.json", document)

    done = deepmark("bench", "--from", path, "-o", tmp_path / "r.json", "--csv", tmp_path / "r.csv")

    done.assert_refused(1, str(path), *words)
    assert [one.name for one in tmp_path.iterdir()] == ["phone.json"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no result of the app"),
        (b"PK\x03\x04", "is no result of the app"),
        (b"\xff\xfe{}", "is no result of the app"),
        (b"[1, 2]", "expected `object`"),
        (b"[" * 100_000, "is no result of the app"),
        (json.dumps(made_document()).encode()[:-400], "is no result of the app"),
        (json.dumps(made_document()).replace('"HUAWEI"', '"\\ud800"').encode(), "is no result of the app"),
    ],
)
def test_what_is_no_document_is_refused(content: bytes, words: str, deepmark: Deepmark, tmp_path: Path) -> None:
    path = tmp_path / "phone.json"
    path.write_bytes(content)

    deepmark("bench", "--from", path).assert_refused(1, str(path), words)


def test_files_that_do_not_belong_together_are_refused(deepmark: Deepmark, shared: Path, tmp_path: Path) -> None:
    reformatted = tmp_path / "again.json"
    reformatted.write_bytes(b"\xef\xbb\xbf" + json.dumps(made_document(), indent=2).encode())
    document = made_document((41.0,) * 3, wave=5.0)
    document["phone"]["model"] = "Pixel 8"
    other = write_document(tmp_path / "other.json", document)

    deepmark("bench", "--from", shared, reformatted).assert_refused(1, "of one run", str(shared), str(reformatted))
    deepmark("bench", "--from", shared, "--from", other).assert_refused(1, "one phone", "Pixel 8", "ELS-NX9")
    deepmark("bench", "--from", tmp_path / "none.json").assert_refused(1, "cannot read", "none.json")
    deepmark("bench", "--from", tmp_path).assert_refused(1, "cannot read", str(tmp_path))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("shirt.deepmark",), "runs no MODEL, found shirt.deepmark"),
        (("--device", "adb"), "--device says how to measure"),
        (("--device", "host"), "--device says how to measure"),
        (("--runs", "3"), "--runs says how to measure"),
        (("--threads", "2"), "--threads says how to measure"),
        (("--size", "64"), "--size says how to measure"),
        (("--threshold", "0.1"), "--threshold says how to measure"),
        (("--sweep",), "--sweep says how to measure"),
        (("--keep",), "--keep says how to measure"),
        (("--precision", "fp16"), "--precision says how to measure"),
        (("--diff", "a.json", "b.json"), "--diff compares two results"),
        (("--accuracy", "a.json"), "--accuracy goes into the report"),
    ],
)
def test_options_that_say_how_to_measure_are_refused(
    options: tuple[str, ...], words: str, deepmark: Deepmark, shared: Path
) -> None:
    deepmark("bench", "--from", shared, *options).assert_refused(2, words)


def test_statistics_are_those_of_any_result(tmp_path: Path) -> None:
    result = result_of_app([write_document(tmp_path / "a.json", made_document())])

    (row,) = contestant_figures(result)

    totals = [
        line["letterbox_ms"] + line["network_ms"] + line["decode_ms"]
        for turn in made_document()["turns"]
        for line in turn["lines"]
        if line["event"] == "sample"
    ]
    assert row.total.runs == len(totals)
    assert row.total.median == pytest.approx(float(np.median(totals)))
    assert row.fps == pytest.approx(1000 / float(np.median(totals)))


@pytest.mark.parametrize("keeps", [True, False], ids=["keeps kernels", "an earlier app"])
def test_the_app_s_gpu_is_told_with_what_was_proven(tmp_path: Path, *, keeps: bool) -> None:
    """Vulkan of the paper's phone opens in apps only, so this is how it is measured."""
    name = "Mali-G76 (Vulkan, IMAGE)"
    gpu = {
        "name": name,
        "driver": "18.0.0",
        "clock_mhz": 0,
        "mode": 4,
        "operators": 112,
        "on_cpu": 0,
        "placement": f"112 of 112 operators on {name}",
        "create_ms": 300,
        "resize_ms": 9000,
        "first_ms": 80,
    }
    if keeps:
        gpu |= {"kernels": "compiled", "compiled_ms": 9380.2}
    document = made_document((30.0, 30.0, 30.0), wave=1.0)
    for turn in document["turns"]:
        start, loaded, *_ = turn["lines"]
        start |= {"compute": "vulkan", "precision": "high", "threads": 0, "tuning": "wide", "storage": "image"}
        loaded |= {"backend": "Vulkan", "threads_used": 0, "precision_used": "fp32", "mnn_memory_mib": None, "gpu": gpu}
        if keeps:  # the next turn has what this one compiled
            gpu = {**gpu, "resize_ms": 400, "kernels": "cached"}
    files = [write_document(tmp_path / "cpu.json", made_document()), write_document(tmp_path / "gpu.json", document)]
    found, cpu = sorted(result_of_app(tuple(files), command="").contestants, key=lambda one: one.threads)
    assert "vulkan" in found.name
    assert "thread" in cpu.name
    assert found.settings["operators"] == f"112 of 112 operators on {name}"
    assert (found.device, found.threads, found.memory.engine) == (name, 0, None)
    assert (found.settings["create_ms"], found.settings["resize_ms"]) == (300, 400 if keeps else 9000)
    kernels = (found.settings.get("kernels"), found.settings.get("compiled_ms"))
    assert kernels == (("cached", 9380) if keeps else (None, None))


def test_ways_of_a_search_are_named_as_find_names_them(tmp_path: Path) -> None:
    """The app shares a document for each way that it measured."""
    files = [write_document(tmp_path / "cpu.json", made_document())]
    for number, (storage, precision) in enumerate((("image", "high"), ("buffer", "high"), ("image", "low"))):
        document = made_document((30.0 + number,) * 3)
        for turn in document["turns"]:
            turn["lines"][0] |= {"compute": "opencl", "precision": precision, "threads": 0, "storage": storage}
        files.append(write_document(tmp_path / f"{number}.json", document))
    names = [one.name for one in result_of_app(files).contestants]
    endings = ("4 threads fp16", "opencl image high", "opencl buffer high", "opencl image low")
    assert sorted(name.split(maxsplit=1)[1] for name in names) == sorted(endings)
