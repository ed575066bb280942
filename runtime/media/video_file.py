"""Annotated videos: MPEG-4 in an .mp4 file, which every OpenCV wheel writes and every player plays.

A side with an odd number of pixels loses its last one: the format has one colour value for 2 x 2 pixels.
"""

from __future__ import annotations

import errno
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from deepmark.errors import DataError, DeepMarkError
from deepmark.runtime.arrays import Image8
from deepmark.runtime.native_libraries import captured_stderr, native_path

SUFFIX = ".mp4"
_CODEC = "mp4v"


class VideoFile:
    """A video that is being written; its size is that of the first frame.

    Args:
        path: path of the file; it must end in `SUFFIX`.
        rate: frames a second.
    """

    def __init__(self, path: Path, rate: float) -> None:
        self._path, self._rate = path, rate
        self._writer: Any = None
        self._frames = 0

    def write(self, image: Image8) -> None:
        """Append a frame, (H, W, 3) uint8, BGR.

        Raises:
            DataError: no video can have frames of this size.
            DeepMarkError: no video can be written to a path like this one.
        """
        import cv2

        height, width = image.shape[:2]
        with captured_stderr():
            if self._writer is None:
                code = cv2.VideoWriter.fourcc(*_CODEC)
                path = native_path(self._path, DeepMarkError)
                self._writer = cv2.VideoWriter(path, code, self._rate, (width, height))
                if not self._writer.isOpened():
                    self._writer = None
                    self._path.unlink(missing_ok=True)  # it leaves an empty one
                    raise DataError(f"no video of {width}x{height} pixels can be written")
            self._writer.write(image)
        self._frames += 1

    def close(self) -> None:
        """Finish the file.

        Raises:
            OSError: not every frame is in it: OpenCV says nothing when a disk is full.
        """
        import cv2

        if self._writer is None:
            return
        with captured_stderr():
            self._writer.release()
            self._writer = None
            check = cv2.VideoCapture(str(self._path))
            found = int(check.get(cv2.CAP_PROP_FRAME_COUNT)) if check.isOpened() else 0
            check.release()
        if found < self._frames:
            raise OSError(errno.EIO, f"only {found} of {self._frames} frames are in it; is the disk full?")

    def __enter__(self) -> Self:
        """Return the file itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the file, also when the frames broke off."""
        self.close()
