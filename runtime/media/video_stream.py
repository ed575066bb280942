"""A video file or a camera as frames that the decoder wrote, upright, with square pixels, each with its time.

Measured with OpenCV 4.13 to 5.0 and the FFmpeg 8 in their wheels (decision 24):

- Where a frame is interlaced, ``read()`` says yes and returns a buffer that nothing was written to: black, or what
  another input left in that memory. It copies out of a buffer of its own, so marking ours shows nothing; but a line on
  stderr says so for every such frame.
- A rotation is applied, a mirroring is taken for half a turn, and pixels that are not square are left as they are.
- The number of frames is a guess from length and rate where the container counts none, and a list's length without
  regard to what an edit list cuts off where it does.
"""

from __future__ import annotations

import math
import os
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from deepmark.errors import DataError
from deepmark.files import printable
from deepmark.runtime.arrays import Image8
from deepmark.runtime.media.picture_file import READ_HINT
from deepmark.runtime.media.video_header import HLG, PQ, VideoHeader, read_video_header
from deepmark.runtime.native_libraries import NativeOutput, captured_stderr, native_path

_USUAL_RATE = 25.0  # frames a second, where a video or camera does not tell its own
_FASTEST_RATE = 1000.0
_LONGEST_GAP_S = 600.0  # between two frames; more is a fault of the time stamps
_MOST_STRETCH = 4.0  # of a pixel, longer side to shorter; more is a fault of the file
_SHORT = 0.95  # share of the promised frames below which it is worth a word: some containers only guess
_COPY_HINT = "copy it again; what could be decoded was processed"

_UNWRITTEN = "Cannot convert interlaced"  # libswscale, on stderr, for every frame that it does not write
_BREAKS_OFF = ("File ended prematurely", "partial file")  # FFmpeg's readers of Matroska and of MP4
_LOG_SETTINGS = ("OPENCV_FFMPEG_DEBUG", "OPENCV_FFMPEG_LOGLEVEL")  # lead its lines to stdout, or nowhere
_WHOLE_FRAMES = "-vf bwdif=send_frame -pix_fmt yuv420p"
_CODECS = {"av01": "AV1"}
_MAPS_HDR = (4, 13)  # OpenCV whose wheels have FFmpeg 8
_MAPPED = "its colours are mapped to those of a screen, for which its first frame takes seconds"
_AS_STORED = "its colours are used as stored, which look pale: OpenCV 4.13 maps them"
_HDR = {PQ: "PQ", HLG: "HLG"}


class TimedImage(NamedTuple):
    """A frame and its time.

    Attributes:
        image: BGR picture, (H, W, 3) uint8.
        seconds: time since the beginning of its source; 0 for a still picture.
    """

    image: Image8
    seconds: float


@dataclass(frozen=True, slots=True)
class Stream:
    """An opened source of frames.

    Attributes:
        frames: frames in the order in which they are shown. A source that breaks off raises `DataError` after its last
            whole frame.
        length: number of frames to expect; None if nobody knows.
        rate: frames a second; None for a still picture.
        notes: sentences that its user should read; complete when the frames have ended.
    """

    frames: Iterator[TimedImage]
    length: int | None
    rate: float | None
    notes: list[str] = field(default_factory=list)


@contextmanager
def open_video(path: Path) -> Iterator[Stream]:
    """Open a video file for the length of a ``with`` block.

    Raises:
        DataError: it cannot be read, or is no video; says why.
    """
    name = printable(path)
    try:
        header = read_video_header(path)  # OpenCV does not say why it cannot open a file
    except OSError as error:
        raise DataError(f"cannot read {name}: {error.strerror or error}", hint=READ_HINT) from error
    with _capture(native_path(path, DataError)) as (capture, printed):
        if not capture.isOpened():
            reason = f" ({printed.rpartition('] ')[2]})" if printed else ""
            raise DataError(
                f"{name} is no video that can be opened{reason}",
                hint="is it whole? A recording that was cut off has often lost its index",
            )
        length, rate, notes = _length(capture), _rate(capture), list[str]()
        show = _as_shown(capture, header, name, notes)
        frames = _read_file(capture, path, header, length, rate, notes)
        yield Stream((TimedImage(show(image), seconds) for image, seconds in frames), length, rate, notes)


@contextmanager
def open_camera(index: int) -> Iterator[Stream]:
    """Open a camera for the length of a ``with`` block; its frames have no end.

    Raises:
        DataError: it cannot be opened.
    """
    with _capture(index) as (capture, _):
        if not capture.isOpened():
            raise DataError(
                f"camera {index} cannot be opened",
                hint="is it there, free, and may you use it? The first camera is number 0",
            )
        yield Stream(_read_camera(capture, index), None, _rate(capture))


@contextmanager
def _capture(opened: str | int) -> Iterator[tuple[Any, str]]:
    """Open something in OpenCV; yields the capture, and the last line that was printed."""
    import cv2

    settings = {name: os.environ.pop(name) for name in _LOG_SETTINGS if name in os.environ}
    try:
        with captured_stderr() as output:
            capture = cv2.VideoCapture(opened)
    finally:
        os.environ.update(settings)
    try:
        yield capture, output.last_line
    finally:
        capture.release()


def _read_camera(capture: Any, index: int) -> Iterator[TimedImage]:
    start = None
    while True:
        with captured_stderr():
            there, image = capture.read()
        if not there:
            raise DataError(f"camera {index} gives no more frames", hint="was it unplugged?")
        now = time.monotonic()
        start = now if start is None else start
        yield TimedImage(image, now - start)


def _read_file(
    capture: Any, path: Path, header: VideoHeader, length: int | None, rate: float, notes: list[str]
) -> Iterator[TimedImage]:
    import cv2

    name, clock, complaints, found = printable(path), _Clock(rate), _Complaints(), 0
    while True:
        with captured_stderr() as output:
            there, image = capture.read()
        complaints.take(output)
        if not there:
            break
        if _UNWRITTEN in output.text:
            raise DataError(
                f"{name} is interlaced, which OpenCV {cv2.__version__} cannot read (frame {found})",
                hint=f"make whole frames of it first: {_ffmpeg_line(path, _WHOLE_FRAMES)} (or take OpenCV 4.12)",
            )
        found += 1
        yield TimedImage(image, clock.seconds(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000))
    if not found:
        raise _nothing_decoded(capture, path, complaints.last)
    missing = length is not None and found < _SHORT * length
    broken = header.counts_frames and (complaints.count > 0 or not header.whole)
    if complaints.breaks_off or (missing and broken):
        expected = f"it should have {length} frames, and " if missing else ""
        raise DataError(f"{name} is cut short: {expected}{found} can be decoded", hint=_COPY_HINT)
    if missing:
        notes.append(f"{name} has {found} frames where its header promises {length}; no sign that one is missing")
    if complaints.count:
        notes.append(f"{name}: the decoder complained of {complaints.count} frames, at last: {complaints.last}")
    if clock.jumps:
        notes.append(f"{name}: time stamps that jump, {clock.jumps} in all, were set right by its rate, {rate:g} Hz")


def _nothing_decoded(capture: Any, path: Path, last_words: str) -> DataError:
    import cv2

    name = printable(path)
    number = int(capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
    letters = number.to_bytes(4, "little").decode("ascii", "replace")
    if codec := _CODECS.get(letters.lower()):
        return DataError(
            f"{name} is {codec} ({letters}), which OpenCV {cv2.__version__} cannot decode",
            hint=f"make another format of it first: {_ffmpeg_line(path, '-pix_fmt yuv420p')} (or take OpenCV 4.14)",
        )
    words = f" ({letters}: {last_words})" if last_words else ""
    return DataError(f"{name} holds no frame that can be decoded{words}", hint=_COPY_HINT)


@dataclass(slots=True)
class _Complaints:
    """What was printed while frames were read."""

    count: int = 0  # frames for which something was
    last: str = ""
    breaks_off: bool = False  # whether the file ends too early, by the words of its reader

    def take(self, output: NativeOutput) -> None:
        if output.last_line:
            self.count += 1
            self.last = output.last_line.rpartition("] ")[2]
            self.breaks_off = self.breaks_off or any(words in output.text for words in _BREAKS_OFF)


def _ffmpeg_line(path: Path, options: str) -> str:
    name = f"file:{printable(path)}" if ":" in path.name or path.name.startswith("-") else printable(path)
    return f"ffmpeg -i {shlex.quote(name)} {options} -an {shlex.quote(f'{printable(Path(path.stem))}-new.mp4')}"


def _as_shown(capture: Any, header: VideoHeader, name: str, notes: list[str]) -> Callable[[Image8], Image8]:
    """Return what makes the shown frame of a decoded one; what it cannot do is said in ``notes``."""
    import cv2

    if header.transfer in _HDR:
        mapped = tuple(int(part) for part in cv2.__version__.split(".")[:2]) >= _MAPS_HDR
        notes.append(f"{name} is HDR ({_HDR[header.transfer]}); {_MAPPED if mapped else _AS_STORED}")
    angle = int(capture.get(cv2.CAP_PROP_ORIENTATION_META))
    orientation = header.orientation if header.angle == angle else None
    if orientation is not None:
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
    elif angle % 90:
        notes.append(f"{name} is to be turned by {angle} degrees, which is no right angle; it is used as stored")
    width, height = _pixel_shape(capture)
    if orientation is None and angle % 180 == 90:  # OpenCV has turned it
        width, height = height, width

    def show(image: Image8) -> Image8:
        size = round(image.shape[1] * max(1, width / height)), round(image.shape[0] * max(1, height / width))
        if size != (image.shape[1], image.shape[0]):
            image = np.asarray(cv2.resize(image, size), np.uint8)
        return orientation.shown(image) if orientation is not None else image

    return show


def _pixel_shape(capture: Any) -> tuple[float, float]:
    """Return width and height of a pixel; 1, 1 where nobody knows."""
    import cv2

    width, height = capture.get(cv2.CAP_PROP_SAR_NUM), capture.get(cv2.CAP_PROP_SAR_DEN)
    known = width > 0 and height > 0 and max(width / height, height / width) <= _MOST_STRETCH
    return (width, height) if known else (1.0, 1.0)


class _Clock:
    """Times of frames that never go back, from time stamps that may."""

    def __init__(self, rate: float) -> None:
        self.jumps = 0  # time stamps that cannot be meant
        self._step = 1 / rate
        self._shift = 0.0
        self._last: float | None = None

    def seconds(self, stamp: float) -> float:
        """Return the time of the next frame, of which the file says ``stamp``: seconds; 0 if it says nothing."""
        if self._last is None:
            now = max(stamp, 0.0)
        elif not stamp:
            now = self._last + self._step
        else:
            now = stamp + self._shift
            if not self._last < now <= self._last + _LONGEST_GAP_S:
                now = self._last + self._step
                self._shift = now - stamp
                self.jumps += 1
        self._last = now
        return now


def _length(capture: Any) -> int | None:
    import cv2

    count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    return int(count) if math.isfinite(count) and count >= 1 else None


def _rate(capture: Any) -> float:
    import cv2

    rate = capture.get(cv2.CAP_PROP_FPS)
    return rate if math.isfinite(rate) and 0 < rate <= _FASTEST_RATE else _USUAL_RATE
