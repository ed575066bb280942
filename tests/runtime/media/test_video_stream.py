"""Videos as real tools and phones write them: frames that were written, as they are shown, at their times."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from media_files import MEDIA, cut, ebml, read_image, with_transfer, with_turn, with_video_elements, write_video

from deepmark.errors import DataError
from deepmark.runtime.arrays import Image8
from deepmark.runtime.media.video_stream import TimedImage, _Clock, _ffmpeg_line, open_video

ALIKE = 12.0  # grey levels, mean: compression changes less, another turn of the picture more than twice that

SIDEWAYS = ((0, 1, 1, 0), (0, 1, -1, 0), (0, -1, -1, 0), (0, -1, 1, 0))
TURNS = ((1, 0, 0, 1), (-1, 0, 0, 1), (-1, 0, 0, -1), (1, 0, 0, -1), *SIDEWAYS)  # as EXIF counts them, 1 to 8


def _read(path: Path) -> tuple[list[Image8], list[float], list[str]]:
    with open_video(path) as stream:
        frames = list(stream.frames)
    return [one.image for one in frames], [one.seconds for one in frames], stream.notes


def _shown() -> Image8:
    """What the videos in `MEDIA` show; they have as many rows as columns."""
    return np.asarray(cv2.resize(read_image(MEDIA / "ref.png"), (256, 256)), np.uint8)


def _difference(one: Image8, other: Image8) -> float:
    assert one.shape == other.shape
    return float(np.abs(one.astype(np.int16) - other).mean())


def _turned(image: Image8) -> list[Image8]:
    """The eight ways of EXIF, 1 to 8."""
    sideways = image.swapaxes(0, 1)
    ways = [image, image[:, ::-1], image[::-1, ::-1], image[::-1]]
    return [*ways, sideways, sideways[:, ::-1], sideways[::-1, ::-1], sideways[::-1]]


def test_a_progressive_video_shows_the_picture() -> None:
    images, times, notes = _read(MEDIA / "progressive.mp4")

    assert len(images) == 30
    assert _difference(images[0], _shown()) < ALIKE
    assert times == pytest.approx([number / 30 for number in range(30)], abs=1e-3)
    assert notes == []


def test_an_interlaced_video_is_refused_and_gives_nothing_that_was_in_memory(capfd: pytest.CaptureFixture[str]) -> None:
    frames: list[TimedImage] = []
    with (
        pytest.raises(DataError, match=r"interlaced_h264\.mp4 is interlaced, which OpenCV .* cannot read") as error,
        open_video(MEDIA / "interlaced_h264.mp4") as stream,
    ):
        frames.extend(stream.frames)

    assert frames == []
    assert "-vf bwdif" in str(error.value.hint)
    assert capfd.readouterr().err == ""


def test_opencv_says_yes_to_a_frame_that_it_did_not_write(capfd: pytest.CaptureFixture[str]) -> None:
    """Where this fails, OpenCV reads interlaced video, and our refusal can go. What the frame holds is chance."""
    capture = cv2.VideoCapture(str(MEDIA / "interlaced_h264.mp4"))

    there, image = capture.read()

    assert there
    assert image.shape == _shown().shape
    assert "Cannot convert interlaced" in capfd.readouterr().err


@pytest.mark.parametrize("setting", ["OPENCV_FFMPEG_LOGLEVEL", "OPENCV_FFMPEG_DEBUG"])
def test_a_setting_that_silences_the_decoder_does_not_hide_what_was_not_written(
    setting: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(setting, "-8")

    with pytest.raises(DataError, match="is interlaced"), open_video(MEDIA / "interlaced_h264.mp4") as stream:
        list(stream.frames)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("way", range(8))
def test_a_turned_or_mirrored_video_is_shown_as_players_show_it(way: int, tmp_path: Path) -> None:
    path = with_turn(MEDIA / "progressive.mp4", tmp_path / "v.mp4", TURNS[way])

    with open_video(path) as stream:
        image = next(stream.frames).image

    wanted = _turned(_shown())
    assert _difference(image, wanted[way]) < ALIKE
    assert [number for number in range(8) if _difference(image, wanted[number]) < 2 * ALIKE] == [way]
    assert stream.notes == []


def test_a_mirrored_video_of_another_tool_where_opencv_makes_half_a_turn() -> None:
    images, _, notes = _read(MEDIA / "mirrored.mp4")

    assert _difference(images[0], _turned(_shown())[1]) < ALIKE
    assert notes == []


@pytest.mark.parametrize(
    ("yaw", "roll", "way"),
    [(0, 0, 0), (180, 0, 1), (0, 180, 2), (180, 180, 3), (180, 90, 4), (0, -90, 5), (180, -90, 6), (0, 90, 7)],
)
def test_matroska_says_it_with_a_pose(yaw: float, roll: float, way: int, tmp_path: Path) -> None:
    pose = b"".join(ebml(kind, struct.pack(">f", one)) for kind, one in ((b"\x76\x73", yaw), (b"\x76\x75", roll)))
    path = with_video_elements(
        MEDIA / "vfr.mkv", tmp_path / "v.mkv", ebml(b"\x76\x70", ebml(b"\x76\x71", b"\0") + pose)
    )

    with open_video(path) as stream:
        image = next(stream.frames).image

    assert _difference(image, _turned(_shown())[way]) < ALIKE


def test_a_turn_by_no_right_angle_is_said(tmp_path: Path) -> None:
    path = with_turn(MEDIA / "progressive.mp4", tmp_path / "v.mp4", (1, 1, -1, 1))

    images, _, notes = _read(path)

    assert _difference(images[0], _shown()) < ALIKE
    assert ["45 degrees" in note for note in notes] == [True]


def test_hdr_is_said(tmp_path: Path) -> None:
    mp4 = with_transfer(MEDIA / "progressive.mp4", tmp_path / "v.mp4", 18)
    mkv = with_video_elements(MEDIA / "vfr.mkv", tmp_path / "v.mkv", ebml(b"\x55\xb0", ebml(b"\x55\xba", b"\x10")))

    with open_video(mp4) as one, open_video(mkv) as other:
        assert "v.mp4 is HDR (HLG)" in one.notes[0]
        assert "v.mkv is HDR (PQ)" in other.notes[0]


def test_pixels_that_are_not_square_become_square(tmp_path: Path) -> None:
    path = tmp_path / "v.mkv"  # 256 x 256, to be shown as 512 x 256
    with_video_elements(MEDIA / "vfr.mkv", path, ebml(b"\x54\xb0", b"\2\0") + ebml(b"\x54\xba", b"\1\0"))

    images, _, _ = _read(path)

    assert images[0].shape == (256, 512, 3)
    assert _difference(np.asarray(cv2.resize(images[0], (256, 256)), np.uint8), _shown()) < ALIKE


@pytest.mark.parametrize("name", ["vfr.mkv", "audio_longer.mkv", "edit_list_trim.mp4"])
def test_a_whole_video_is_not_called_cut_short(name: str) -> None:
    frames = {"vfr.mkv": 10, "audio_longer.mkv": 12, "edit_list_trim.mp4": 13}[name]

    images, times, notes = _read(MEDIA / name)

    assert len(images) == len(times) == frames
    assert [f"{name} has {frames} frames where its header promises" in note for note in notes] == [True]


def test_times_are_the_file_s_and_not_the_number_by_the_rate() -> None:
    _, times, _ = _read(MEDIA / "vfr.mkv")

    assert times == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 4, 8])


def test_a_file_that_ends_too_early_is_cut_short_whatever_its_count(tmp_path: Path) -> None:
    path = tmp_path / "v.mkv"
    path.write_bytes((MEDIA / "vfr.mkv").read_bytes())
    cut(path, 0.6)

    with pytest.raises(DataError, match=r"v\.mkv is cut short: .* can be decoded"), open_video(path) as stream:
        list(stream.frames)


def test_damage_that_loses_no_frame_is_a_note(tmp_path: Path) -> None:
    content = bytearray((MEDIA / "progressive.mp4").read_bytes())
    for at in range(4000, 13_000, 500):
        content[at] ^= 0xFF
    (tmp_path / "v.mp4").write_bytes(content)

    images, times, notes = _read(tmp_path / "v.mp4")

    assert len(images) == len(times) == 30
    assert ["v.mp4: the decoder complained of" in note for note in notes] == [True]


def test_av1_is_named_where_it_cannot_be_decoded(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match=r"av1\.mp4 is AV1 \(AV01\), which OpenCV") as error:  # noqa: SIM117
        with open_video(MEDIA / "av1.mp4") as stream:
            list(stream.frames)

    assert "av1-new.mp4 (or take OpenCV 4.14" in str(error.value.hint)
    assert capfd.readouterr().err == ""


def test_a_clock_never_goes_back_and_never_stands_still() -> None:
    clock = _Clock(10.0)

    times = [clock.seconds(stamp) for stamp in (0.0, 0.1, 0.2, 0.0, 0.4, 0.1, 0.3, 99_999.0, 99_999.5)]

    assert times == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 1.3])
    assert clock.jumps == 2


def test_the_line_for_ffmpeg_is_one_for_a_shell() -> None:
    assert _ffmpeg_line(Path("a b/c'd.mp4"), "-x") == """ffmpeg -i 'a b/c'"'"'d.mp4' -x -an 'c'"'"'d-new.mp4'"""
    assert _ffmpeg_line(Path("12:30.mp4"), "-x") == "ffmpeg -i file:12:30.mp4 -x -an 12:30-new.mp4"


def test_a_guess_of_the_length_is_one_for_the_progress_bar_only(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", frames=12)

    with open_video(path) as stream:
        assert stream.length == 12
        assert len(list(stream.frames)) == 12
    assert stream.notes == []
