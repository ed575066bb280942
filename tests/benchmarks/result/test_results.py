"""The document of results: written whole, read strictly, compared only with its like."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from deepmark.benchmarks.result.diff import compare
from deepmark.benchmarks.result.document import BenchPlan, BenchResult, ContestantResult
from deepmark.benchmarks.result.figures import against_fastest, contestant_figures, savings
from deepmark.benchmarks.result.formats import read_result, write_csv, write_result
from deepmark.errors import DataError

Make = Callable[..., ContestantResult]
Document = Callable[..., BenchResult]


def times(ms: float, seed: int = 0) -> list[list[float]]:
    random = np.random.default_rng(seed)
    return [list(ms * np.exp(0.005 * random.standard_normal(10))) for _ in range(6)]


def test_what_is_written_is_read_back(tmp_path: Path, measured: Make, result: Document) -> None:
    document = result(measured("a", times(10)), measured("ncnn", times(9), kind="rival"))

    write_result(tmp_path / "one.json", document)

    assert read_result(tmp_path / "one.json") == document


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text[1:], "is no result of deepmark bench"),
        (lambda text: text.replace("deepmark-bench/1", "deepmark-bench/2"), "deepmark-bench/2"),
        (lambda text: text.replace('"program"', '"programme"'), "programme"),
        (lambda text: text.replace('"letterbox":[1.0,', '"letterbox":['), "round 0 of a has runs of"),
        (lambda text: text.replace('"letterbox":[1.0,', '"letterbox":[-1.0,'), ">= 0"),
    ],
)
def test_a_file_that_is_no_result_is_refused(
    change: Callable[[str], str], words: str, tmp_path: Path, measured: Make, result: Document
) -> None:
    path = tmp_path / "one.json"
    write_result(path, result(measured("a", times(10))))
    path.write_text(change(path.read_text()))

    with pytest.raises(DataError, match=words) as refused:
        read_result(path)

    assert str(path) in str(refused.value)


def test_a_plan_has_as_many_runs_as_it_says() -> None:
    plan = BenchPlan(rounds=7, runs=60, seconds=14)

    assert plan.rounds * plan.runs_a_round >= 60
    assert plan.seconds_a_round == 2


def test_ratios_are_to_the_first_model_and_of_rivals_to_its_network(measured: Make, result: Document) -> None:
    a, b = measured("a", [[7.0] * 3] * 2), measured("b", [[17.0] * 3] * 2)
    rival = measured("ncnn", [[3.5] * 3] * 2, kind="rival", engine="ncnn")

    first, second, third = contestant_figures(result(a, b, rival))

    assert first.ratio is None
    assert second.ratio is not None
    assert second.ratio.value == pytest.approx(2.0)  # (1 + 17 + 2) / (1 + 7 + 2)
    assert third.ratio is not None
    assert third.ratio.value == pytest.approx(0.5)  # 3.5 / 7
    assert first.fps == pytest.approx(100)
    assert third.fps is None


def test_contestants_of_another_size_are_not_divided_by_the_first(measured: Make, result: Document) -> None:
    small, large = measured("a", times(10)), measured("a large", times(40), height=512, width=512)

    assert [row.ratio for row in contestant_figures(result(small, large))] == [None, None]


def test_a_frame_is_held_against_the_fastest_network_alone(measured: Make, result: Document) -> None:
    one = measured("a", [[5.0] * 4] * 3)
    slow, fast = (measured(str(ms), [[ms] * 4] * 3, kind="rival") for ms in (20.0, 10.0))

    (found,) = against_fastest(result(one, slow, fast))

    assert (found.name, found.rival) == ("a", "10.0")
    assert found.ratio.value == pytest.approx(0.8)  # (1 + 5 + 2) / 10


def test_fewer_groups_save_time_and_memory(measured: Make, result: Document) -> None:
    many = measured("294", [[17.0] * 3] * 2, groups=294)
    memory = msgspec.structs.replace(many.memory, peak_uss=240)
    few = measured("62", [[12.0] * 3] * 2, groups=62, memory=memory)

    ((name, saved),) = savings(result(many, few))

    assert "62 groups against 294" in name
    assert (saved.time, saved.memory) == pytest.approx((0.25, 0.2))


@pytest.mark.parametrize(
    ("after", "verdict"), [(10, "no difference"), (10.1, "no difference"), (13, "slower"), (8, "faster")]
)
def test_two_files_are_compared(after: float, verdict: str, measured: Make, result: Document) -> None:
    old, new = result(measured("a", times(10, 1))), result(measured("a", times(after, 2)))

    changes = {one.phase: one for one in compare(old, new, ("A", "B"))}

    assert list(changes) == ["total", "letterbox", "network", "decode"]
    assert changes["network"].verdict == verdict
    assert changes["letterbox"].verdict == "no difference"
    assert changes["network"].ratio.value == pytest.approx(after / 10, rel=0.02)


def test_two_files_of_one_contestant_each_are_compared_whatever_its_name(measured: Make, result: Document) -> None:
    changes = compare(result(measured("old", times(10))), result(measured("new", times(5))), ("A", "B"))

    assert changes[0].name == "new"
    assert changes[0].verdict == "faster"


@pytest.mark.parametrize("what", ["machine", "pictures", "contestants"])
def test_files_that_cannot_be_compared_are_refused(what: str, measured: Make, result: Document) -> None:
    old = result(measured("a", times(10)), measured("b", times(10)))
    others = {
        "machine": msgspec.structs.replace(old, machine=msgspec.structs.replace(old.machine, cpu="Another CPU")),
        "pictures": msgspec.structs.replace(old, pictures=msgspec.structs.replace(old.pictures, sha256="c" * 64)),
        "contestants": result(measured("c", times(10)), measured("d", times(10))),
    }
    words = {"machine": "different machines", "pictures": "different pictures", "contestants": "nothing in common"}

    with pytest.raises(DataError, match=words[what]) as refused:
        compare(old, others[what], ("A.json", "B.json"))

    assert "A.json and B.json" in str(refused.value)
    assert refused.value.hint


def test_another_kernel_is_no_other_machine(measured: Make, result: Document) -> None:
    old = result(measured("a", times(10)))
    machine = msgspec.structs.replace(old.machine, system="Linux 6.2 x86_64")

    assert compare(old, msgspec.structs.replace(old, machine=machine), ("A", "B"))


def test_every_sample_is_a_line_of_csv(tmp_path: Path, measured: Make, result: Document) -> None:
    document = result(measured("a", [[10, 11], [12]]), measured("ncnn", [[9]], kind="rival"))

    write_csv(tmp_path / "one.csv", document)

    with (tmp_path / "one.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(line["name"], line["round"], line["run"]) for line in lines] == [
        ("a", "0", "0"),
        ("a", "0", "1"),
        ("a", "1", "0"),
        ("ncnn", "0", "0"),
    ]
    assert [float(line["total_ms"]) for line in lines] == [13, 14, 15, 9]
    assert lines[3]["letterbox_ms"] == ""
