"""A generator that works ahead in a thread gives what it would give here, and ends when it is no longer wanted."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator

import pytest

from deepmark.runtime.detection_run import look_ahead

PATIENCE = 30  # seconds, for what takes milliseconds


def _threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("look-ahead")]


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    yield
    assert not _threads()


@pytest.mark.parametrize("depth", [1, 2, 50])
def test_everything_comes_in_order(depth: int) -> None:
    assert list(look_ahead((n for n in range(20)), depth)) == list(range(20))


def test_items_are_made_in_one_other_thread() -> None:
    makers = set(look_ahead((threading.get_ident() for _ in range(9)), 2))
    assert len(makers) == 1
    assert threading.get_ident() not in makers


def test_it_works_ahead_as_far_as_it_may_and_no_further() -> None:
    made: list[int] = []
    ahead = threading.Event()

    def count() -> Generator[int]:
        for number in range(100):
            made.append(number)
            if number == 3:
                ahead.set()
            yield number

    items = look_ahead(count(), 3)
    assert next(items) == 0
    assert ahead.wait(PATIENCE)  # 1, 2 and 3 without being asked for
    assert made == [0, 1, 2, 3]
    items.close()
    assert made == [0, 1, 2, 3]


def test_an_error_comes_after_the_items_before_it() -> None:
    def break_off() -> Generator[int]:
        yield 1
        yield 2
        raise KeyError("gone")

    items = look_ahead(break_off(), 5)
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(KeyError, match="gone"):
        next(items)


def test_closing_it_closes_the_generator_after_the_item_that_it_is_making() -> None:
    events: list[str] = []
    started, go_on = threading.Event(), threading.Event()

    def slow() -> Generator[int]:
        try:
            yield 0
            started.set()
            go_on.wait(PATIENCE)
            events.append("made")
            yield 1
            events.append("never")
        finally:
            events.append("closed")

    items = look_ahead(slow(), 2)
    assert next(items) == 0
    assert started.wait(PATIENCE)
    threading.Timer(0.05, go_on.set).start()
    items.close()
    assert events == ["made", "closed"]


def test_a_generator_that_nobody_asked_starts_nothing() -> None:
    items = look_ahead((n for n in range(3)), 2)
    assert not _threads()
    items.close()
