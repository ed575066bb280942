"""Many inputs: results appear whole, failures do not spread, and interruptions lose nothing that was done."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from detection_runs import make_picture, result_files, result_records, run_detection
from full_disk import mounted
from garments import OneGarment
from media_files import MEDIA, cut, encoded, read_image, write_video

from deepmark.errors import DataError, DeepMarkError, EngineError, UsageError
from deepmark.runtime.arrays import Image8
from deepmark.runtime.detections import Detections
from deepmark.runtime.drawing.overlay import annotate
from deepmark.runtime.media import video_stream
from deepmark.runtime.media.output_folder import OutputFolder
from deepmark.runtime.media.picture_file import read_picture
from deepmark.runtime.media.sources import CameraSource, PictureSource, Source, VideoSource


def _after(first: Callable[[], None], function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        first()
        return function(*arguments)

    return call


def test_every_picture_gets_a_drawing_and_a_record(tmp_path: Path) -> None:
    sources: list[Source] = [make_picture(tmp_path / "in" / "a.png"), make_picture(tmp_path / "in" / "b.jpg", (30, 20))]

    outcome = run_detection(sources, tmp_path / "out")

    assert (outcome.frames, outcome.objects, outcome.failures) == (2, 2, [])
    assert result_files(tmp_path / "out") == {"a.png", "b.jpg", "detections.jsonl"}
    assert read_image(tmp_path / "out" / "b.jpg").shape == (30, 20, 3)
    first, second = result_records(tmp_path / "out")
    assert {key: first[key] for key in ("source", "frame", "width", "height", "output")} == {
        "source": str(tmp_path / "in" / "a.png"),
        "frame": 0,
        "width": 80,
        "height": 60,
        "output": "a.png",
    }
    (skirt,) = first["detections"]
    assert (skirt["class"], skirt["class_id"], skirt["score"]) == ("skirt", 8, 0.9)
    assert skirt["box"] == [20, 15, 60, 45]
    assert len(skirt["keypoints"]) == 8
    assert [refined for _, _, _, refined in skirt["keypoints"]] == [False, True, True] * 2 + [False, True]
    assert all(20 <= x <= 60 and 15 <= y <= 45 for x, y, _, _ in skirt["keypoints"])
    assert second["source"].endswith("b.jpg")


def test_a_record_is_rounded_so_that_equal_runs_write_equal_bytes(tmp_path: Path) -> None:
    sources: list[Source] = [make_picture(tmp_path / "a.png", (61, 83))]

    for name in ("one", "two"):
        run_detection(sources, tmp_path / name)

    one, two = ((tmp_path / name / "detections.jsonl").read_bytes() for name in ("one", "two"))
    assert one == two
    numbers = [number for point in json.loads(one)["detections"][0]["keypoints"] for number in point[:2]]
    assert all(number == round(number, 2) for number in numbers)


def test_inputs_of_the_same_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    names = ["a/1.png", "b/1.png", "c/1.PNG", "a/1-2.png", "a/1.bmp"]
    sources: list[Source] = [make_picture(tmp_path / "in" / name) for name in names]

    run_detection(sources, tmp_path / "out")

    outputs = [record["output"] for record in result_records(tmp_path / "out")]
    assert outputs == ["1.png", "1-2.png", "1-3.png", "1-2-2.png", "1-4.png"]
    assert result_files(tmp_path / "out") == {*outputs, "detections.jsonl"}


def test_a_format_that_we_do_not_write_becomes_png(tmp_path: Path) -> None:
    run_detection([make_picture(tmp_path / "a.webp"), make_picture(tmp_path / "b.bmp")], tmp_path / "out")

    assert result_files(tmp_path / "out") == {"a.png", "b.png", "detections.jsonl"}


def test_a_bad_picture_among_good_ones_stops_nobody(tmp_path: Path) -> None:
    good, last = make_picture(tmp_path / "a.png"), make_picture(tmp_path / "c.png")
    bad = make_picture(tmp_path / "b.png")
    cut(bad.path, 0.6)

    outcome = run_detection([good, bad, last, PictureSource(tmp_path / "gone.png")], tmp_path / "out")

    assert [source.name for source, _ in outcome.failures] == [bad.name, str(tmp_path / "gone.png")]
    assert outcome.frames == 2
    assert result_files(tmp_path / "out") == {"a.png", "c.png", "detections.jsonl"}


def test_nothing_but_failures_leaves_no_folder(tmp_path: Path) -> None:
    outcome = run_detection([PictureSource(tmp_path / "gone.png")], tmp_path / "out")

    assert outcome.frames == 0
    assert not (tmp_path / "out").exists()


def test_a_video_becomes_a_video_of_the_same_size_rate_and_length(tmp_path: Path) -> None:
    video = VideoSource(write_video(tmp_path / "v.avi", frames=9, size=(64, 48), rate=12))

    run_detection([video], tmp_path / "out")

    written = cv2.VideoCapture(str(tmp_path / "out" / "v.mp4"))
    found = [written.get(p) for p in (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FPS, 3, 4)]
    assert found == [9, 12, 64, 48]
    assert [record["frame"] for record in result_records(tmp_path / "out")] == list(range(9))
    assert result_files(tmp_path / "out") == {"v.mp4", "detections.jsonl"}


def test_a_video_of_a_variable_rate_keeps_its_length_and_every_record_its_time(tmp_path: Path) -> None:
    outcome = run_detection([VideoSource(MEDIA / "vfr.mkv")], tmp_path / "out")

    assert (outcome.frames, outcome.failures) == (10, [])
    assert ["vfr.mkv has 10 frames" in note for note in outcome.notes] == [True]
    times = [record["seconds"] for record in result_records(tmp_path / "out")]
    assert times == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 4, 8]
    written = cv2.VideoCapture(str(tmp_path / "out" / "vfr.mp4"))
    assert written.get(cv2.CAP_PROP_FRAME_COUNT) / written.get(cv2.CAP_PROP_FPS) == pytest.approx(8 + 1 / 30)


def test_a_video_that_cannot_be_read_costs_nobody_else_a_result(tmp_path: Path) -> None:
    inputs: list[Source] = [
        make_picture(tmp_path / "a.png"),
        *(VideoSource(MEDIA / name) for name in ("interlaced_h264.mp4", "av1.mp4", "mirrored.mp4")),
    ]

    outcome = run_detection(inputs, tmp_path / "out")

    assert [source.name.rpartition("/")[2] for source, _ in outcome.failures] == ["interlaced_h264.mp4", "av1.mp4"]
    assert outcome.frames == 10
    assert [record["seconds"] for record in result_records(tmp_path / "out")][:3] == [0, 0, 0.033]


def test_a_video_cut_short_is_processed_as_far_as_it_goes(tmp_path: Path) -> None:
    video = VideoSource(cut(write_video(tmp_path / "v.avi", frames=20), 0.6))

    outcome = run_detection([video], tmp_path / "out")

    assert 5 < outcome.frames < 15
    assert "cut short" in str(outcome.failures[0][1])
    written = cv2.VideoCapture(str(tmp_path / "out" / "v.mp4"))
    assert written.get(cv2.CAP_PROP_FRAME_COUNT) == outcome.frames == len(result_records(tmp_path / "out"))


def test_a_video_too_small_for_the_format_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = VideoSource(write_video(tmp_path / "v.mp4", frames=2))
    monkeypatch.setattr(video_stream, "_read_file", lambda *_: iter([(np.zeros((1, 1, 3), np.uint8), 0.0)]))

    outcome = run_detection([video], tmp_path / "out")

    assert "no video of 1x1 pixels" in str(outcome.failures[0][1])
    assert not (tmp_path / "out").exists()


class _Interrupted(OneGarment):
    """Somebody presses Ctrl-C in the third frame."""

    def __call__(self, image: Image8) -> Detections:
        if len(self.seen) == 2:
            raise KeyboardInterrupt
        return super().__call__(image)


def test_ctrl_c_keeps_what_was_done(tmp_path: Path) -> None:
    pictures: list[Source] = [make_picture(tmp_path / f"{n}.png") for n in range(4)]

    with pytest.raises(KeyboardInterrupt):
        run_detection(pictures, tmp_path / "out", _Interrupted())

    assert result_files(tmp_path / "out") == {"0.png", "1.png", "detections.jsonl"}
    assert len(result_records(tmp_path / "out")) == 2


def test_ctrl_c_in_a_video_leaves_a_video_that_plays(tmp_path: Path) -> None:
    video = VideoSource(write_video(tmp_path / "v.mp4", frames=5))

    with pytest.raises(KeyboardInterrupt):
        run_detection([video], tmp_path / "out", _Interrupted())

    assert result_files(tmp_path / "out") == {"v.mp4", "detections.jsonl"}
    assert cv2.VideoCapture(str(tmp_path / "out" / "v.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 2


class _FakeCamera:
    """What OpenCV gives for a camera that never ends."""

    def isOpened(self) -> bool:  # noqa: N802  OpenCV's name
        return True

    def read(self) -> tuple[bool, np.ndarray]:
        return True, np.full((48, 64, 3), 128, np.uint8)

    def get(self, _: int) -> float:
        return 0.0  # many drivers do not know their rate

    def release(self) -> None:
        """Nothing to release."""


def test_ctrl_c_ends_a_camera_and_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", lambda _: _FakeCamera())
    recorded: list[np.ndarray] = []
    monkeypatch.setattr(
        "deepmark.runtime.media.output_folder.VideoFile.write", lambda _, image, __: recorded.append(image)
    )

    class Detector(OneGarment):
        def __call__(self, image: Image8) -> Detections:
            if len(self.seen) == 2:
                self.seen.clear()
                raise KeyboardInterrupt
            return super().__call__(image)

    outcome = run_detection([CameraSource(0), make_picture(tmp_path / "a.png")], tmp_path / "out", Detector())

    assert (outcome.frames, outcome.failures, len(recorded)) == (3, [], 2)
    assert [record["source"] for record in result_records(tmp_path / "out")] == ["camera 0"] * 2 + [
        str(tmp_path / "a.png")
    ]


FAULTS = [MemoryError(), cv2.error("it"), ValueError("it"), RecursionError("it")]


@pytest.mark.parametrize(
    ("where", "error"),
    [(where, error) for where in ("read_picture", "annotate", "detector") for error in FAULTS]
    + [("read_picture", OSError(5, "Input/output error")), ("detector", EngineError("MNN: Insufficient memory"))],
)
@pytest.mark.parametrize("ahead", [0, 2])
def test_whatever_fails_with_one_input_ends_neither_the_run_nor_the_records(
    where: str, error: Exception, ahead: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = iter(range(3))

    def fail_second() -> None:
        if next(calls) == 1:
            raise error

    if where == "read_picture":
        monkeypatch.setattr("deepmark.runtime.media.sources.read_picture", _after(fail_second, read_picture))
    elif where == "annotate":
        monkeypatch.setattr("deepmark.runtime.detection_run.annotate", _after(fail_second, annotate))

    class Detector(OneGarment):
        def __call__(self, image: Image8) -> Detections:
            if where == "detector":
                fail_second()
            return super().__call__(image)

    sources = [make_picture(tmp_path / f"{name}.png") for name in "abc"]
    summary = run_detection(sources, tmp_path / "out", Detector(), ahead=ahead)

    assert [Path(record["source"]).name for record in result_records(tmp_path / "out")] == ["a.png", "c.png"]
    ((failed, told),) = summary.failures
    assert failed == sources[1]
    sentence = {
        MemoryError: "b.png needs more memory than there is",
        OSError: "b.png: Input/output error",
        EngineError: "b.png needs more memory than there is",
    }.get(type(error), f"b.png cannot be processed: {type(error).__name__}: it")
    assert sentence in str(told)
    assert told.__traceback__ is None  # or its frames would hold the picture


def test_the_ways_out_of_several_failures_are_all_told(tmp_path: Path) -> None:
    sources: list[Source] = [PictureSource(MEDIA / "photo.heic"), VideoSource(MEDIA / "interlaced_h264.mp4")]

    summary = run_detection(sources, tmp_path / "out")

    with pytest.raises(DataError, match="2 of 2 inputs failed") as caught:
        summary.require_all(2)
    assert "heif-convert" in str(caught.value.hint)
    assert "ffmpeg" in str(caught.value.hint)


def test_a_name_of_an_output_is_no_longer_than_file_systems_take(tmp_path: Path) -> None:
    given = ["n" * 251 + ".jpg", "n" * 251 + ".png", "n" * 250 + ".webp", "n" * 255, "服" * 84 + ".gif", "é" * 120]
    output = OutputFolder(tmp_path)

    found = [output.name_for(PictureSource(Path(name))) for name in [*given, "\udcff" * 200]]
    found.append(output.name_for(VideoSource(Path("n" * 252 + ".ts"))))

    assert len({name.casefold() for name in found}) == len(found)
    assert max(len(name.encode()) for name in found) <= 255
    assert [Path(name).suffix for name in found] == [".jpg", ".png", ".png", ".png", ".png", ".png", ".png", ".mp4"]


@pytest.mark.parametrize("name", ["n" * 242 + ".jpg", "n" * 251 + ".jpg", "服" * 83 + ".png", "n" * 251 + ".avi"])
def test_an_input_may_have_a_name_as_long_as_the_file_system_takes(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    source: Source
    if name.endswith(".avi"):
        source = VideoSource(write_video(tmp_path / "v.avi", frames=2).rename(path))
    else:
        source = make_picture(path)

    summary = run_detection([source], tmp_path / "out")

    assert not summary.failures
    (record, *_) = result_records(tmp_path / "out")
    assert result_files(tmp_path / "out") == {record["output"], "detections.jsonl"}


def test_a_relative_name_with_a_colon_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["12:30.mp4", "http:x.mp4", "http:/host/x.mp4", "file:x.mp4"]
    (tmp_path / "http:" / "host").mkdir(parents=True)
    video = write_video(tmp_path / "v.mp4", frames=2)
    for name in names:
        shutil.copy(video, name)

    summary = run_detection([VideoSource(Path(name)) for name in names], Path("out:1"))

    assert not summary.failures
    assert [record["source"] for record in result_records(Path("out:1"))] == [name for name in names for _ in range(2)]
    assert result_files(Path("out:1")) == {"detections.jsonl", "12:30.mp4", "http:x.mp4", "x.mp4", "file:x.mp4"}


def test_an_engine_that_fails_ends_the_run_and_keeps_what_was_done(tmp_path: Path) -> None:
    class Failing(OneGarment):
        def __call__(self, image: Image8) -> Detections:
            if self.seen:
                raise DeepMarkError("the engine failed")
            return super().__call__(image)

    with pytest.raises(DeepMarkError, match="the engine failed"):
        run_detection([make_picture(tmp_path / "a.png"), make_picture(tmp_path / "b.png")], tmp_path / "out", Failing())

    assert result_files(tmp_path / "out") == {"a.png", "detections.jsonl"}
    assert len(result_records(tmp_path / "out")) == 1


def test_earlier_results_are_replaced(tmp_path: Path) -> None:
    run_detection([make_picture(tmp_path / "a.png"), make_picture(tmp_path / "b.png")], tmp_path / "out")
    run_detection([make_picture(tmp_path / "a.png")], tmp_path / "out")

    assert len(result_records(tmp_path / "out")) == 1


def test_two_runs_into_one_folder_do_not_replace_each_others_records(tmp_path: Path) -> None:
    picture = make_picture(tmp_path / "a.png")
    with OutputFolder(tmp_path / "out").opened([picture]):
        with pytest.raises(DeepMarkError, match=r"another run is writing to .*out") as refusal:
            run_detection([picture], tmp_path / "out")
        assert "--output" in str(refusal.value.hint)

    assert run_detection([picture], tmp_path / "out").frames == 1


def test_results_never_go_where_inputs_lie(tmp_path: Path) -> None:
    picture = make_picture(tmp_path / "a.png")
    before = picture.path.read_bytes()

    with pytest.raises(UsageError, match=r"a\.png lies in the output folder"):
        run_detection([picture], tmp_path)

    assert picture.path.read_bytes() == before
    assert result_files(tmp_path) == {"a.png"}


@pytest.mark.parametrize("folder", ["file", "file/out"])
def test_a_folder_that_cannot_be_made_is_said_before_the_work(folder: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    detector = OneGarment()

    with pytest.raises(DeepMarkError, match=f"cannot write .*{folder}"):
        run_detection([make_picture(tmp_path / "in" / "a.png")], tmp_path / folder, detector)

    assert not detector.seen
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_picture_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.FileIO):
        def write(self, content: Any, /) -> int:
            super().write(content[:10])
            raise OSError(28, "No space left on device")

    picture = make_picture(tmp_path / "a.png")
    honest = Path.open

    def opened(self: Path, mode: str = "r", *more: Any) -> Any:
        full = self.suffix == ".png" and mode == "wb"
        return Full(self, mode) if full else honest(self, mode, *more)

    monkeypatch.setattr(Path, "open", opened)

    with pytest.raises(DeepMarkError, match=r"cannot write .*a\.png: No space left on device") as caught:
        run_detection([picture], tmp_path / "out")

    assert "free some space" in str(caught.value.hint)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", "size=64k") as disk:
        yield disk


def test_a_disk_that_fills_up_is_one_error_and_leaves_no_part(small_disk: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    sources: list[Source] = []
    for number in range(5):
        (tmp_path / f"{number}.png").write_bytes(encoded(noise))  # 30 KB each
        sources.append(PictureSource(tmp_path / f"{number}.png"))

    with pytest.raises(DeepMarkError, match="No space left"):
        run_detection(sources, small_disk / "out")

    whole = [name for name in result_files(small_disk / "out") if name.endswith(".png")]
    assert whole
    assert all(cv2.imread(str(small_disk / "out" / name)) is not None for name in whole)
    assert not [name for name in result_files(small_disk / "out") if name.startswith(".")]


def test_a_disk_that_fills_up_in_a_video_is_found_out(small_disk: Path, tmp_path: Path) -> None:
    video = VideoSource(write_video(tmp_path / "v.avi", frames=40, size=(128, 128)))

    with pytest.raises(DeepMarkError, match="cannot write"):
        run_detection([video], small_disk / "out")

    assert not (small_disk / "out").exists() or result_files(small_disk / "out") <= {"detections.jsonl"}


def test_the_first_frame_of_every_input_is_kept_for_a_contact_sheet(tmp_path: Path) -> None:
    sources: list[Source] = [
        make_picture(tmp_path / "wide.png", (100, 900)),
        VideoSource(write_video(tmp_path / "v.mp4", frames=3)),
    ]

    outcome = run_detection(sources, tmp_path / "out", tiles=True)

    assert [tile.caption for tile in outcome.tiles] == ["wide.png", "v.mp4"]
    assert [max(tile.image.shape) for tile in outcome.tiles] == [480, 480]


class _FakeWindow:
    def __init__(self, answers: list[bool]) -> None:
        self.answers = answers
        self.stills: list[bool] = []

    def show(self, _: np.ndarray, *, still: bool) -> bool:
        self.stills.append(still)
        return self.answers.pop(0)


def test_closing_the_window_ends_the_run_in_good_order(tmp_path: Path) -> None:
    window = _FakeWindow([True, True, False])
    video = VideoSource(write_video(tmp_path / "v.mp4", frames=5))

    outcome = run_detection(
        [make_picture(tmp_path / "a.png"), video, make_picture(tmp_path / "b.png")], tmp_path / "out", window=window
    )

    assert window.stills == [True, False, False]
    assert (outcome.frames, outcome.failures) == (3, [])
    assert result_files(tmp_path / "out") == {"a.png", "v.mp4", "detections.jsonl"}


def test_a_picture_that_its_format_cannot_hold_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: np.ndarray, suffix: str) -> bytes:
        if suffix == ".jpg":
            raise DataError("cannot be written as .jpg")
        return b"content"

    monkeypatch.setattr("deepmark.runtime.media.output_folder.encode_picture", refuse)

    outcome = run_detection([make_picture(tmp_path / "a.jpg"), make_picture(tmp_path / "b.png")], tmp_path / "out")

    assert len(outcome.failures) == 1
    assert result_files(tmp_path / "out") == {"b.png", "detections.jsonl"}
