"""What ``deepmark detect`` looks at: pictures, videos and cameras, each as a stream of frames.

An input is a picture or video file, a folder (the pictures in it, not those in its subfolders), a quoted pattern with
``*``, ``?`` or ``[...]`` (``**`` for any folders), or the number of a camera. Files come in natural order: 2 before 10.
"""

from __future__ import annotations

import glob
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepmark.errors import DataError
from deepmark.files import printable
from deepmark.runtime.arrays import Image8
from deepmark.runtime.media.picture_file import READ_HINT, read_picture
from deepmark.runtime.native_libraries import captured_stderr, native_path

PICTURE_SUFFIXES = frozenset(
    (".avif", ".bmp", ".gif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)
VIDEO_SUFFIXES = frozenset(
    (".3gp", ".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv")
)

_CAMERA_DIGITS = 2  # OpenCV reads hundreds as the choice of a driver
_USUAL_RATE = 25.0  # frames a second, where a video or camera does not tell its own
_FASTEST_RATE = 1000.0
_COPY_HINT = "copy it again; what could be decoded was processed"
_CUT_SHORT = 0.95  # share of the promised frames below which a video is cut short: some containers only estimate


@dataclass(frozen=True, slots=True)
class PictureSource:
    """A picture file."""

    path: Path

    @property
    def name(self) -> str:
        """The path as it was given, in Unicode."""
        return printable(self.path)


@dataclass(frozen=True, slots=True)
class VideoSource:
    """A video file."""

    path: Path

    @property
    def name(self) -> str:
        """The path as it was given, in Unicode."""
        return printable(self.path)


@dataclass(frozen=True, slots=True)
class CameraSource:
    """A camera by its number; it runs until Ctrl-C."""

    index: int

    @property
    def name(self) -> str:
        """For example ``camera 0``."""
        return f"camera {self.index}"


Source = PictureSource | VideoSource | CameraSource


@dataclass(frozen=True, slots=True)
class Stream:
    """An opened source.

    Attributes:
        frames: BGR pictures, (H, W, 3) uint8. A source that breaks off raises `DataError` after its last whole frame.
        length: number of frames; None if nobody knows.
        rate: frames a second; None for a still picture.
    """

    frames: Iterator[Image8]
    length: int | None
    rate: float | None


def find_sources(inputs: Iterable[str]) -> list[Source]:
    """Turn the inputs of a command line into sources. A file that is not there is found out when it is opened.

    Raises:
        DataError: an input is empty, a folder holds no picture or may not be read, or a pattern matches nothing.
    """
    return [source for text in inputs for source in _expand(text)]


@contextmanager
def open_source(source: Source) -> Iterator[Stream]:
    """Open a source for the length of a ``with`` block.

    Raises:
        DataError: it cannot be read; says why.
    """
    if isinstance(source, PictureSource):
        yield Stream(iter((read_picture(source.path),)), length=1, rate=None)
        return
    with _capture(source) as capture:
        length = _length(capture) if isinstance(source, VideoSource) else None
        yield Stream(_read_all(capture, source, length), length, _rate(capture))


def count_frames(sources: Iterable[Source]) -> int | None:
    """Count the frames to come, or return None where nobody knows. What cannot be opened counts as one."""
    total = 0
    for source in sources:
        if isinstance(source, CameraSource):
            return None
        if isinstance(source, VideoSource):
            try:
                with open_source(source) as stream:
                    if stream.length is None:
                        return None
                    total += stream.length
            except DataError:
                total += 1
        else:
            total += 1
    return total


def _is(test: Callable[[], bool]) -> bool:
    """Ask the file system; what may not be looked at counts as no. What is wrong with it is found when it is opened."""
    try:
        return test()
    except OSError:
        return False


def _expand(text: str) -> Sequence[Source]:
    if not text:  # it would be read as the folder that one works in
        raise DataError("an input is empty", hint="is a variable of your shell empty?")
    path = Path(text)
    if _is(path.is_dir):
        found = [one for one in _listed(path) if one.suffix.lower() in PICTURE_SUFFIXES and _is(one.is_file)]
        if not found:
            raise DataError(f"the folder {text} holds no picture", hint="pictures in its subfolders are not looked at")
    elif _is(path.exists):
        found = [path]
    elif text.isascii() and text.isdigit() and len(text) <= _CAMERA_DIGITS:
        return [CameraSource(int(text))]
    elif glob.has_magic(text):
        known = PICTURE_SUFFIXES | VIDEO_SUFFIXES
        matches = (Path(match) for match in glob.glob(text, recursive=True))  # noqa: PTH207  Path.glob takes no absolute
        found = [one for one in matches if one.suffix.lower() in known and _is(one.is_file)]
        if not found:
            raise DataError(f"no picture or video matches {text}", hint="put a pattern in quotes; ** goes into folders")
    else:
        found = [path]
    return [
        VideoSource(one) if one.suffix.lower() in VIDEO_SUFFIXES else PictureSource(one)
        for one in sorted(found, key=_natural)
    ]


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise DataError(f"cannot read the folder {folder}: {error.strerror or error}", hint=READ_HINT) from error


def _natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Key to sort by numbers inside names, of any length; the name itself decides between 1 and 01."""
    parts = re.split(r"(\d+)", str(path).casefold())
    numbers = [part.lstrip("0") if part.isdecimal() else None for part in parts]
    keys = [(-1, part) if one is None else (len(one), one) for part, one in zip(parts, numbers, strict=True)]
    return keys, str(path)


@contextmanager
def _capture(source: VideoSource | CameraSource) -> Iterator[Any]:
    """Open a video or a camera in OpenCV, without what it prints."""
    import cv2

    opened: str | int
    if isinstance(source, CameraSource):
        opened = source.index
    else:
        opened = native_path(source.path, DataError)
        try:
            source.path.open("rb").close()  # OpenCV does not say why it cannot
        except OSError as error:
            raise DataError(f"cannot read {source.name}: {error.strerror or error}", hint=READ_HINT) from error
    with captured_stderr() as output:
        capture = cv2.VideoCapture(opened)
    try:
        if not capture.isOpened():
            raise _refusal(source, output.last_line)
        yield capture
    finally:
        capture.release()


def _refusal(source: VideoSource | CameraSource, printed: str) -> DataError:
    if isinstance(source, CameraSource):
        return DataError(
            f"{source.name} cannot be opened",
            hint="is it there, free, and may you use it? The first camera is number 0",
        )
    reason = f" ({printed.rpartition('] ')[2]})" if printed else ""
    return DataError(
        f"{source.name} is no video that can be opened{reason}",
        hint="is it whole? A recording that was cut off has often lost its index",
    )


def _read_all(capture: Any, source: VideoSource | CameraSource, length: int | None) -> Iterator[Image8]:
    found = 0
    while True:
        with captured_stderr():
            there, frame = capture.read()
        if not there:
            break
        found += 1
        yield frame
    if isinstance(source, CameraSource):
        raise DataError(f"{source.name} gives no more frames", hint="was it unplugged?")
    if not found:
        raise DataError(f"{source.name} holds no frame that can be decoded", hint=_COPY_HINT)
    if length is not None and found < _CUT_SHORT * length:
        raise DataError(
            f"{source.name} is cut short: it should have {length} frames, and {found} can be decoded", hint=_COPY_HINT
        )


def _length(capture: Any) -> int | None:
    import cv2

    count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    return int(count) if math.isfinite(count) and count >= 1 else None


def _rate(capture: Any) -> float:
    import cv2

    rate = capture.get(cv2.CAP_PROP_FPS)
    return rate if math.isfinite(rate) and 0 < rate <= _FASTEST_RATE else _USUAL_RATE
