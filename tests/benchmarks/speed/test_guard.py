"""The guard compares ratios: what grew beyond the margin fails, and engines are compared on their own CPU only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from deepmark.benchmarks.result.document import BenchResult, ContestantResult
from deepmark.benchmarks.result.formats import write_result
from deepmark.benchmarks.speed.guard import check, main, make_baseline, ratios, read_baseline
from deepmark.errors import DataError, DeepMarkError, UsageError

Make = Callable[..., ContestantResult]
Document = Callable[..., BenchResult]


def four(measured: Make, result: Document, *, sparse: float = 80.0, mnn: float = 100.0) -> BenchResult:
    def times(ms: float) -> list[list[float]]:
        return [[ms - 3] * 5] * 4  # letterbox and decoding take 3

    return result(
        measured("mnn", times(mnn)),
        measured("sparse", times(sparse), layout="sparse"),
        measured("ort", times(110), engine="onnxruntime"),
        measured("ncnn", times(103), kind="rival", engine="ncnn"),
    )


def states(baseline: BenchResult, now: BenchResult) -> dict[str, str]:
    checks = check(make_baseline(baseline), now)
    return {one.name.partition(",")[0]: one.state for one in checks if "dense" in one.name or "sparse /" in one.name}


def test_ratios_of_all_kinds_are_found(measured: Make, result: Document) -> None:
    found = ratios(four(measured, result))

    about = "mnn fp32 dense 62 groups 256x256 1 thread(s)"
    sparse = about.replace("dense", "sparse")
    for name, value, depends in (
        (f"decode / network, {about}", 2 / 97, False),
        (f"sparse / dense, {sparse}", 0.8, False),
        (f"mnn / onnxruntime, {about}", 100 / 110, True),
        (f"frame / ncnn's network, {about}", 1.0, True),
    ):
        assert found[name][0].value == pytest.approx(value), name
        assert found[name][1] is depends, name


def test_what_did_not_change_passes(measured: Make, result: Document) -> None:
    assert set(states(four(measured, result), four(measured, result)).values()) == {"ok"}


def test_sparse_heads_that_lost_their_advantage_fail(measured: Make, result: Document) -> None:
    found = states(four(measured, result), four(measured, result, sparse=95))

    assert found["sparse / dense"] == "slower"


def test_what_became_faster_passes(measured: Make, result: Document) -> None:
    assert states(four(measured, result), four(measured, result, sparse=60))["sparse / dense"] == "ok"


def test_engines_are_not_compared_on_another_cpu_but_the_rest_is(measured: Make, result: Document) -> None:
    now = four(measured, result, mnn=200, sparse=190)
    now = msgspec.structs.replace(now, machine=msgspec.structs.replace(now.machine, cpu="Another CPU"))

    found = states(four(measured, result), now)

    assert found["mnn / onnxruntime"] == "other CPU"
    assert found["sparse / dense"] == "slower"


def test_the_command_writes_a_baseline_and_holds_against_it(tmp_path: Path, measured: Make, result: Document) -> None:
    baseline, good, bad = (str(tmp_path / name) for name in ("baseline.json", "good.json", "bad.json"))
    write_result(Path(good), four(measured, result))
    write_result(Path(bad), four(measured, result, sparse=95))

    main([baseline, good, "--write"])
    main([baseline, good])
    with pytest.raises(DeepMarkError, match="sparse / dense") as failed:
        main([baseline, bad])
    assert failed.value.exit_code == 1
    main([baseline, bad, "--margin", "0.3"])


@pytest.mark.parametrize(
    "arguments", [[], ["a.json", "b.json", "--margin", "11"], ["a.json", "b.json", "--margin", "x"]]
)
def test_a_wrong_command_line_is_refused(arguments: list[str]) -> None:
    with pytest.raises(UsageError):
        main(arguments)


@pytest.mark.parametrize("content", ["", "{}", '{"format": "deepmark-bench/1"}'])
def test_a_file_that_is_no_baseline_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "baseline.json").write_text(content)

    with pytest.raises(DataError, match="is no baseline"):
        read_baseline(tmp_path / "baseline.json")
