"""How far a piece of work is, where stderr is no terminal: a line now and then, with what is left."""

from __future__ import annotations

import time

import pytest

from deepmark.console import be_quiet, progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that the program believes to have gone by."""
    seconds = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: seconds[0])
    return seconds


def test_a_line_every_ten_seconds_says_speed_and_time_left(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with progress("detecting", 1000, "pictures") as advance:
        for _ in range(1000 // 20):
            clock[0] += 4
            advance(16)
            advance(4)

    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "detecting: 56 of 1,000 pictures, 4.7 pictures/s, 3 min left"
    assert len(lines) == 16
    assert lines[-1].startswith("detecting: 956 of")


def test_where_nobody_knows_the_end_a_line_says_no_time_left(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with progress("detecting", None, "pictures") as advance:
        clock[0] += 20
        advance(1500)

    assert capsys.readouterr().err == "detecting: 1,500 pictures, 75.0 pictures/s\n"


def test_a_slow_rate_keeps_two_digits(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with progress("exporting", 3, "bundles") as advance:
        clock[0] += 80
        advance()

    assert capsys.readouterr().err == "exporting: 1 of 3 bundles, 0.013 bundles/s, 3 min left\n"


def test_a_detail_follows_and_quiet_asks_for_none(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[int] = []

    def detail() -> str:
        asked.append(1)
        return "loss 0.5"

    for _ in range(2):
        with progress("training", 20, "steps", detail=detail) as advance:
            clock[0] += 10
            advance(10)
        be_quiet()

    assert capsys.readouterr().err == "training: 10 of 20 steps, 1.0 steps/s, 10 s left; loss 0.5\n"
    assert asked == [1]


def test_lines_can_go_elsewhere(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    lines: list[str] = []
    with progress("measuring", 4, "layers", lines_to=lines.append) as advance:
        clock[0] += 10
        advance(2)

    assert lines == ["measuring: 2 of 4 layers, 0.2 layers/s, 10 s left"]
    assert capsys.readouterr() == ("", "")


def test_what_ends_soon_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("detecting", 2, "pictures") as advance:
        advance()
        advance()

    assert capsys.readouterr().err == ""
