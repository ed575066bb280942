"""The window: which keys go on, and which end."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from deepmark.errors import DataError, DeepMarkError
from deepmark.runtime.media.window import Window


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """An OpenCV with windows: what key is pressed, and how long it was waited for."""
    state = {"key": -1, "waited": -1, "open": 0}

    def wait(milliseconds: int) -> int:
        state["waited"] = milliseconds
        return state["key"]

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(cv2, "namedWindow", lambda *_: state.update(open=1))
    monkeypatch.setattr(cv2, "destroyAllWindows", lambda: state.update(open=0))
    monkeypatch.setattr(cv2, "imshow", lambda *_: None)
    monkeypatch.setattr(cv2, "waitKey", wait)
    return state


@pytest.mark.parametrize(("key", "goes_on"), [(-1, True), (ord(" "), True), (ord("q"), False), (27, False)])
def test_q_and_escape_end_and_any_other_key_goes_on(key: int, goes_on: bool, screen: dict[str, int]) -> None:
    screen["key"] = key

    with Window() as window:
        assert screen["open"]
        assert window.show(np.zeros((2, 2, 3), np.uint8), still=True) is goes_on
    assert not screen["open"]


def test_a_picture_waits_for_a_key_and_a_video_does_not(screen: dict[str, int]) -> None:
    with Window() as window:
        window.show(np.zeros((2, 2, 3), np.uint8), still=True)
        assert screen["waited"] == 0  # for ever
        window.show(np.zeros((2, 2, 3), np.uint8), still=False)
        assert screen["waited"] == 1


def test_a_screen_that_goes_away_is_no_fault_of_the_picture(
    screen: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise cv2.error("no display")

    monkeypatch.setattr(cv2, "imshow", lost)

    with Window() as window, pytest.raises(DeepMarkError, match="--show cannot draw any more") as caught:
        window.show(np.zeros((2, 2, 3), np.uint8), still=True)
    assert not isinstance(caught.value, DataError)
