"""What ``deepmark detect`` looks at: pictures, videos and cameras, each as a stream of frames.

An input is a picture or video file, a folder (the pictures in it, no hidden ones or subfolders), a quoted pattern with
``*``, ``?`` or ``[...]`` (``**`` for any folders), or the number of a camera. Files come in natural order: 2 before 10.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deepmark.errors import DataError
from deepmark.files import printable
from deepmark.runtime.media.picture_file import read_picture
from deepmark.runtime.media.picture_folder import (
    PICTURE_SUFFIXES,
    VIDEO_SUFFIXES,
    choose,
    list_pictures,
    looks,
    way_out,
)
from deepmark.runtime.media.video_stream import Stream, TimedImage, open_camera, open_video

_SUBFOLDERS = "pictures in its subfolders are not looked at"
_CAMERA_DIGITS = 2  # OpenCV reads hundreds as the choice of a driver


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


@dataclass(frozen=True, slots=True)
class EmptySource:
    """An input that holds nothing to look at, beside others that do; it fails when it is opened.

    Attributes:
        name: input as it was given.
        reason: sentence that says why.
        hint: next step; None where there is none.
    """

    name: str
    reason: str
    hint: str | None


FrameSource = PictureSource | VideoSource | CameraSource
Source = FrameSource | EmptySource


def find_sources(inputs: Iterable[str]) -> list[Source]:
    """Turn the inputs of a command line into sources. What is wrong with one is found out when it is opened.

    One line of the log says what was left out of a folder, or of the matches of a pattern.

    Raises:
        DataError: no input holds anything to look at: it is empty, a folder without pictures or one that may not be
            read, or a pattern that matches nothing.
    """
    sources: list[Source] = []
    first: DataError | None = None
    for text in inputs:
        try:
            sources.extend(_expand(text))
        except DataError as error:
            first = first or error
            sources.append(EmptySource(printable(Path(text)), str(error), error.hint))
    if first is not None and all(isinstance(source, EmptySource) for source in sources):
        raise first
    return sources


@contextmanager
def open_source(source: Source) -> Iterator[Stream]:
    """Open a source for the length of a ``with`` block.

    Raises:
        DataError: it cannot be read; says why.
    """
    if isinstance(source, EmptySource):
        raise DataError(source.reason, hint=source.hint)
    if isinstance(source, PictureSource):
        yield Stream(iter((TimedImage(read_picture(source.path), 0.0),)), length=1, rate=None)
        return
    opened = open_camera(source.index) if isinstance(source, CameraSource) else open_video(source.path)
    with opened as stream:
        yield stream


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
            except Exception:  # noqa: BLE001  whatever it is, it is told when the source is processed
                total += 1
        else:
            total += 1
    return total


def _expand(text: str) -> Sequence[Source]:
    if not text:  # it would be read as the folder that one works in
        raise DataError("an input is empty", hint="is a variable of your shell empty?")
    path = Path(text)
    if looks(path.is_dir):
        found = list_pictures(path)
        if not found:
            raise DataError(f"the folder {text} holds no picture", hint=way_out(path) or _SUBFOLDERS)
    elif looks(path.exists):
        found = [path]
    elif text.isascii() and text.isdigit() and len(text) <= _CAMERA_DIGITS:
        return [CameraSource(int(text))]
    elif glob.has_magic(text):
        known = PICTURE_SUFFIXES | VIDEO_SUFFIXES
        matches = map(Path, glob.glob(text, recursive=True))  # noqa: PTH207  Path.glob takes no absolute
        found = choose((match for match in matches if not looks(match.is_dir)), known, name=text)
        if not found:
            raise DataError(f"no picture or video matches {text}", hint="put a pattern in quotes; ** goes into folders")
    else:
        found = [path]
    return [
        VideoSource(one) if one.suffix.lower() in VIDEO_SUFFIXES else PictureSource(one)
        for one in sorted(found, key=_natural)
    ]


def _natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Key to sort by numbers inside names, of any length; the name itself decides between 1 and 01."""
    parts = re.split(r"(\d+)", str(path).casefold())
    numbers = [part.lstrip("0") if part.isdecimal() else None for part in parts]
    keys = [(-1, part) if one is None else (len(one), one) for part, one in zip(parts, numbers, strict=True)]
    return keys, str(path)
