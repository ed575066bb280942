"""The folder that results go to: annotated pictures and videos, and one line of JSON a frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from deepmark.errors import DeepMarkError, UsageError
from deepmark.files import printable, shortened, sole_use, whole_file, with_name, write_whole
from deepmark.runtime.arrays import Image8
from deepmark.runtime.media.picture_file import encode_picture
from deepmark.runtime.media.records import FrameRecord
from deepmark.runtime.media.sources import CameraSource, FrameSource, PictureSource, Source, VideoSource
from deepmark.runtime.media.video_file import SUFFIX, VideoFile

RECORDS_NAME = "detections.jsonl"
KEPT_SUFFIXES = frozenset((".jpeg", ".jpg", ".png"))  # pictures of all other kinds become .png


class OutputFolder:
    """A folder of results; every file appears in it whole or not at all.

    Attributes:
        path: path of the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._taken = {RECORDS_NAME}

    @contextmanager
    def opened(self, sources: Sequence[Source]) -> Iterator[Callable[[FrameRecord], None]]:
        """Make the folder, and yield a function that appends a record to its `RECORDS_NAME`.

        The records so far are kept, whatever ends the block. A new folder in which nothing was written is taken away.

        Raises:
            UsageError: a source lies in the folder, and might be overwritten.
            DeepMarkError: it cannot be made or written to, or another run is writing to it.
        """
        self._refuse_sources(sources)
        new = not self.path.exists()
        try:
            with (
                whole_file(self.path / RECORDS_NAME, keep_part=True) as hidden,
                self._alone(),
                hidden.open("wb") as stream,
            ):

                def append(record: FrameRecord) -> None:
                    stream.write(msgspec.json.encode(record) + b"\n")
                    stream.flush()  # what a killed process leaves, in the hidden file, is all that it did

                try:
                    yield append
                finally:
                    if not stream.tell():
                        hidden.unlink()
        finally:
            if new:
                with suppress(OSError):  # not empty
                    self.path.rmdir()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with sole_use(self.path) as alone:
            if not alone:
                raise DeepMarkError(
                    f"another run is writing to {self.path}, and each would replace the other's {RECORDS_NAME}",
                    hint="choose another folder with --output, or wait",
                )
            yield

    def name_for(self, source: FrameSource) -> str:
        """Choose the name of a source's output: its own, with a number where another source took that."""
        if isinstance(source, CameraSource):
            stem, suffix = f"camera{source.index}", SUFFIX
        else:
            stem, suffix = printable(Path(source.path.stem)), source.path.suffix.lower()
            if not isinstance(source, PictureSource):
                suffix = SUFFIX
            elif suffix not in KEPT_SUFFIXES:
                suffix = ".png"
        name, number = shortened(stem, suffix), 1
        while name.casefold() in self._taken:  # some file systems do not tell A from a
            number += 1
            name = shortened(stem, f"-{number}{suffix}")
        self._taken.add(name.casefold())
        return name

    @contextmanager
    def writer(self, name: str, rate: float | None) -> Iterator[Callable[[Image8, float], None]]:
        """Yield a function that writes frames to the file ``name``: a video of this rate, or one picture (None).

        It takes a frame and its time in seconds. A video that breaks off, by Ctrl-C or by any fault but the disk's, is
        kept as far as it goes.

        Raises:
            DataError: the format cannot hold such a picture.
            DeepMarkError: the file cannot be written.
        """
        target = with_name(self.path, name)
        if rate is None:
            yield lambda image, _seconds: write_picture(target, image)
            return
        with whole_file(target, keep_part=True) as hidden, VideoFile(hidden, rate) as video:
            yield video.write

    def _refuse_sources(self, sources: Sequence[Source]) -> None:
        for source in sources:
            if isinstance(source, (PictureSource, VideoSource)) and source.path.resolve().parent == self.path.resolve():
                raise UsageError(
                    f"{source.name} lies in the output folder {self.path} and might be overwritten",
                    hint="choose another folder with --output",
                )


def write_picture(target: Path, image: Image8) -> None:
    """Write a picture in the format that the file's suffix names.

    Raises:
        DataError: the format cannot hold it.
        DeepMarkError: the file cannot be written.
    """
    content = encode_picture(image, target.suffix.lower())
    write_whole(target, content)
