"""A window that shows what is found (``deepmark detect --show``)."""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Self

from deepmark.errors import DeepMarkError
from deepmark.runtime.arrays import Image8

_TITLE = "deepmark"
_STOP_KEYS = frozenset((ord("q"), 27))  # 27: Escape


class Window:
    """A window, for the length of a ``with`` block. Any key shows the next picture, q or Escape ends."""

    def __enter__(self) -> Self:
        """Open the window.

        Raises:
            DeepMarkError: there is no screen, or this OpenCV draws no windows.
        """
        import cv2

        # Without a screen, OpenCV's window library ends the whole process.
        if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise DeepMarkError(
                "--show needs a screen, and there is none", hint="leave it out: results go to files too"
            )
        try:
            cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
        except cv2.error as error:
            raise DeepMarkError(
                "--show needs an OpenCV that can draw windows, and this one cannot",
                hint="pip uninstall opencv-python-headless, then pip install opencv-python",
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the window."""
        import cv2

        cv2.destroyAllWindows()

    def show(self, image: Image8, *, still: bool) -> bool:
        """Show a picture until a key is pressed (``still``), or a frame of a video for a moment.

        Returns:
            Whether to go on.

        Raises:
            DeepMarkError: the screen went away.
        """
        import cv2

        try:
            cv2.imshow(_TITLE, image)
            return cv2.waitKey(0 if still else 1) & 0xFF not in _STOP_KEYS
        except cv2.error as error:  # of the window, not of the picture that is in it
            raise DeepMarkError(f"--show cannot draw any more: {error}", hint="leave it out") from error
