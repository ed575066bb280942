"""How a program of ours runs and ends: its command line, its errors, its exit code.

Nothing here knows click: `deepmark.commands` does. Programs started with ``python -m`` take `ProgramParser`.
"""

from __future__ import annotations

import argparse
import codecs
import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from deepmark.console.lines import forget_level, set_level, write_line
from deepmark.errors import DeepMarkError, UsageError, is_out_of_memory

logger = logging.getLogger(__name__)

INTERRUPTED = 130  # 128 + SIGINT, as shells report it
STOPPED = 143  # 128 + SIGTERM
STDERR = 2  # its file descriptor
_AGAIN_S = 0.05  # until what cannot be interrupted has ended

JSON_HELP = "Print the result as one JSON document on stdout."
VERBOSE_HELP = "Print what is done and why."
QUIET_HELP = "Print errors only."


class _Stopped(KeyboardInterrupt):
    """SIGTERM came: what tidies up after Ctrl-C tidies up after it, too."""


def run(main: Callable[[], int | None]) -> NoReturn:
    """Run a program and leave the process with the documented exit code.

    A `DeepMarkError` becomes ``error:`` and ``hint:`` lines on stderr and its own exit code; Ctrl-C becomes one line
    and 130, SIGTERM one line and 143, both after tidying up; a reader of stdout that went away ends the program
    quietly, a full disk below stdout with one line, and so does memory that runs out.

    Args:
        main: the program; what it returns is the exit code, None is 0.
    """
    _open_missing_streams()
    _keep_stderr_apart()
    _write_every_character()
    _tidy_up_when_stopped()
    _interrupt_again_where_it_was_lost()
    forget_level()
    try:
        code = _call(main)
        sys.stdout.flush()  # here, where a reader that went away is expected, and not when Python shuts down
    except DeepMarkError as error:
        _fail(str(error), error.hint, error.exit_code)
    except _Stopped:
        _fail("stopped (SIGTERM)", None, STOPPED)
    except KeyboardInterrupt:
        _fail("interrupted", None, INTERRUPTED)
    except Exception as error:  # noqa: BLE001  a bug is raised again
        _explain(error)
    sys.exit(code)


def _explain(error: Exception) -> NoReturn:
    """Say what is no bug of ours; a bug is raised."""
    if is_out_of_memory(error):
        logger.debug("where memory ran out", exc_info=error)
        _fail("there is not enough memory", "free some, or ask for less at once (-v shows where it ran out)", 1)
    if not isinstance(error, OSError) or error.filename is not None:  # faults of files are caught where they are
        raise error
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more when it shuts down
    if isinstance(error, BrokenPipeError):
        sys.exit(1)
    _fail(f"cannot write the result to standard output: {error.strerror}", None, 1)


def _call(main: Callable[[], int | None]) -> int:
    try:
        return main() or 0
    except SystemExit as stop:  # of --help
        return stop.code if isinstance(stop.code, int) else 0


def _tidy_up_when_stopped() -> None:
    """Let SIGTERM end this process as Ctrl-C does; one that was forked off it ends at once, as ever."""
    owner = os.getpid()

    def stop(number: int, _frame: FrameType | None) -> None:
        if os.getpid() == owner:
            raise _Stopped
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    with suppress(ValueError):  # only the main thread may say so
        signal.signal(signal.SIGTERM, stop)


def _interrupt_again_where_it_was_lost() -> None:
    """Send Ctrl-C and SIGTERM again where Python can only print them: in a finaliser, or when a weak reference ends.

    matplotlib has many of these, and one Ctrl-C in 25 met one: a traceback was printed, and the program went on.
    """
    if sys.unraisablehook is sys.__unraisablehook__ and hasattr(signal, "pthread_kill"):  # Windows has none
        sys.unraisablehook = _take_unraisable


def _take_unraisable(lost: sys.UnraisableHookArgs) -> None:
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    number = signal.SIGTERM if issubclass(lost.exc_type, _Stopped) else signal.SIGINT
    again = threading.Timer(_AGAIN_S, signal.pthread_kill, (threading.main_thread().ident, number))
    again.daemon = True
    again.start()


def _open_missing_streams() -> None:
    """Open what of stdin, stdout and stderr the program was started without (``>&-``).

    Otherwise the next file that is opened takes its number, and what a native library prints goes into that file.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STDERR:  # the lowest number that is free
        pass
    os.close(descriptor)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115  open until the end


def _keep_stderr_apart() -> None:
    """Give Python's stderr a descriptor of its own, so that what we say is never caught as a native library's noise.

    `deepmark.runtime.native_libraries` leads descriptor 2 elsewhere for a while, and other threads may speak meanwhile.
    """
    stream = sys.stderr
    with suppress(io.UnsupportedOperation):  # one in memory has no descriptor to share
        if stream.fileno() == STDERR:
            own = os.dup(STDERR)
            sys.stderr = open(own, "w", 1, stream.encoding, stream.errors, closefd=False)  # noqa: SIM115


def _write_every_character() -> None:
    """Write UTF-8 where the environment asks for ASCII, which most often nobody meant; elsewhere never fail at one."""
    for stream in (sys.stdout, sys.stderr):
        if not isinstance(stream, io.TextIOWrapper):
            continue
        if codecs.lookup(stream.encoding).name == "ascii":
            stream.reconfigure(encoding="utf-8", errors="replace")
        elif stream.errors in {"strict", "surrogateescape"}:
            stream.reconfigure(errors="backslashreplace")


def _fail(message: str, hint: str | None, code: int) -> NoReturn:
    write_line(sys.stderr, f"error: {message}")
    if hint:
        write_line(sys.stderr, f"hint: {hint}")
    sys.exit(code)


class ProgramParser(argparse.ArgumentParser):
    """The command line of a program started with ``python -m``: ``--json`` (as_json), ``-v``, ``-q``, our errors."""

    def __init__(self, prog: str, description: str, epilog: str | None = None) -> None:
        """Make a parser with the options that every program has.

        Args:
            prog: how the program is started, for example ``python -m deepmark.runtime.native``.
            description: text above the options, as it is to be printed.
            epilog: text below the options, as it is to be printed; None for none.
        """
        super().__init__(
            prog,
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_argument("--json", dest="as_json", action="store_true", help=JSON_HELP)
        self.add_argument("-v", "--verbose", action=_SetLevel, const=logging.DEBUG, help=VERBOSE_HELP)
        self.add_argument("-q", "--quiet", action=_SetLevel, const=logging.ERROR, help=QUIET_HELP)

    def error(self, message: str) -> NoReturn:
        """Refuse a wrong command line, for `run` to print.

        Raises:
            UsageError: always.
        """
        raise UsageError(message, hint=f"{self.prog} --help")


class _SetLevel(argparse.Action):
    def __init__(self, option_strings: Sequence[str], dest: str, const: int, help: str) -> None:  # noqa: A002
        super().__init__(option_strings, dest, nargs=0, const=const, default=argparse.SUPPRESS, help=help)

    def __call__(self, *_: object) -> None:
        set_level(self.const)
