"""Tasks in several processes: the same results, whatever happens to the processes."""

from __future__ import annotations

import multiprocessing
from contextlib import closing
from pathlib import Path

import pytest
from worker_jobs import Squares

from deepmark.errors import DataError, EngineError
from deepmark.models.evaluation.workers import do_here, do_in_processes

NUMBERS = range(6)
SQUARES = {number: number**2 for number in NUMBERS}


def test_one_process_and_two_give_the_same_results(tmp_path: Path) -> None:
    assert dict(do_here(Squares(tmp_path), NUMBERS)) == SQUARES
    assert dict(do_in_processes(Squares(tmp_path), NUMBERS, 2)) == SQUARES
    pids = {file.read_text() for file in tmp_path.glob("*-2")}
    assert len(pids) <= 2
    assert not multiprocessing.active_children()


def test_no_task_is_no_process(tmp_path: Path) -> None:
    assert dict(do_in_processes(Squares(tmp_path), [], 4)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 2])
def test_a_task_whose_process_is_killed_is_done_again(tmp_path: Path, times: int) -> None:
    assert dict(do_in_processes(Squares(tmp_path, deadly=3, times=times), NUMBERS, 2)) == SQUARES
    assert len(list(tmp_path.glob("3-*"))) == times + 1
    assert sorted(file.name for file in tmp_path.glob("4-*")) == ["4-1"]  # only the dead process's task


@pytest.mark.slow
def test_a_task_that_always_kills_its_process_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"killed by SIGKILL, 3 times at the number 3"):
        dict(do_in_processes(Squares(tmp_path, deadly=3, times=99), NUMBERS, 2))
    assert not multiprocessing.active_children()


def test_an_error_of_ours_arrives_with_its_hint(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="2 is bad") as caught:
        dict(do_in_processes(Squares(tmp_path, bad=2), NUMBERS, 2))
    assert caught.value.hint == "take another"
    assert not multiprocessing.active_children()


def test_a_bug_arrives_with_the_place_where_it_is(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        dict(do_in_processes(Squares(tmp_path, buggy=2), NUMBERS, 2))
    assert "in _square" in "".join(caught.value.__notes__)


def test_processes_end_when_nobody_wants_more(tmp_path: Path) -> None:
    with closing(do_in_processes(Squares(tmp_path, pause_s=0.05), range(1000), 2)) as done:
        assert next(done)[0] < 2

    assert not multiprocessing.active_children()
    assert len(list(tmp_path.iterdir())) < 1000
