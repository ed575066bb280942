"""Annotated videos: MPEG-4 in an .mp4 file, which every OpenCV wheel writes and every player plays.

A side with an odd number of pixels loses its last one: the format has one colour value for 2 x 2 pixels. OpenCV writes
frames at one rate only; a frame that is shown for longer than that stands there several times.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

from deepmark.errors import DataError, DeepMarkError
from deepmark.runtime.arrays import Image8
from deepmark.runtime.closing import Closing
from deepmark.runtime.native_libraries import captured_stderr, native_path

SUFFIX = ".mp4"
_CODEC = "mp4v"


class VideoFile(Closing):
    """A video that is being written; its size is that of the first frame.

    Args:
        path: path of the file; it must end in `SUFFIX`.
        rate: frames a second.
    """

    def __init__(self, path: Path, rate: float) -> None:
        self._path, self._rate = path, rate
        self._writer: Any = None
        self._frames = 0
        self._last: Image8 | None = None
        self._start_s = 0.0

    def write(self, image: Image8, seconds: float) -> None:
        """Append a frame; the one before it is held until then.

        Args:
            image: BGR picture, (H, W, 3) uint8, of the size of the first one.
            seconds: time of the frame, later than that of the one before it. One that comes sooner than the rate
                allows is written all the same, and the video catches up where frames come more slowly.

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
                self._start_s = seconds
            if self._last is not None:
                self._append(self._last, round((seconds - self._start_s) * self._rate) - self._frames)
            self._append(image, 1)
        self._last = image

    def _append(self, image: Image8, times: int) -> None:
        for _ in range(times):
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
            check = cv2.VideoCapture(native_path(self._path, DeepMarkError))
            found = int(check.get(cv2.CAP_PROP_FRAME_COUNT)) if check.isOpened() else 0
            check.release()
        if found < self._frames:
            raise OSError(errno.EIO, f"only {found} of {self._frames} frames are in it; is the disk full?")
