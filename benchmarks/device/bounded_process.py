"""Run a program on this computer with a time limit and a limit on what it may print, and clean what it printed.

What a device prints is not to be trusted: it is decoded, freed of controls and cut before anybody sees it.
"""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

MAX_OUTPUT = 32 << 20  # bytes of one stream; a turn of 1000 runs prints 150 KB
_CHUNK = 1 << 16
LONGEST_LINE = 400
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """How a program ended, and what it printed.

    Attributes:
        code: exit status; the negative number of the signal where the program was stopped by us.
        out: content of its standard output.
        err: content of its standard error.
        timed_out: whether it was stopped for its time.
        flooded: whether it was stopped because it printed more than `MAX_OUTPUT`.
    """

    code: int
    out: bytes
    err: bytes
    timed_out: bool
    flooded: bool


def run_bounded(argv: Sequence[str], timeout_s: float, limit: int = MAX_OUTPUT) -> ProcessEnd:
    """Run a program to its end, or stop it; never leaves it running, also after Ctrl-C.

    Raises:
        OSError: it cannot be started.
    """
    child = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is ours to handle: the phone must be cleaned through this very program
    )
    assert child.stdout is not None
    assert child.stderr is not None
    streams = [_Reader(child, child.stdout, limit), _Reader(child, child.stderr, limit)]
    timed_out = False
    try:
        child.wait(timeout_s)
    except subprocess.TimeoutExpired:
        timed_out = True
    finally:
        child.kill()
        child.wait()
        for one in streams:
            one.thread.join(timeout=5)
    out, err = streams
    return ProcessEnd(child.returncode, out.text(), err.text(), timed_out, out.flooded or err.flooded)


class _Reader:
    def __init__(self, child: subprocess.Popen[bytes], stream: IO[bytes], limit: int) -> None:
        self._child, self._stream, self._limit = child, stream, limit
        self._parts: list[bytes] = []
        self.flooded = False
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        total = 0
        with self._stream:
            while part := self._stream.read1(_CHUNK):  # type: ignore[attr-defined]
                total += len(part)
                if total > self._limit:
                    self.flooded = True
                    self._child.kill()
                    return
                self._parts.append(part)

    def text(self) -> bytes:
        return b"".join(self._parts)


def clean(raw: bytes) -> str:
    """Return the text of some output: UTF-8 with replacements, lines kept, escape sequences and controls dropped."""
    text = _ESCAPES.sub("", raw.decode(errors="replace")).replace("\r\n", "\n")
    return "".join(one for one in text if one == "\n" or one.isprintable())


def one_line(text: str, limit: int = LONGEST_LINE) -> str:
    """Return the last line that says something, cut to a length that fits a message."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    return last if len(last) <= limit else f"{last[: limit - 1]}…"
