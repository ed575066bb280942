"""Progress where stderr is no terminal: a line now and then, with what is left."""

from __future__ import annotations

import pytest

from deepmark import progress as eta


def test_a_line_every_ten_seconds_says_speed_and_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [100.0]
    monkeypatch.setattr(eta.time, "monotonic", lambda: clock[0])

    with eta.progress_with_eta("detecting", 1000) as advance:
        for _ in range(1000 // 20):
            clock[0] += 4
            advance(16)
            advance(4)

    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "detecting: 56 of 1,000 pictures, 4.7 pictures/s, 3 min left"
    assert len(lines) == 16
    assert lines[-1].startswith("detecting: 956 of")


def test_what_ends_soon_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with eta.progress_with_eta("detecting", 2) as advance:
        advance()
        advance()

    assert capsys.readouterr().err == ""
