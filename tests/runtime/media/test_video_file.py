"""Annotated videos: a frame is there as long as it was shown."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from deepmark.runtime.media.video_file import VideoFile


def _levels(path: Path) -> list[int]:
    """How light every frame of a video is, in hundreds."""
    capture, levels = cv2.VideoCapture(str(path)), []
    while (read := capture.read())[0]:
        levels.append(round(float(read[1].mean()) / 100))
    return levels


@pytest.mark.parametrize(
    ("times", "levels"),
    [
        ([0, 0.1, 0.2], [0, 1, 2]),
        ([0, 0.4, 0.5], [0, 0, 0, 0, 1, 2]),
        ([7, 7.2, 7.3], [0, 0, 1, 2]),  # it starts with its first frame
        ([0, 0.01, 0.4], [0, 1, 1, 1, 2]),  # none is lost
        ([0, 0.01, 0.02], [0, 1, 2]),
    ],
)
def test_a_frame_is_held_until_the_next_one(times: list[float], levels: list[int], tmp_path: Path) -> None:
    with VideoFile(tmp_path / "v.mp4", rate=10) as video:
        for number, seconds in enumerate(times):
            video.write(np.full((48, 64, 3), 100 * number, np.uint8), seconds)

    assert _levels(tmp_path / "v.mp4") == levels
