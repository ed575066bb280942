"""Turns, and what happens when a contestant's process fails: with child processes that compute nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import fake_contestant
import pytest

from deepmark.benchmarks.result.document import BenchPlan, ContestantResult, Failure
from deepmark.benchmarks.speed import rounds
from deepmark.benchmarks.speed.child import take_turn
from deepmark.benchmarks.speed.contestants import Contestant, name_apart
from deepmark.benchmarks.speed.messages import TurnRequest
from deepmark.benchmarks.speed.rounds import Setup, measure, steps
from deepmark.runtime.bundle import OpenedBundle, open_bundle

PLAN = BenchPlan(rounds=3, runs=6, seconds=10, warm_up_runs=2, warm_up_s=0)
COMMAND = (sys.executable, "-P", fake_contestant.__file__)


@pytest.fixture(scope="module")
def model(tiny_bundle: Path) -> OpenedBundle:
    return open_bundle(tiny_bundle)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    return tmp_path / "log"


def contestant(name: str, model: OpenedBundle, size: int = 64, threads: int = 1) -> Contestant:
    return Contestant(name, "model", model, Path(name), None, (size, size), threads)


def run(*contestants: Contestant) -> tuple[list[ContestantResult], list[Failure], int]:
    advanced = []
    setup = Setup(PLAN, Path("pictures"), "auto", lambda _: Path("expected"), COMMAND)
    measured, failures = measure(contestants, setup, lambda: advanced.append(1))
    return measured, failures, len(advanced)


def turns(log: Path) -> list[str]:
    return [line.split()[0] for line in log.read_text().splitlines()]


@pytest.mark.slow
def test_contestants_are_warmed_up_and_then_take_turns(model: OpenedBundle, log: Path) -> None:
    a, b = contestant("a", model), contestant("b", model)

    measured, failures, advanced = run(a, b)

    warm_up, turn_a, turn_b = ["a", "b"], ["a", "a"], ["b", "b"]  # a turn: a run that does not count, then the runs
    assert turns(log) == warm_up + 3 * (turn_a + turn_b)
    assert failures == []
    assert [one.name for one in measured] == ["a", "b"]
    assert advanced == steps([a, b], PLAN)


def test_every_sample_is_kept_and_the_run_before_a_turn_is_none(model: OpenedBundle, log: Path) -> None:
    (one,), _, _ = run(contestant("a", model))

    network = [ms for turn in one.rounds for ms in turn.phases["network"]]
    numbers = [round((ms - 2) * 1e6) for ms in network]
    assert numbers == [4, 5, 7, 8, 10, 11]  # 1 and 2 warm up; 3, 6 and 9 go before the turns
    assert {name for turn in one.rounds for name in turn.phases} == {"letterbox", "network", "decode"}
    assert one.times("total")[0] == pytest.approx([3.5, 3.5], abs=1e-4)


def test_the_process_s_memory_and_what_its_engine_says_are_recorded(model: OpenedBundle, log: Path) -> None:
    (one,), _, _ = run(contestant("a", model))

    assert one.memory.engine == 12.5
    steady, peak, resident = one.memory.steady_uss, one.memory.peak_uss, one.memory.peak_rss
    assert steady is not None
    assert peak is not None
    assert resident is not None
    assert 0 < steady <= peak <= resident


@pytest.mark.slow
def test_sizes_and_threads_are_groups_that_follow_one_another(model: OpenedBundle, log: Path) -> None:
    run(*(contestant(name, model, size) for size in (32, 64) for name in (f"a{size}", f"b{size}")))

    order = [name[1:] for name in turns(log)]
    assert order == sorted(order)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("aborts", "its process crashed with SIGABRT"),
        ("exits", "its process ended with exit status 7 (its last words: something went wrong)"),
        ("refuses", "it is no model"),
    ],
)
def test_a_process_that_fails_is_named_and_the_others_go_on(
    name: str, words: str, model: OpenedBundle, log: Path
) -> None:
    measured, failures, _ = run(contestant("a", model), contestant(name, model), contestant("b", model))

    assert [one.name for one in measured] == ["a", "b"]
    assert all(len(one.rounds) == PLAN.rounds for one in measured)
    assert [one.name for one in failures] == [name]
    assert words in failures[0].error
    assert failures[0].error.startswith(f"{name}: ")


@pytest.mark.slow
def test_a_process_that_hangs_is_given_up(model: OpenedBundle, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "LOAD_TIMEOUT_S", 3.0)

    measured, failures, _ = run(contestant("hangs", model))

    assert measured == []
    assert "no answer within 3 s" in failures[0].error


def test_a_turn_ends_by_time_after_two_runs(log: Path) -> None:
    slow = take_turn(fake_contestant.Fake("a"), TurnRequest(1000, 0, 0.0, counts=True))

    assert len(slow.phases["network"]) == 2


def test_a_warm_up_lasts_as_long_as_it_must(log: Path) -> None:
    warm = take_turn(fake_contestant.Fake("a"), TurnRequest(3, 0.02, 100, counts=False))

    assert len(warm.phases["network"]) > 3


def test_names_show_what_is_not_the_same_for_all(model: OpenedBundle) -> None:
    alike = [contestant("a", model), contestant("a", model)]
    sizes = [contestant("a", model, 64), contestant("a", model, 128, threads=2)]

    assert [one.name for one in name_apart(alike)] == ["a", "a #2"]
    assert [one.name for one in name_apart(sizes)] == ["a 64x64 1 thread", "a 128x128 2 threads"]
    assert name_apart([]) == []
