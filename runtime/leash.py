"""Start a child process that ends when this one does, whatever it is doing.

What a native library does to a process cannot be foreseen: it may hang with Python's lock held, so no thread of
Python's can be relied on in there. The kernel ends it instead: on Linux when the thread that started it ends, by
SIGKILL; elsewhere, and should the parent have been too quick, after a time by SIGALRM. Both outlive `exec`, so any
program can be started this way. Run as a file, this module is what sets them up. It loads nothing of ours.
"""

from __future__ import annotations

import ctypes
import math
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_SPARE_S = 10  # after the time that a parent waits itself


def leash(timeout_s: float | None) -> list[str]:
    """Return the words to put before a command, so that it ends with this process and leaves no core dump.

    On Windows there are none.

    Args:
        timeout_s: time after which this process will have ended it, in seconds; None where it has no limit.
    """
    if os.name != "posix":
        return []
    seconds = 0 if timeout_s is None else math.ceil(timeout_s) + _SPARE_S
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(seconds)]


def _main(parent: int, seconds: int, command: list[str]) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if seconds:
        signal.alarm(seconds)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before that
            sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606  of an argument list, as everywhere


if __name__ == "__main__":
    _main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
