"""Keep what a native library prints away from stdout, where commands write one JSON document and nothing else.

And away from stderr, where a user reads our lines and not a decoder's.
"""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass

logger = logging.getLogger(__name__)

_STDOUT, _STDERR = 1, 2  # the descriptors that C writes to, whatever sys.stdout and sys.stderr are
_lock = threading.RLock()  # the descriptors belong to the whole process


@dataclass(slots=True)
class NativeOutput:
    """What was printed; complete when the ``with`` block has ended."""

    text: str = ""

    @property
    def last_line(self) -> str:
        """The last line that says something, or nothing."""
        lines = [line.strip() for line in self.text.splitlines() if line.strip()]
        return lines[-1] if lines else ""


def captured_stdout() -> AbstractContextManager[NativeOutput]:
    """Catch everything that goes to the process's standard output; it is logged at debug level.

    One thread at a time; what other threads print meanwhile is caught too, so keep the block short.
    """
    return _captured(_STDOUT)


def captured_stderr() -> AbstractContextManager[NativeOutput]:
    """The same for the standard error output, where OpenCV and the decoders below it complain."""
    return _captured(_STDERR)


@contextmanager
def _captured(descriptor: int) -> Iterator[NativeOutput]:
    output = NativeOutput()
    with _lock, tempfile.TemporaryFile() as sink:
        try:
            saved = os.dup(descriptor)
        except OSError:  # the process was started without it: nothing to protect
            yield output
            return
        _flush()
        os.dup2(sink.fileno(), descriptor)
        try:
            yield output
        finally:
            _flush()
            os.dup2(saved, descriptor)
            os.close(saved)
            sink.seek(0)
            output.text = sink.read().decode(errors="replace")
    if output.text.strip():
        logger.debug("the native library printed: %s", output.text.strip())


def _flush() -> None:
    """Empty Python's and C's buffers into the descriptor as it is now."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # may be gone, closed, or a pipe without a reader
            stream.flush()
    ctypes.CDLL(None).fflush(None)
