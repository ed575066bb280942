"""What goes into native libraries and comes out of them: paths, and what they print.

What they print is kept away from stdout, where commands write one JSON document and nothing else, and from stderr,
where a user reads our lines and not a decoder's.
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
from pathlib import Path
from typing import BinaryIO

from deepmark.errors import DeepMarkError
from deepmark.files import printable

logger = logging.getLogger(__name__)

_MOST_BYTES = 1 << 20  # of one block that are read back
_STDOUT, _STDERR = 1, 2  # the descriptors that C writes to, whatever sys.stdout and sys.stderr are


def native_path(path: Path, error: type[DeepMarkError]) -> str:
    """Return a path as OpenCV and the engines take it.

    On Linux the name of a file may be any bytes. Those libraries want Unicode; on anything else OpenCV crashes. And the
    FFmpeg in OpenCV takes what stands before a colon for a protocol: ``12:30.mp4`` is not found, ``http:film.mp4`` is
    looked up in the network. Behind ``./`` it is a file.

    Raises:
        DeepMarkError: of the kind ``error``: the path is not Unicode.
    """
    try:
        text = os.fsencode(path).decode()  # they write it as UTF-8 again, whatever the locale is
    except UnicodeError as cause:
        raise error(
            f"{printable(path)} is a name that is not Unicode", hint="rename it, or use another place"
        ) from cause
    if ":" in text and not path.is_absolute() and not path.drive:
        text = os.path.join(os.curdir, text)  # noqa: PTH118  a Path drops what we add
    return text


@dataclass(slots=True)
class NativeOutput:
    """What was printed; complete when the ``with`` block has ended."""

    text: str = ""

    @property
    def last_line(self) -> str:
        """The last line that is not blank; empty where there is none."""
        lines = [line.strip() for line in self.text.splitlines() if line.strip()]
        return lines[-1] if lines else ""


def captured_stdout() -> AbstractContextManager[NativeOutput]:
    """Catch everything that goes to the process's standard output; it is logged at debug level.

    Several threads may do so at once. What other threads print meanwhile is caught too, so keep the block short.
    """
    return _captured(_diverted[_STDOUT])


def captured_stderr() -> AbstractContextManager[NativeOutput]:
    """Catch everything that goes to the standard error output, where OpenCV and the decoders below it complain.

    What Python prints there is caught too, unless `sys.stderr` has a descriptor of its own, as in every command.
    """
    return _captured(_diverted[_STDERR])


@contextmanager
def _captured(diverted: _Diverted) -> Iterator[NativeOutput]:
    output = NativeOutput()
    diverted.enter()
    start = diverted.position()
    try:
        yield output
    finally:
        output.text = diverted.leave(start)
    if output.text.strip():
        logger.debug("the native library printed: %s", output.text.strip())


class _Diverted:
    """A descriptor that leads into a file from the first thread that enters until the last one has left."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()  # the descriptors belong to the whole process
        self._inside = 0
        self._kept: tuple[int, BinaryIO] | None = None  # where it leads otherwise, and the file

    def enter(self) -> None:
        with self._lock:
            if not self._inside:
                self._divert()
            self._inside += 1

    def position(self) -> int:
        """Return where in the file what is printed next will stand."""
        with self._lock:
            _flush()
            return os.fstat(self._kept[1].fileno()).st_size if self._kept else 0

    def leave(self, start: int) -> str:
        """Return what was printed from ``start`` on."""
        with self._lock:
            _flush()
            text = b""
            if self._kept:
                text = os.pread(self._kept[1].fileno(), _MOST_BYTES, start)
            self._inside -= 1
            if not self._inside:
                self._restore()
        return text.decode(errors="replace")

    def _divert(self) -> None:
        try:
            before = os.dup(self._descriptor)
        except OSError:  # the process was started without it: nothing to protect
            return
        _flush()
        sink = tempfile.TemporaryFile()  # noqa: SIM115  closed in _restore
        os.dup2(sink.fileno(), self._descriptor)
        self._kept = before, sink

    def _restore(self) -> None:
        if self._kept:
            before, sink = self._kept
            os.dup2(before, self._descriptor)
            os.close(before)
            sink.close()
            self._kept = None


_diverted = {descriptor: _Diverted(descriptor) for descriptor in (_STDOUT, _STDERR)}


def _flush() -> None:
    """Empty Python's and C's buffers into the descriptor as it is now."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # may be gone, closed, or a pipe without a reader
            stream.flush()
    ctypes.CDLL(None).fflush(None)
