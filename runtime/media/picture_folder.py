"""The pictures among the files of a folder or a pattern; nothing is left out without a word."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from pathlib import Path

from deepmark.errors import DataError
from deepmark.files import printable
from deepmark.runtime.media.file_kinds import START_BYTES, kind_of
from deepmark.runtime.media.picture_file import READ_HINT

_JPEG_SUFFIXES = (".jfif", ".jpe", ".jpeg", ".jpg")
PICTURE_SUFFIXES = frozenset(
    (*_JPEG_SUFFIXES, ".avif", ".bmp", ".gif", ".jp2", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)
VIDEO_SUFFIXES = frozenset(
    (
        *(".3gp", ".avi", ".dv", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf"),
        *(".ogv", ".ts", ".vob", ".webm", ".wmv"),
    )
)

logger = logging.getLogger(__name__)


def list_pictures(folder: Path, *, quiet: bool = False) -> list[Path]:
    """List the pictures in a folder by name, not those in its subfolders; hidden files are not looked at.

    One line of the log says what was left out, for example ``photos: left out 3 .heic, 1 .mov``.

    Args:
        folder: path of the folder.
        quiet: whether to say nothing: of a folder that is not the user's.

    Raises:
        DataError: the folder cannot be read.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise DataError(f"cannot read the folder {folder}: {error.strerror or error}", hint=READ_HINT) from error
    return choose(paths, PICTURE_SUFFIXES, name=None if quiet else printable(folder))


def choose(paths: Iterable[Path], suffixes: AbstractSet[str], *, name: str | None) -> list[Path]:
    """Choose the files of these kinds; one line of the log says what was left out.

    Args:
        paths: files, and whatever else.
        suffixes: ends of names, in small letters.
        name: name of the folder or pattern, for the log; None for no line.
    """
    chosen, left_out = [], Counter[str]()
    for path in paths:
        suffix = path.suffix.lower()
        if suffix in suffixes and looks(path.is_file):
            chosen.append(path)
        else:
            left_out["(folder)" if looks(path.is_dir) else suffix or "(no suffix)"] += 1
    if left_out and name is not None:
        logger.warning("%s: left out %s", name, ", ".join(f"{count} {kind}" for kind, count in left_out.most_common()))
    return chosen


def way_out(folder: Path) -> str | None:
    """Say what to do with the first file of a folder that is known and not read; None where there is none."""
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in VIDEO_SUFFIXES:
            return "videos are not taken from folders: give them by name, or a pattern"
        try:
            with path.open("rb") as stream:
                kind = kind_of(stream.read(START_BYTES))
        except OSError:  # a folder, or one that may not be read
            continue
        if kind is not None and kind.way_out:
            return kind.way_out
    return None


def looks(test: Callable[[], bool]) -> bool:
    """Ask the file system; what may not be looked at counts as no. What is wrong with it is found when it is opened."""
    try:
        return test()
    except OSError:
        return False
