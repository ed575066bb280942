"""What the words of a command line mean, and what comes out of each source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from media_files import cut, encoded, write_video

from deepmark.errors import DataError
from deepmark.runtime.media.sources import (
    CameraSource,
    PictureSource,
    Source,
    VideoSource,
    count_frames,
    find_sources,
    open_source,
)
from deepmark.runtime.media.video_stream import TimedImage

PIXEL = encoded(np.zeros((1, 1, 3), np.uint8))


def _touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PIXEL)
    return folder


def _names(sources: list[Source], folder: Path) -> list[str]:
    return [Path(source.name).relative_to(folder).as_posix() for source in sources]


def test_a_folder_means_its_pictures_in_natural_order_and_nothing_else(tmp_path: Path) -> None:
    _touch(tmp_path, "10.png", "2.jpg", "1.PNG", "notes.txt", "clip.mp4", "deeper/3.png")

    assert _names(find_sources([str(tmp_path)]), tmp_path) == ["1.PNG", "2.jpg", "10.png"]


def test_one_line_says_what_was_left_out_of_a_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _touch(
        tmp_path, "1.jpg", "2.jfif", "a.heic", "b.HEIC", "c.heic", "clip.mov", "deeper/3.png", "README", ".hidden.png"
    )

    assert _names(find_sources([str(tmp_path)]), tmp_path) == ["1.jpg", "2.jfif"]
    assert caplog.messages == [f"{tmp_path}: left out 3 .heic, 1 (no suffix), 1 .mov, 1 (folder)"]


def test_one_line_says_what_a_pattern_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _touch(tmp_path, "1.jpg", "2.mov", "a.heic", "deeper/3.png")

    assert _names(find_sources([f"{tmp_path}/*"]), tmp_path) == ["1.jpg", "2.mov"]
    assert caplog.messages == [f"{tmp_path}/*: left out 1 .heic"]


def test_nothing_is_said_where_nothing_was_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    find_sources([str(_touch(tmp_path, "1.jpg"))])

    assert caplog.messages == []


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    _touch(tmp_path, "deeper/3.png")

    with pytest.raises(DataError, match="holds no picture"):
        find_sources([str(tmp_path)])


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("a.heic", b"\0\0\0\x18ftypheic", "heif-convert"),
        ("a.jxl", b"\xff\x0a", "djxl"),
        ("a.mov", b"", "by name, or a pattern"),
        ("a.txt", b"text", "subfolders"),
    ],
)
def test_a_folder_without_pictures_says_what_to_do_with_what_it_holds(
    name: str, content: bytes, hint: str, tmp_path: Path
) -> None:
    (tmp_path / "deeper").mkdir()
    (tmp_path / name).write_bytes(content)

    with pytest.raises(DataError, match="holds no picture") as caught:
        find_sources([str(tmp_path)])
    assert hint in str(caught.value.hint)


def test_an_input_without_anything_to_look_at_stops_no_other(tmp_path: Path) -> None:
    _touch(tmp_path, "1.png", "deeper/notes.txt")
    inputs = [str(tmp_path / "deeper"), str(tmp_path / "1.png"), f"{tmp_path}/nothing*", ""]

    empty, picture, pattern, nothing = find_sources(inputs)

    assert picture == PictureSource(tmp_path / "1.png")
    for source, reason in ((empty, "holds no picture"), (pattern, "matches"), (nothing, "an input is empty")):
        with pytest.raises(DataError, match=reason), open_source(source):
            pass
    with pytest.raises(DataError, match="holds no picture"):
        find_sources([inputs[0], inputs[2], inputs[3]])


def test_a_pattern_means_pictures_and_videos_that_match(tmp_path: Path) -> None:
    _touch(tmp_path, "a10.png", "a9.png", "b.png", "a.txt", "a.mp4", "sub/a1.png")

    assert _names(find_sources([f"{tmp_path}/a*"]), tmp_path) == ["a9.png", "a10.png", "a.mp4"]
    assert _names(find_sources([f"{tmp_path}/**/a*.png"]), tmp_path) == ["a9.png", "a10.png", "sub/a1.png"]
    assert _names(find_sources([f"{tmp_path}/[b]?png"]), tmp_path) == ["b.png"]


def test_a_pattern_without_a_match_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no picture or video matches .*nothing\*"):
        find_sources([f"{tmp_path}/nothing*"])


def test_a_file_is_a_file_even_if_it_looks_like_a_pattern_or_a_camera(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _touch(tmp_path, "[1].png", "0")
    monkeypatch.chdir(tmp_path)

    assert find_sources(["[1].png", "0", "1"]) == [
        PictureSource(Path("[1].png")),
        PictureSource(Path("0")),
        CameraSource(1),
    ]


def test_inputs_keep_the_order_they_were_given_in(tmp_path: Path) -> None:
    _touch(tmp_path, "b/1.png", "a/1.png", "z.mov")

    found = find_sources([str(tmp_path / "z.mov"), str(tmp_path / "b"), str(tmp_path / "a"), "0"])

    assert found == [
        VideoSource(tmp_path / "z.mov"),
        PictureSource(tmp_path / "b" / "1.png"),
        PictureSource(tmp_path / "a" / "1.png"),
        CameraSource(0),
    ]


def test_a_missing_file_is_said_when_it_is_opened(tmp_path: Path) -> None:
    for name in ("gone.png", "gone.mp4"):
        (source,) = find_sources([str(tmp_path / name)])
        with pytest.raises(DataError, match=rf"cannot read .*{name}: No such file"), open_source(source):
            pass


def test_a_picture_is_one_frame_without_a_rate(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(np.full((3, 4, 3), 9, np.uint8)))

    with open_source(PictureSource(path)) as stream:
        assert (stream.length, stream.rate) == (1, None)
        (frame,) = stream.frames
    assert (frame.image == np.full((3, 4, 3), 9)).all()
    assert frame.seconds == 0


def test_a_video_gives_all_its_frames_and_its_rate(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", frames=12, size=(64, 48), rate=10)

    with open_source(VideoSource(path)) as stream:
        assert (stream.length, stream.rate) == (12, 10)
        frames = list(stream.frames)

    assert len(frames) == 12
    assert {frame.image.shape for frame in frames} == {(48, 64, 3)}


def test_a_video_cut_short_gives_what_there_is_and_then_the_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = cut(write_video(tmp_path / "v.avi", frames=30), 0.6)
    frames: list[TimedImage] = []

    expected = pytest.raises(DataError, match=r"v\.avi is cut short: it should have 30 .* \d+ can be decoded")

    with open_source(VideoSource(path)) as stream, expected:
        frames.extend(stream.frames)  # keeps what came before the error

    assert 10 < len(frames) < 25
    assert capfd.readouterr().err == ""


def test_a_video_without_its_index_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = cut(write_video(tmp_path / "v.mp4", frames=30), 0.5)

    with (
        pytest.raises(DataError, match=r"v\.mp4 is no video that can be opened \(moov"),
        open_source(VideoSource(path)),
    ):
        pass
    assert capfd.readouterr().err == ""


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    path.write_text("no video")

    with pytest.raises(DataError, match="no video that can be opened"), open_source(VideoSource(path)):
        pass


def test_an_absent_camera_is_one_clear_line(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match="camera 99 cannot be opened"), open_source(CameraSource(99)):
        pass
    assert capfd.readouterr().err == ""


def test_frames_are_counted_for_the_progress_bar(tmp_path: Path) -> None:
    video = VideoSource(write_video(tmp_path / "v.mp4", frames=7))
    missing = VideoSource(tmp_path / "gone.mp4")
    picture = PictureSource(tmp_path / "a.png")

    assert count_frames([picture, video, missing]) == 9
    assert count_frames([picture, CameraSource(0)]) is None


def test_an_empty_word_is_an_error_and_not_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(_touch(tmp_path, "1.png"))

    with pytest.raises(DataError, match="an input is empty"):
        find_sources([""])


@pytest.mark.parametrize("number", ["100", "99999999999999999999", "9" * 5000])
def test_a_number_too_large_for_a_camera_is_the_name_of_a_file(number: str) -> None:
    assert find_sources([number]) == [PictureSource(Path(number))]


def _may_not(self: Path, *_: object, **__: object) -> None:
    raise PermissionError(13, "Permission denied", str(self))


def test_a_folder_that_may_not_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "iterdir", _may_not)

    with pytest.raises(DataError, match=r"cannot read the folder .*: Permission denied") as error:
        find_sources([str(tmp_path)])
    assert error.value.hint is not None


def test_a_file_in_a_folder_that_may_not_be_entered_fails_when_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "stat", _may_not)
    (source,) = find_sources([str(tmp_path / "a.png")])

    with pytest.raises(DataError, match="Permission denied"), open_source(source):
        pass


def test_a_name_that_is_no_text_is_shown_as_text() -> None:
    (source,) = find_sources(["a\udcff.png"])

    assert source.name == "a\ufffd.png"


def test_a_video_whose_name_is_no_text_is_refused_where_opencv_would_crash(tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", frames=2, size=(64, 64)).rename(tmp_path / "v\udcff.mp4")

    with pytest.raises(DataError, match="not Unicode"), open_source(VideoSource(video)):
        pass
