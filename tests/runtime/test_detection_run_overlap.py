"""Reading, detecting and drawing overlap, within bounds, and change nothing."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from detection_runs import make_picture, result_files, result_records, run_detection
from garments import OneGarment
from media_files import write_video

from deepmark.runtime import detection_run
from deepmark.runtime.arrays import Image8
from deepmark.runtime.detections import Detections
from deepmark.runtime.drawing.overlay import annotate
from deepmark.runtime.media import sources, video_stream
from deepmark.runtime.media.picture_file import read_picture
from deepmark.runtime.media.sources import PictureSource, Source, VideoSource


class _Meeting(OneGarment):
    """Detects in a frame only while another one is read and another one is drawn."""

    def __init__(self, reading: threading.Event, drawing: threading.Event) -> None:
        super().__init__()
        self.reading, self.drawing = reading, drawing

    def __call__(self, image: Image8) -> Detections:
        if len(self.seen) == 1:
            assert self.reading.wait(30), "the next frame is not read meanwhile"
            assert self.drawing.wait(30), "the frame before is not drawn meanwhile"
        return super().__call__(image)


def test_reading_detecting_and_drawing_overlap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, drawing = threading.Event(), threading.Event()
    read, draw = read_picture, annotate

    def note_reading(path: Path) -> Image8:
        if path.name == "2.png":
            reading.set()
        return read(path)

    def note_drawing(*arguments: Any) -> Image8:
        drawing.set()
        return draw(*arguments)

    monkeypatch.setattr(sources, "read_picture", note_reading)
    monkeypatch.setattr(detection_run, "annotate", note_drawing)

    outcome = run_detection(
        [make_picture(tmp_path / f"{n}.png") for n in range(4)], tmp_path / "out", _Meeting(reading, drawing)
    )

    assert (outcome.frames, outcome.failures) == (4, [])
    assert [record["output"] for record in result_records(tmp_path / "out")] == ["0.png", "1.png", "2.png", "3.png"]


def test_one_thing_after_another_gives_the_same_bytes(tmp_path: Path) -> None:
    inputs: list[Source] = [
        make_picture(tmp_path / "a.png"),
        PictureSource(tmp_path / "gone.png"),
        VideoSource(write_video(tmp_path / "v.avi", frames=4)),
        make_picture(tmp_path / "b.jpg"),
    ]

    ahead, one_by_one = (run_detection(inputs, tmp_path / f"out{depth}", ahead=depth) for depth in (2, 0))

    assert (ahead.frames, ahead.objects) == (one_by_one.frames, one_by_one.objects) == (6, 6)
    assert [source.name for source, _ in ahead.failures] == [str(tmp_path / "gone.png")]
    assert (
        result_files(tmp_path / "out2")
        == result_files(tmp_path / "out0")
        == {"a.png", "v.mp4", "b.jpg", "detections.jsonl"}
    )
    for name in result_files(tmp_path / "out2"):
        assert (tmp_path / "out2" / name).read_bytes() == (tmp_path / "out0" / name).read_bytes()


def test_only_a_few_frames_are_in_memory_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: list[weakref.ref[np.ndarray]] = []
    most = 0

    def frames(*_: object) -> Iterator[tuple[np.ndarray, float]]:
        nonlocal most
        for _number in range(40):
            frame = np.zeros((48, 64, 3), np.uint8)
            alive.append(weakref.ref(frame))
            most = max(most, sum(one() is not None for one in alive))
            yield frame, _number / 25

    class Detector(OneGarment):
        def __call__(self, image: Image8) -> Detections:
            found = super().__call__(image)
            self.seen.clear()
            return found

    video = VideoSource(write_video(tmp_path / "v.mp4", frames=40))
    monkeypatch.setattr(video_stream, "_read_file", frames)

    assert run_detection([video], tmp_path / "out", Detector()).frames == 40

    # waiting twice; being read, detected in and drawn, with their variables
    assert (
        most <= 2 * detection_run.FRAMES_AHEAD + 5
    )  # waiting twice; being read, detected in and drawn, with their variables


def test_a_source_that_cannot_be_written_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    def frames(*_: object) -> Iterator[tuple[np.ndarray, float]]:
        for number in range(10_000):
            read.append(number)
            yield np.zeros((1, 1, 3), np.uint8), number / 25  # too small for a video

    video = VideoSource(write_video(tmp_path / "v.mp4", frames=2))
    monkeypatch.setattr(video_stream, "_read_file", frames)

    outcome = run_detection([video, make_picture(tmp_path / "a.png")], tmp_path / "out")

    assert [source for source, _ in outcome.failures] == [video]
    assert outcome.frames == 1
    assert len(read) < 1000
